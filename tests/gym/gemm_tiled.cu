// A right solution of the exercise gemm_tiled. The tests make wrong ones of it.

extern "C" __global__ void gemm_tiled_kernel(REAL* c, const REAL* a, const REAL* b, int m, int n,
                                             int k) {
    __shared__ REAL a_tile[64][33];
    __shared__ REAL b_tile[32][64];
    const int left = blockIdx.x * 64;
    const int thread = threadIdx.y * 16 + threadIdx.x;

    for (int top = blockIdx.y * 64; top < m; top += gridDim.y * 64) {
        REAL sum[4][4] = {};
        for (int step = 0; step < k; step += 32) {
            for (int t = thread; t < 64 * 32; t += 256) {
                const int row = top + t / 32, i = step + t % 32;
                a_tile[t / 32][t % 32] = row < m && i < k ? a[row * k + i] : REAL(0);
            }
            for (int t = thread; t < 32 * 64; t += 256) {
                const int i = step + t / 64, column = left + t % 64;
                b_tile[t / 64][t % 64] = i < k && column < n ? b[i * n + column] : REAL(0);
            }
            __syncthreads();  // the tiles are full

            for (int depth = 0; depth < 32; ++depth) {
                REAL from_a[4], from_b[4];
                for (int i = 0; i < 4; ++i) {
                    from_a[i] = a_tile[threadIdx.y + 16 * i][depth];
                    from_b[i] = b_tile[depth][threadIdx.x + 16 * i];
                }
                for (int i = 0; i < 4; ++i) {
                    for (int j = 0; j < 4; ++j) sum[i][j] += from_a[i] * from_b[j];
                }
            }
            __syncthreads();  // all have read them
        }
        for (int i = 0; i < 4; ++i) {
            for (int j = 0; j < 4; ++j) {
                const int row = top + threadIdx.y + 16 * i;
                const int column = left + threadIdx.x + 16 * j;
                if (row < m && column < n) c[row * n + column] = sum[i][j];
            }
        }
    }
}
