// A right solution of the exercise tanh_forward. The tests make wrong ones of it.

extern "C" __global__ void tanh_forward_kernel(REAL* y, const REAL* x, int size) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < size; index += gridDim.x * blockDim.x) {
        y[index] = tanh(x[index]);
    }
}
