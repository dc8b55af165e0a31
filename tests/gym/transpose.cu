// A right solution of the exercise transpose. The tests make wrong ones of it.

#define TILE 32

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
