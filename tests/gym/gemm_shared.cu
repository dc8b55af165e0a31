// A right solution of the exercise gemm_shared. The tests make wrong ones of it.

#define SIDE 16

extern "C" __global__ void gemm_shared_kernel(REAL* c, const REAL* a, const REAL* b, int m, int n,
                                              int k) {
    __shared__ REAL a_tile[SIDE][SIDE], b_tile[SIDE][SIDE];
    const int column = blockIdx.x * SIDE + threadIdx.x;
    for (int top = blockIdx.y * SIDE; top < m; top += gridDim.y * SIDE) {
        const int row = top + threadIdx.y;
        REAL sum = 0;
        for (int step = 0; step < k; step += SIDE) {
            const int a_column = step + threadIdx.x, b_row = step + threadIdx.y;
            a_tile[threadIdx.y][threadIdx.x] =
                row < m && a_column < k ? a[row * k + a_column] : REAL(0);
            b_tile[threadIdx.y][threadIdx.x] =
                b_row < k && column < n ? b[b_row * n + column] : REAL(0);
            __syncthreads();  // the tiles are full before anyone reads them
            for (int i = 0; i < SIDE; ++i) sum += a_tile[threadIdx.y][i] * b_tile[i][threadIdx.x];
            __syncthreads();  // all have read them before the next step overwrites them
        }
        if (row < m && column < n) c[row * n + column] = sum;
    }
}
