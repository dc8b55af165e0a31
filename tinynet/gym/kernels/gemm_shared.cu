// The matrix product through shared memory, one element a thread:
//
//     c[row, column] = sum over i < k of a[row, i] * b[i, column]
//
// It stands between the two of ../../kernels/gemm.cu, which says what a product costs. The engine
// has no use for it. What holds for every kernel, such as REAL, is in ../../kernels/README.md.

#define SIDE 16

// gemm_shared
//   c (out)  (m, n)
//   a        (m, k)
//   b        (k, n)        all row-major, any sizes
// One block computes a 16 x 16 tile of c. It walks along k: at each step its threads copy 16 x 16
// numbers of a and of b into shared memory, and each of these serves 16 threads.
// One thread computes one element of c. What lies outside a or b is copied as 0, which adds nothing.
// Every thread reaches every barrier, even one whose element lies outside.
// Launch: block (16, 16), grid (ceil(n / 16), at most ceil(m / 16)); down the rows, a block goes on
// to those that no block has.
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
