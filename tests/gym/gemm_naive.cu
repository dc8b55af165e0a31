// A right solution of the exercise gemm_naive. The tests make wrong ones of it.

extern "C" __global__ void gemm_naive_kernel(REAL* c, const REAL* a, const REAL* b, int m, int n,
                                             int k) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= n) return;
    for (int row = blockIdx.y * blockDim.y + threadIdx.y; row < m; row += gridDim.y * blockDim.y) {
        REAL sum = 0;
        for (int i = 0; i < k; ++i) {
            sum += a[row * k + i] * b[i * n + column];
        }
        c[row * n + column] = sum;
    }
}
