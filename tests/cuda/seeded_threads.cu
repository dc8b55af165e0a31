// Kernels whose threads get in each other's way: one mistake each, the faulty line marked BUG, and
// beside each its right twin. tests/test_simulator_check.py runs all of them in check mode.

// ---- a missing __syncthreads

extern "C" __global__ void missing_barrier_bug(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  tile[t] = x[t];
  y[t] = tile[63 - t];  // BUG race
}
extern "C" __global__ void missing_barrier_right(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  tile[t] = x[t];
  __syncthreads();
  y[t] = tile[63 - t];
}

extern "C" __global__ void tree_bug(float* y, const float* x, int n) {
  __shared__ float part[64];
  int t = threadIdx.x;
  part[t] = x[t];
  __syncthreads();
  for (int half = 32; half > 0; half /= 2)
    if (t < half) part[t] += part[t + half];  // BUG race
  if (t == 0) y[0] = part[0];
}
extern "C" __global__ void tree_right(float* y, const float* x, int n) {
  __shared__ float part[64];
  int t = threadIdx.x;
  part[t] = x[t];
  __syncthreads();
  for (int half = 32; half > 0; half /= 2) {
    if (t < half) part[t] += part[t + half];
    __syncthreads();
  }
  if (t == 0) y[0] = part[0];
}

extern "C" __global__ void warp_sync_bug(float* y, const float* x, int n) {
  __shared__ float part[32];
  int t = threadIdx.x;
  part[t] = x[t];
  y[t] = part[31 - t];  // BUG race
}
extern "C" __global__ void warp_sync_right(float* y, const float* x, int n) {
  __shared__ float part[32];
  int t = threadIdx.x;
  part[t] = x[t];
  __syncwarp();
  y[t] = part[31 - t];
}

// ---- a tile used again without the second barrier

extern "C" __global__ void tile_reused_bug(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  float sum = 0.0f;
  for (int first = 0; first < n; first += 64) {
    tile[t] = x[first + t];
    __syncthreads();
    for (int i = 0; i < 64; ++i) sum += tile[i];  // BUG race
  }
  y[t] = sum;
}
extern "C" __global__ void tile_reused_right(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  float sum = 0.0f;
  for (int first = 0; first < n; first += 64) {
    tile[t] = x[first + t];
    __syncthreads();
    for (int i = 0; i < 64; ++i) sum += tile[i];
    __syncthreads();
  }
  y[t] = sum;
}

// ---- max pooling's gradient, scattered to overlapping windows: width 3, stride 2, one row

extern "C" __global__ void scatter_bug(float* dx, const float* dy, const int* argmax, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    dx[2 * i + argmax[i]] += dy[i];  // BUG race
}
extern "C" __global__ void scatter_right(float* dx, const float* dy, const int* argmax, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    atomicAdd(&dx[2 * i + argmax[i]], dy[i]);
}

// ---- a return before a barrier, and two barriers for two halves

extern "C" __global__ void early_return_bug(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  if (t >= n) return;
  tile[t] = x[t];
  __syncthreads();  // BUG barrier
  y[t] = tile[n - 1 - t];
}
extern "C" __global__ void early_return_right(float* y, const float* x, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  if (t < n) tile[t] = x[t];
  __syncthreads();
  if (t < n) y[t] = tile[n - 1 - t];
}

extern "C" __global__ void two_barriers_bug(float* y, const float* x, int n) {
  if (threadIdx.x < 32) {
    __syncthreads();  // BUG barrier
    y[threadIdx.x] = 1.0f;
  } else {
    y[threadIdx.x] = 2.0f;
    __syncthreads();
  }
}
extern "C" __global__ void two_barriers_right(float* y, const float* x, int n) {
  y[threadIdx.x] = threadIdx.x < 32 ? 1.0f : 2.0f;
  __syncthreads();
}

// ---- a shuffle whose mask names lanes that are elsewhere

extern "C" __global__ void lanes_missing_bug(float* y, const float* x, int n) {
  int t = threadIdx.x;
  float value = x[t];
  if (t < 16)
    value += __shfl_down_sync(0xffffffffu, value, 8);  // BUG warp
  y[t] = value;
}
extern "C" __global__ void lanes_missing_right(float* y, const float* x, int n) {
  int t = threadIdx.x;
  float value = x[t];
  if (t < 16)
    value += __shfl_down_sync(0x0000ffffu, value, 8);
  y[t] = value;
}
