// A right solution of the exercise vector_add. The tests make wrong ones of it.

extern "C" __global__ void vector_add_kernel(REAL* y, const REAL* a, const REAL* b, int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        y[index] = a[index] + b[index];
    }
}
