// A right solution of the exercise tanh_backward. The tests make wrong ones of it.

extern "C" __global__ void tanh_backward_kernel(REAL* dx, const REAL* dy, const REAL* y,
                                                int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        dx[index] = dy[index] * (REAL(1) - y[index] * y[index]);
    }
}
