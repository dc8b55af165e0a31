// The transpose of a matrix:
//
//     y[column, row] = x[row, column]
//
// tinynet has no use for it: its products read a transposed matrix where it lies. The ladder
// (docs/ladder.md) climbs to this kernel in three steps, for sizes that suit it; here are all sizes.
// What holds for every kernel, such as REAL, is in ../../kernels/README.md.

#define TILE 32

// transpose
//   y (out)  (w, h)
//   x        (h, w)
// One block takes a tile of 32 x 32: it reads rows of x into shared memory, and writes rows of y
// from its columns, so that in both the 32 threads of a warp touch neighbouring addresses. One
// thread moves an element of each 8th row. Nothing is saved: the gradient is the transpose of dy.
// Launch: block (32, 8), grid (ceil(w / 32), at most ceil(h / 32)); down x, a block goes on to the
// tile that no block has.
extern "C" __global__ void transpose_kernel(REAL* y, const REAL* x, int h, int w) {
    // A column of a tile with rows of 32 words would lie in one bank. One word of padding shifts
    // each row by one bank.
    __shared__ REAL tile[TILE][TILE + 1];
    const int left = blockIdx.x * TILE;
    for (int top = blockIdx.y * TILE; top < h; top += gridDim.y * TILE) {
        for (int i = threadIdx.y; i < TILE; i += blockDim.y) {
            const int row = top + i, column = left + threadIdx.x;
            if (row < h && column < w) tile[i][threadIdx.x] = x[row * w + column];
        }
        __syncthreads();  // a thread writes what others have read
        for (int i = threadIdx.y; i < TILE; i += blockDim.y) {
            const int row = top + threadIdx.x, column = left + i;
            if (row < h && column < w) y[column * h + row] = tile[threadIdx.x][i];
        }
        __syncthreads();  // all have read the tile before the next one overwrites it
    }
}
