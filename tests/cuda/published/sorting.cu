// Bitonic sort of a block's pairs, and an odd-even sort with any comparison.
#include <bits/stdc++.h>
using namespace std;

typedef unsigned int uint;
#define LIMIT 128U

__device__ inline void exchange(uint &keyA, uint &valA, uint &keyB, uint &valB, uint dir) {
  uint t;
  if ((keyA > keyB) == dir) {
    t = keyA; keyA = keyB; keyB = t;
    t = valA; valA = valB; valB = t;
  }
}

__global__ void bitonic(uint *d_Key, uint *d_Val, uint dir) {
  __shared__ uint s_key[LIMIT], s_val[LIMIT];
  for (uint i = threadIdx.x; i < LIMIT; i += LIMIT / 2) {
    s_key[i] = d_Key[blockIdx.x * LIMIT + i];
    s_val[i] = d_Val[blockIdx.x * LIMIT + i];
  }
  for (uint size = 2; size <= LIMIT; size <<= 1) {
    uint down = size == LIMIT ? dir : dir ^ ((threadIdx.x & (size / 2)) != 0);
    for (uint stride = size / 2; stride > 0; stride >>= 1) {
      __syncthreads();
      uint pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
      exchange(s_key[pos], s_val[pos], s_key[pos + stride], s_val[pos + stride], down);
    }
  }
  __syncthreads();
  for (uint i = threadIdx.x; i < LIMIT; i += LIMIT / 2) {
    d_Key[blockIdx.x * LIMIT + i] = s_key[i];
    d_Val[blockIdx.x * LIMIT + i] = s_val[i];
  }
}

namespace util {
template <typename T> __host__ __device__ void swapped(T& a, T& b) { T c(a); a = b; b = c; }
struct Greater {
  template <typename T> __host__ __device__ bool operator()(const T& a, const T& b) const { return a > b; }
};
}  // namespace util

template <typename T, typename Compare>
__global__ void odd_even(T *data, int n, Compare before) {
  for (int phase = 0; phase < n; ++phase) {
    for (int i = 2 * threadIdx.x + phase % 2; i + 1 < n; i += 2 * blockDim.x)
      if (before(data[i + 1], data[i])) util::swapped(data[i], data[i + 1]);
    __syncthreads();
  }
}

int main() {
  vector<uint> keys(1 << 10);
  iota(keys.begin(), keys.end(), 0u);
  auto launch = [&](uint *key) { bitonic<<<8, 64>>>(key, key, 1); };
  uint *d_key;
  if (cudaMalloc(&d_key, keys.size() * sizeof(uint)) != cudaSuccess) { cerr << "no" << endl; return 1; }
  launch(d_key);
}
