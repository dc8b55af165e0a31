// Matrix product, twice: the plain way, then the way every fast one begins.
//
//     c[row, column] = sum over i < k of a[row, i] * b[i, column]
//   c (out)  (m, n)
//   a        (m, k)
//   b        (k, n)        all row-major, any sizes
//
// Here the names are BLAS's: m, n, k are the sizes. threadIdx.x runs along a row of c, because
// neighbouring threads must touch neighbouring addresses; threadIdx.y runs down the rows.
//
// What a product costs is memory, not arithmetic. gemm_naive reads two numbers from global memory
// for each multiply-add. gemm_tiled reads 1/32 of a number there (each number of a and b 64 times
// less often), and half a number from shared memory. cuBLAS goes on from there (vector loads,
// double buffering, tensor cores); the engine uses it unless TINYNET_GEMM is naive or tiled.
//
// The grid must cover the columns of c, as geometry.py makes it. Down the rows there may be more
// than a grid has blocks: there a block goes on to the next rows that no block has.
// What holds for every kernel, such as REAL, is in README.md.

// gemm_naive
// One thread computes one element of c. In a warp the read of a is one address for all 32 threads,
// the read of b one run of 32.
// Launch: block (32, 8), grid (ceil(n / 32), at most ceil(m / 8)).
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

#define TILE 64             // a block computes TILE x TILE elements of c
#define DEPTH 32            // and walks along k in steps of DEPTH
#define SIDE 16             // with SIDE x SIDE threads,
#define EACH (TILE / SIDE)  // so each thread computes EACH x EACH elements

// gemm_tiled
// One block computes a 64 x 64 tile of c. It walks along k: at each step its threads copy the
// 64 x 32 tile of a and the 32 x 64 tile of b that the step needs into shared memory, once, and
// then all of them read there.
// One thread computes 4 x 4 elements of c, 16 apart both ways, and keeps the 16 sums in registers:
// 8 reads of shared memory serve 16 multiply-adds.
// Odd sizes: what lies outside a or b is copied as 0, which adds nothing; what lies outside c is
// not written. Every thread reaches every barrier, even one whose part of c lies outside.
// Launch: block (16, 16), grid (ceil(n / 64), at most ceil(m / 64)); static shared memory: 16.3 KiB
// (float; twice that in double).
extern "C" __global__ void gemm_tiled_kernel(REAL* c, const REAL* a, const REAL* b, int m, int n,
                                             int k) {
    // Shared memory has 32 banks, each one word wide: word w lies in bank w % 32, and a bank serves
    // one word at a time. A warp is two rows of 16 threads, so it reads a_tile in two rows at once.
    // With rows of 32 words both would lie in one bank, and each read would take two passes. One
    // word of padding shifts every row by one bank. (b_tile is read along its rows: no conflict.)
    __shared__ REAL a_tile[TILE][DEPTH + 1];
    __shared__ REAL b_tile[DEPTH][TILE];
    const int left = blockIdx.x * TILE;
    const int thread = threadIdx.y * SIDE + threadIdx.x;

    for (int top = blockIdx.y * TILE; top < m; top += gridDim.y * TILE) {
        REAL sum[EACH][EACH] = {};
        for (int step = 0; step < k; step += DEPTH) {
            for (int i = thread; i < TILE * DEPTH; i += SIDE * SIDE) {
                const int row = i / DEPTH, column = i % DEPTH;  // in a's tile
                const bool inside = top + row < m && step + column < k;
                a_tile[row][column] = inside ? a[(top + row) * k + step + column] : REAL(0);
            }
            for (int i = thread; i < DEPTH * TILE; i += SIDE * SIDE) {
                const int row = i / TILE, column = i % TILE;  // in b's tile
                const bool inside = step + row < k && left + column < n;
                b_tile[row][column] = inside ? b[(step + row) * n + left + column] : REAL(0);
            }
            __syncthreads();  // the tiles are full before anyone reads them

            for (int i = 0; i < DEPTH; ++i) {
                REAL a_part[EACH], b_part[EACH];
                for (int j = 0; j < EACH; ++j) {
                    a_part[j] = a_tile[threadIdx.y + SIDE * j][i];
                    b_part[j] = b_tile[i][threadIdx.x + SIDE * j];
                }
                for (int row = 0; row < EACH; ++row) {
                    for (int column = 0; column < EACH; ++column) {
                        sum[row][column] += a_part[row] * b_part[column];
                    }
                }
            }
            __syncthreads();  // everyone has read them before the next step overwrites them
        }

        for (int i = 0; i < EACH; ++i) {
            for (int j = 0; j < EACH; ++j) {
                const int row = top + threadIdx.y + SIDE * i;
                const int column = left + threadIdx.x + SIDE * j;
                if (row < m && column < n) c[row * n + column] = sum[i][j];
            }
        }
    }
}
