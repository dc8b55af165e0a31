/*
 * Sums, from a tree in shared memory to cooperative groups.
 * nvcc -O3 -arch=sm_80 reduction.cu -o reduction
 */
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <stdio.h>
#include <stdlib.h>

namespace cg = cooperative_groups;

#define FULL_MASK 0xffffffff
#define THREADS 128

__global__ void tree_modulo(int *in, int *out) {
  extern __shared__ int partial[];
  unsigned int tid = threadIdx.x;
  partial[tid] = in[blockIdx.x * blockDim.x + tid];
  for (unsigned int s = 1; s < blockDim.x; s *= 2) {
    __syncthreads();
    if (tid % (2 * s) == 0) partial[tid] += partial[tid + s];  // every second lane idles
  }
  if (tid == 0) out[blockIdx.x] = partial[0];
}

// extern arrays of one name need one type, so a template takes its memory from here.
template <class T> struct DynamicShared {
  __device__ inline operator T *() {
    extern __shared__ int memory[];
    return (T *)memory;
  }
};
template <> struct DynamicShared<double> {
  __device__ inline operator double *() {
    extern __shared__ double memory_of_doubles[];
    return memory_of_doubles;
  }
};

template <class T, unsigned int blockSize, bool nIsPow2>
__global__ void unrolled(const T *in, T *out, unsigned int n) {
  cg::thread_block block = cg::this_thread_block();
  T *partial = DynamicShared<T>();
  const unsigned int tid = block.thread_rank(), grid = blockSize * 2 * gridDim.x;
  T sum = 0;
  for (unsigned int i = blockIdx.x * blockSize * 2 + tid; i < n; i += grid) {
    sum += in[i];
    if (nIsPow2 || i + blockSize < n) sum += in[i + blockSize];
  }
  partial[tid] = sum;
  cg::sync(block);
  if (blockSize >= 256) { if (tid < 128) partial[tid] = sum = sum + partial[tid + 128]; cg::sync(block); }
  if (blockSize >= 128) { if (tid < 64) partial[tid] = sum = sum + partial[tid + 64]; cg::sync(block); }
  cg::thread_block_tile<32> warp = cg::tiled_partition<32>(block);
  if (tid < 32) {
    if (blockSize >= 64) sum += partial[tid + 32];
    for (int offset = warp.size() / 2; offset > 0; offset /= 2) sum += warp.shfl_down(sum, offset);
  }
  if (tid == 0) out[blockIdx.x] = sum;
}

__inline__ __device__ float warp_sum(float value) {
  for (int offset = warpSize / 2; offset > 0; offset /= 2)
    value += __shfl_down_sync(FULL_MASK, value, offset);
  return value;
}

__inline__ __device__ float block_sum(float value) {
  static __shared__ float of_warp[32];
  int lane = threadIdx.x % warpSize, warp = threadIdx.x / warpSize;
  value = warp_sum(value);
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  value = threadIdx.x < blockDim.x / warpSize ? of_warp[lane] : 0;
  return warp == 0 ? warp_sum(value) : value;
}

__global__ void shuffled(float *in, float *out, int n) {
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) sum += in[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) atomicAdd(out, sum);
}

__global__ void grouped(const float *__restrict__ in, double *out, size_t n) {
  auto grid = cg::this_grid();
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  double sum = 0.0;
  for (size_t i = grid.thread_rank(); i < n; i += grid.size()) sum += in[i];
  sum = cg::reduce(warp, sum, cg::plus<double>());
  if (warp.thread_rank() == 0) atomicAdd(out, sum);
}

// Of the time when the lanes of a warp always ran in step: volatile, and no barrier.
__device__ void last_warp(volatile int *partial, int tid) {
  partial[tid] += partial[tid + 32];
  partial[tid] += partial[tid + 16];
  partial[tid] += partial[tid + 8];
  partial[tid] += partial[tid + 4];
  partial[tid] += partial[tid + 2];
  partial[tid] += partial[tid + 1];
}
__global__ void warp_synchronous(int *in, int *out) {
  __shared__ int partial[THREADS];
  int tid = threadIdx.x;
  partial[tid] = in[blockIdx.x * blockDim.x + tid];
  __syncthreads();
  for (unsigned int s = blockDim.x / 2; s > 32; s >>= 1) {
    if (tid < s) partial[tid] += partial[tid + s];
    __syncthreads();
  }
  if (tid < 32) last_warp(partial, tid);
  if (tid == 0) out[blockIdx.x] = partial[0];
}

__device__ unsigned int blocks_done = 0;

__global__ void in_one_launch(const float *in, volatile float *partial, float *out, int n) {
  __shared__ bool last;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += in[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    last = atomicInc(&blocks_done, gridDim.x) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float total = 0;
    for (int i = 0; i < gridDim.x; ++i) total += partial[i];
    *out = total;
    blocks_done = 0;
  }
}

template <class T> void run(T *in, T *out, int n, int threads) {
  int bytes = threads <= 32 ? 2 * threads * sizeof(T) : threads * sizeof(T);
  switch (threads) {
    case 128: unrolled<T, 128, true><<<64, 128, bytes>>>(in, out, n); break;
    case 64: unrolled<T, 64, true><<<64, 64, bytes>>>(in, out, n); break;
  }
}
template void run<int>(int *in, int *out, int n, int threads);

int main() {
  int *in, *out, *host = (int *)malloc(1 << 20);
  cudaMalloc(&in, 1 << 20);
  cudaMalloc(&out, 1 << 10);
  cudaMemcpy(in, host, 1 << 20, cudaMemcpyHostToDevice);
  run<int>(in, out, 1 << 18, THREADS);
  tree_modulo<<<64, THREADS, THREADS * sizeof(int)>>>(in, out);
  printf("%d\n", host[0]);
  return EXIT_SUCCESS;
}
