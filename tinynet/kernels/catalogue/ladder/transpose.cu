// The transpose, in three rungs.
//
//     y[column, row] = x[row, column]
//
//   y (out)  (w, h)
//   x        (h, w)        row-major; h and w multiples of 32
//
// Nothing is computed. The whole question is in which order the numbers are touched.

// transpose_naive
// One thread moves one number. Neighbouring threads read neighbours, and write a column: numbers
// that lie a row of y apart, each in a sector of its own.
// Launch: block (32, 8), grid (w / 32, h / 8).
extern "C" __global__ void transpose_naive(float* y, const float* x, int h, int w) {
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    y[column * h + row] = x[row * w + column];
}

// transpose_tiled
// A block reads a tile of 32 x 32 along the rows of x, and writes it along the rows of y. The turn
// is made in between, in shared memory, where there are no sectors. But a column of the tile lies
// in one bank: the lanes that read it are served one by one.
// Launch: block (32, 8), grid (w / 32, h / 32).
#define SIDE 32
extern "C" __global__ void transpose_tiled(float* y, const float* x, int h, int w) {
    __shared__ float tile[SIDE][SIDE];
    const int top = blockIdx.y * SIDE, left = blockIdx.x * SIDE;
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y) {
        tile[i][threadIdx.x] = x[(top + i) * w + left + threadIdx.x];
    }
    __syncthreads();  // a thread writes what others have read
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y) {
        y[(left + i) * h + top + threadIdx.x] = tile[threadIdx.x][i];
    }
}

// transpose_padded
// One word of padding ends each row of the tile, so that each row begins one bank further. A column
// now meets all 32 banks, and is read in one pass. Launch: block (32, 8), grid (w / 32, h / 32).
extern "C" __global__ void transpose_padded(float* y, const float* x, int h, int w) {
    __shared__ float tile[SIDE][SIDE + 1];
    const int top = blockIdx.y * SIDE, left = blockIdx.x * SIDE;
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y) {
        tile[i][threadIdx.x] = x[(top + i) * w + left + threadIdx.x];
    }
    __syncthreads();
    for (int i = threadIdx.y; i < SIDE; i += blockDim.y) {
        y[(left + i) * h + top + threadIdx.x] = tile[threadIdx.x][i];
    }
}
