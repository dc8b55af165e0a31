// What kernels of other people say, for tests/test_cuda_language.py.
#include <assert.h>
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdio.h>

namespace cg = cooperative_groups;

// ------------------------------------------------------------ half precision

__global__ void widen(float* y, const half* x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = __half2float(x[i]);
}
__global__ void narrow(half* y, const float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = __float2half(x[i]);
}
__global__ void half_arithmetic(half* y, const half* a, const half* b, const half* c) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  y[i] = a[i] + b[i];
  y[n + i] = __hsub(a[i], b[i]);
  y[2 * n + i] = a[i] * b[i];
  y[3 * n + i] = a[i] / b[i];
  y[4 * n + i] = __hfma(a[i], b[i], c[i]);
  y[5 * n + i] = hsqrt(a[i]);
}
__global__ void half2_pairs(half2* y, const half2* __restrict__ x, half factor) {
  half2 v = x[threadIdx.x];
  y[threadIdx.x] = __hfma2(__half2half2(factor), __lowhigh2highlow(v), v);
}

// ------------------------------------------------------------ groups and votes

__global__ void active(unsigned* y) {
  if (threadIdx.x % 2)
    y[threadIdx.x] = __activemask();
  else
    y[threadIdx.x] = __activemask();
}
__global__ void warp_wide(int* y) {
  int lane = threadIdx.x, all;
  y[lane] = __reduce_add_sync(~0u, lane);
  y[32 + lane] = __reduce_min_sync(~0u, lane);
  y[64 + lane] = __reduce_max_sync(~0u, lane);
  y[96 + lane] = __reduce_and_sync(~0u, (unsigned)lane);
  y[128 + lane] = __reduce_or_sync(~0u, (unsigned)lane);
  y[160 + lane] = __reduce_xor_sync(~0u, (unsigned)lane);
  y[192 + lane] = __match_any_sync(~0u, lane % 3);
  __match_all_sync(~0u, 7, &all);
  y[224 + lane] = all;
}
template <int Size> __global__ void tile_ranks(int* y) {
  auto tile = cg::tiled_partition<Size>(cg::this_thread_block());
  int t = threadIdx.x, n = blockDim.x;
  y[t] = tile.thread_rank();
  y[n + t] = tile.meta_group_rank();
  y[2 * n + t] = cg::reduce(tile, t, cg::plus<int>());
  y[3 * n + t] = cg::inclusive_scan(tile, t);
  y[4 * n + t] = tile.shfl_down(t, 1);
  y[5 * n + t] = tile.shfl(t, 0);
}
__device__ int next_place(int* count) {  // one atomic for all lanes that are here
  cg::coalesced_group here = cg::coalesced_threads();
  int first;
  if (here.thread_rank() == 0) first = atomicAdd(count, here.size());
  return here.shfl(first, 0) + here.thread_rank();
}
__global__ void compact(int* kept, int* count, const int* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] > 0) kept[next_place(count)] = x[i];
}
__global__ void grid_wide(int* y) {
  cg::grid_group grid = cg::this_grid();
  y[grid.thread_rank()] = threadIdx.x;
  grid.sync();  // GRID
  int other = y[grid.size() - 1 - grid.thread_rank()];
  grid.sync();
  y[grid.thread_rank()] = other;
}

// ------------------------------------------------------------ the rest

__global__ void integers(long long* y, unsigned a, unsigned b) {
  y[0] = __brev(a);
  y[1] = __byte_perm(a, b, 0x0431);
  y[2] = __funnelshift_l(b, a, 4);
  y[3] = __funnelshift_r(a, 0, 4);
  y[4] = __float2int_rn(2.5f) + 1, y[5] = __float2int_rd(-3.5f);
  y[6] = __float2int_rz(-3.5f), y[7] = __float2int_rn(-3.5f);
  y[8] = __float2int_rn(1e20f), y[9] = __float2int_rn(NAN);
  y[10] = __clzll(1ll << 58), y[11] = __ffsll(2);
}
__global__ void asserts(int n) {
  assert(threadIdx.x < n && "too many");  // ASSERT
}
__global__ void speaks(int n) {
  printf("block %d thread %d: %d, %.2f\n", blockIdx.x, threadIdx.x, n, 0.5);
}
__global__ void endless(int* flag) {
  if (threadIdx.x < 16) __syncthreads();  // WAITING
  while (atomicAdd(flag, 0) == 0) {  // ENDLESS
  }
}
__global__ void shifted(float4* y, const float* x, int by) {
  y[threadIdx.x] = reinterpret_cast<const float4*>(x + by)[threadIdx.x];  // SHIFTED
}
