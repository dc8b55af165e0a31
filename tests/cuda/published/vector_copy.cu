// Copies by 8 and 16 bytes a thread, and a pack of any type.
#include <algorithm>
#include <cstdlib>
#include <cuda_runtime.h>

const int MAX_BLOCKS = 1024;

__global__ void copy_int2(int* d_in, int* d_out, int N) {
  int idx = blockIdx.x * blockDim.x + threadIdx.x;
  for (int i = idx; i < N/2; i += blockDim.x * gridDim.x)
    reinterpret_cast<int2*>(d_out)[i] = reinterpret_cast<int2*>(d_in)[i];
  if (idx == N/2 && N%2 == 1) d_out[N-1] = d_in[N-1];
}

__global__ void copy_int4(int* d_in, int* d_out, int N) {
  int idx = blockIdx.x * blockDim.x + threadIdx.x;
  for (int i = idx; i < N/4; i += blockDim.x * gridDim.x)
    reinterpret_cast<int4*>(d_out)[i] = reinterpret_cast<int4*>(d_in)[i];
  if (idx == N/4)  // up to three are left
    for (int i = N - N%4; i < N; ++i) d_out[i] = d_in[i];
}

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack { T elem[N]; };

template <typename T, int N>
__global__ void scale_packed(T* __restrict__ y, const T* __restrict__ x, T factor, size_t packs) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= packs) return;
  Pack<T, N> pack = reinterpret_cast<const Pack<T, N>*>(x)[i];
#pragma unroll
  for (int k = 0; k < N; ++k) pack.elem[k] *= factor;
  *(reinterpret_cast<Pack<T, N>*>(y) + i) = pack;
}

union Bits { float4 f; uint4 u; };

__global__ void negate(float4 *x) {
  Bits bits;
  bits.f = x[threadIdx.x];
  bits.u.x ^= 1u << 31; bits.u.y ^= 1u << 31; bits.u.z ^= 1u << 31; bits.u.w ^= 1u << 31;
  x[threadIdx.x] = bits.f;
}

void device_copy(int* d_in, int* d_out, int N) {
  int threads = 128;
  int blocks = std::min((N/4 + threads-1) / threads, MAX_BLOCKS);
  copy_int4<<<blocks, threads>>>(d_in, d_out, N);
}
