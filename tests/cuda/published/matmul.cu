// c (m, n) = a (m, k) * b (k, n): four rungs, each with the launch that goes with it in main().
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <iostream>
#include <vector>

#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define CHECK(call)                                                             \
  do {                                                                          \
    cudaError_t status = (call);                                                \
    if (status != cudaSuccess) {                                                \
      fprintf(stderr, "%s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(status)); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

__global__ void matmul_naive(const float *a, const float *b, float *c, int m, int n, int k) {
  const uint col = blockIdx.x * blockDim.x + threadIdx.x;
  const uint row = blockIdx.y * blockDim.y + threadIdx.y;
  if (row < m && col < n) {
    float sum = 0.0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + col];
    c[row * n + col] = sum;
  }
}

template <int TILE>
__global__ void matmul_tiled(const float *__restrict__ a, const float *__restrict__ b,
                             float *__restrict__ c, int m, int n, int k) {
  __shared__ float a_tile[TILE][TILE], b_tile[TILE][TILE];
  int row = blockIdx.y * TILE + threadIdx.y, col = blockIdx.x * TILE + threadIdx.x;
  float sum = 0.f;
  for (int first = 0; first < k; first += TILE) {
    int i = first + threadIdx.x, j = first + threadIdx.y;
    a_tile[threadIdx.y][threadIdx.x] = row < m && i < k ? a[row * k + i] : 0.f;
    b_tile[threadIdx.y][threadIdx.x] = col < n && j < k ? b[j * n + col] : 0.f;
    __syncthreads();
#pragma unroll
    for (int t = 0; t < TILE; ++t) sum += a_tile[threadIdx.y][t] * b_tile[t][threadIdx.x];
    __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}

// Each thread computes TM x TN elements; both tiles are loaded by float4.
template <const int BM, const int BN, const int BK, const int TM, const int TN>
__global__ void __launch_bounds__((BM * BN) / (TM * TN), 1)
    matmul_vectorized(float *a, float *b, float *c, int m, int n, int k) {
  __shared__ float a_tile[BK * BM];  // transposed
  __shared__ float b_tile[BK * BN];
  assert(blockDim.x == BM * BN / (TM * TN));
  assert(m % BM == 0 && n % BN == 0 && k % BK == 0);
  const uint thread_row = threadIdx.x / (BN / TN), thread_col = threadIdx.x % (BN / TN);
  const uint a_row = threadIdx.x / (BK / 4), a_col = threadIdx.x % (BK / 4) * 4;
  const uint b_row = threadIdx.x / (BN / 4), b_col = threadIdx.x % (BN / 4) * 4;
  a += blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  c += blockIdx.y * BM * n + blockIdx.x * BN;

  float results[TM * TN] = {0.0}, from_a[TM] = {0.0}, from_b[TN] = {0.0};
  for (uint first = 0; first < k; first += BK, a += BK, b += BK * n) {
    float4 four = reinterpret_cast<float4 *>(&a[a_row * k + a_col])[0];
    a_tile[(a_col + 0) * BM + a_row] = four.x;
    a_tile[(a_col + 1) * BM + a_row] = four.y;
    a_tile[(a_col + 2) * BM + a_row] = four.z;
    a_tile[(a_col + 3) * BM + a_row] = four.w;
    reinterpret_cast<float4 *>(&b_tile[b_row * BN + b_col])[0] =
        reinterpret_cast<float4 *>(&b[b_row * n + b_col])[0];
    __syncthreads();
    for (uint t = 0; t < BK; ++t) {
      for (uint i = 0; i < TM; ++i) from_a[i] = a_tile[t * BM + thread_row * TM + i];
      for (uint j = 0; j < TN; ++j) from_b[j] = b_tile[t * BN + thread_col * TN + j];
      for (uint i = 0; i < TM; ++i)
        for (uint j = 0; j < TN; ++j) results[i * TN + j] += from_a[i] * from_b[j];
    }
    __syncthreads();
  }
  for (uint i = 0; i < TM; ++i)
    for (uint j = 0; j < TN; j += 4)
      reinterpret_cast<float4 *>(&c[(thread_row * TM + i) * n + thread_col * TN + j])[0] =
          make_float4(results[i * TN + j], results[i * TN + j + 1], results[i * TN + j + 2],
                      results[i * TN + j + 3]);
}

// The tile's size is known when it is launched.
__global__ void matmul_dynamic(float *a, float *b, float *c, int n, unsigned Mds_sz, unsigned Nds_sz) {
  extern __shared__ char both[];
  float *Mds = (float *)both;
  float *Nds = (float *)both + Mds_sz / sizeof(float);
  int tx = threadIdx.x, ty = threadIdx.y, width = blockDim.x;
  int row = blockIdx.y * width + ty, col = blockIdx.x * width + tx;
  float value = 0;
  for (int ph = 0; ph < ceil(n / (float)width); ++ph) {
    Mds[ty * width + tx] = a[row * n + ph * width + tx];
    Nds[ty * width + tx] = b[(ph * width + ty) * n + col];
    __syncthreads();
    for (int i = 0; i < width; ++i) value += Mds[ty * width + i] * Nds[i * width + tx];
    __syncthreads();
  }
  c[row * n + col] = value;
}

int main(int argc, char **argv) {
  std::vector<int> sizes = {128, 256, 512};
  cublasHandle_t handle;
  if (cublasCreate(&handle)) { std::cerr << "no cuBLAS" << std::endl; return EXIT_FAILURE; }
  for (int size : sizes) {
    float *a = nullptr, *b, *c;
    CHECK(cudaMalloc((void **)&a, sizeof(float) * size * size));
    CHECK(cudaMalloc(&b, sizeof(float) * size * size));
    CHECK(cudaMalloc(&c, sizeof(float) * size * size));
    dim3 grid(CEIL_DIV(size, 32), CEIL_DIV(size, 32)), block(32, 32);
    matmul_naive<<<grid, block>>>(a, b, c, size, size, size);
    matmul_tiled<32><<<grid, block>>>(a, b, c, size, size, size);
    CHECK(cudaDeviceSynchronize());
    cudaFree(a);
  }
}
