// Activations: ReLU (AlexNet, sec. 3.1) and tanh, which it replaced.
//
//     relu(x) = max(x, 0), a NaN stays NaN        tanh(x) = (e^x - e^-x) / (e^x + e^-x)
//
// All arrays are flat: `size` elements of whatever shape. One thread computes one element. Both
// derivatives follow from y alone, so backward needs y, not x: x may be freed.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// relu_forward:  y = x < 0 ? 0 : x       (written so that NaN < 0, which is false, keeps the NaN)
//   y (out), x  (size,)
// Saves y for backward.
extern "C" __global__ void relu_forward_kernel(REAL* y, const REAL* x, int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        y[index] = x[index] < REAL(0) ? REAL(0) : x[index];
    }
}

// relu_backward:  dx = dy where y > 0, else 0       (the derivative at 0 is taken as 0)
//   dx (out), dy, y  (size,)
extern "C" __global__ void relu_backward_kernel(REAL* dx, const REAL* dy, const REAL* y,
                                                int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        dx[index] = y[index] > REAL(0) ? dy[index] : REAL(0);
    }
}

// tanh_forward:  y = tanh(x)
//   y (out), x  (size,)
// Saves y for backward.
extern "C" __global__ void tanh_forward_kernel(REAL* y, const REAL* x, int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        y[index] = tanh(x[index]);
    }
}

// tanh_backward:  dx = dy * (1 - y^2)
//   dx (out), dy, y  (size,)
extern "C" __global__ void tanh_backward_kernel(REAL* dx, const REAL* dy, const REAL* y,
                                                int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        dx[index] = dy[index] * (REAL(1) - y[index] * y[index]);
    }
}
