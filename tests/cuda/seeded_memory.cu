// Kernels that read or write the wrong memory: one mistake each, the faulty line marked BUG, and
// beside each its right twin. tests/test_simulator_check.py runs all of them in check mode.

// ---- an index one past the end

extern "C" __global__ void past_the_end_bug(float* y, const float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n)
    y[i] = 0.0f;  // BUG out of bounds
}
extern "C" __global__ void past_the_end_right(float* y, const float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] = 0.0f;
}

extern "C" __global__ void before_the_start_bug(float* y, const float* x, int n) {
  int i = threadIdx.x;
  if (i < n)
    y[i] = x[i - 1];  // BUG out of bounds
}
extern "C" __global__ void before_the_start_right(float* y, const float* x, int n) {
  int i = threadIdx.x;
  if (i < n)
    y[i] = i > 0 ? x[i - 1] : 0.0f;
}

extern "C" __global__ void shared_past_the_end_bug(float* y, const float* x, int n) {
  __shared__ float tile[32], other[32];
  __shared__ float neighbour[32];
  int t = threadIdx.x;
  tile[t] = x[t], neighbour[t] = 1.0f, other[t] = 1.0f;
  __syncthreads();
  y[t] =
      tile[t + 1]  // BUG out of bounds
      + other[t] + neighbour[t];
}
extern "C" __global__ void shared_past_the_end_right(float* y, const float* x, int n) {
  __shared__ float tile[33];
  int t = threadIdx.x;
  tile[t] = x[t];
  if (t == 0) tile[32] = 0.0f;
  __syncthreads();
  y[t] = tile[t + 1];
}

extern "C" __global__ void dynamic_past_the_end_bug(float* y, const float* x, int n) {
  extern __shared__ float cells[];  // the launch asks for 31 floats
  int t = threadIdx.x;
  cells[t] = 1.0f;  // BUG out of bounds
  y[t] = cells[t];
}
extern "C" __global__ void dynamic_past_the_end_right(float* y, const float* x, int n) {
  extern __shared__ float cells[];
  int t = threadIdx.x;
  if (t < 31) {
    cells[t] = x[t];
    y[t] = cells[t];
  }
}

// ---- an output that is added to before anything was written there

extern "C" __global__ void uninitialised_bug(float* y, const float* x, int n) {
  int i = threadIdx.x;
  for (int k = 0; k < n; ++k)
    y[i] += x[k];  // BUG uninitialised read
}
extern "C" __global__ void uninitialised_right(float* y, const float* x, int n) {
  int i = threadIdx.x;
  y[i] = 0.0f;
  for (int k = 0; k < n; ++k)
    y[i] += x[k];
}

extern "C" __global__ void shared_uninitialised_bug(float* y, const float* x, int n) {
  __shared__ float sums[32];
  int t = threadIdx.x;
  if (t < 31) sums[t] = x[t];
  __syncthreads();
  y[t] = sums[31 - t];  // BUG uninitialised read
}
extern "C" __global__ void shared_uninitialised_right(float* y, const float* x, int n) {
  __shared__ float sums[32];
  int t = threadIdx.x;
  sums[t] = t < 31 ? x[t] : 0.0f;
  __syncthreads();
  y[t] = sums[31 - t];
}
