// y (w, h) = x (h, w) transposed, three times: the classic of memory access. Blocks of (32, 32).

extern "C" __global__ void transpose_naive_kernel(float* y, const float* x, int h, int w) {
  int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 32 + threadIdx.y;
  if (i < h && j < w)
    y[j * h + i] =      // NAIVE WRITE
        x[i * w + j];   // NAIVE READ
}

// Through a tile, so that the lanes of a warp read a row of x and write a row of y.
extern "C" __global__ void transpose_tiled_kernel(float* y, const float* x, int h, int w) {
  __shared__ float tile[32][32];
  int top = blockIdx.y * 32, left = blockIdx.x * 32, a = threadIdx.y, b = threadIdx.x;
  if (top + a < h && left + b < w)
    tile[a][b] =                        // TILED STORE
        x[(top + a) * w + left + b];    // TILED READ
  __syncthreads();
  if (left + a < w && top + b < h)
    y[(left + a) * h + top + b] =       // TILED WRITE
        tile[b][a];                     // TILED LOAD
}

// A column more, unused, puts the 32 elements of a column in 32 banks.
extern "C" __global__ void transpose_padded_kernel(float* y, const float* x, int h, int w) {
  __shared__ float tile[32][33];
  int top = blockIdx.y * 32, left = blockIdx.x * 32, a = threadIdx.y, b = threadIdx.x;
  if (top + a < h && left + b < w)
    tile[a][b] =                        // PADDED STORE
        x[(top + a) * w + left + b];    // PADDED READ
  __syncthreads();
  if (left + a < w && top + b < h)
    y[(left + a) * h + top + b] =       // PADDED WRITE
        tile[b][a];                     // PADDED LOAD
}
