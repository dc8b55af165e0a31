// The sum of two vectors:
//
//     y[i] = a[i] + b[i]
//
// It is here to be written as a first kernel; tinynet adds arrays with NumPy's and CuPy's own +.
// What holds for every kernel, such as REAL and the loop over the grid, is in
// ../../kernels/README.md.

// vector_add
//   y (out), a, b  (size,)
// One thread computes one element. Nothing is saved: the gradient of a sum is dy, for both.
extern "C" __global__ void vector_add_kernel(REAL* y, const REAL* a, const REAL* b, int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        y[index] = a[index] + b[index];
    }
}
