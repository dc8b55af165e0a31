// A right solution of the exercise bias_forward. The tests make wrong ones of it.

extern "C" __global__ void bias_forward_kernel(REAL* y, const REAL* bias, int n, int c,
                                               int plane) {
    const int total = n * c * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ci = index / plane % c;
        y[index] += bias[ci];
    }
}
