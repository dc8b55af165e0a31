// 2D convolution with the filter in constant memory, and the input through a tile.
#include <cuda_runtime.h>
#include <stdio.h>

#define RADIUS 2
#define IN_TILE 16
#define OUT_TILE ((IN_TILE) - 2*(RADIUS))

__constant__ float F[2*RADIUS+1][2*RADIUS+1];

__global__ void convolution_const(float *N, float *P, int r, int width, int height) {
  int outCol = blockIdx.x*blockDim.x + threadIdx.x;
  int outRow = blockIdx.y*blockDim.y + threadIdx.y;
  if (outCol >= width || outRow >= height) return;
  float value = 0.0f;
  for (int i = 0; i < 2*r+1; i++) {
    for (int j = 0; j < 2*r+1; j++) {
      int inRow = outRow - r + i, inCol = outCol - r + j;
      if (inRow >= 0 && inRow < height && inCol >= 0 && inCol < width)
        value += F[i][j]*N[inRow*width + inCol];
    }
  }
  P[outRow*width + outCol] = value;
}

__global__ void convolution_tiled(float *N, float *P, int width, int height) {
  int col = blockIdx.x*OUT_TILE + threadIdx.x - RADIUS;
  int row = blockIdx.y*OUT_TILE + threadIdx.y - RADIUS;
  __shared__ float N_s[IN_TILE][IN_TILE];
  bool inside = row >= 0 && row < height && col >= 0 && col < width;
  N_s[threadIdx.y][threadIdx.x] = inside ? N[row*width + col] : 0.0;
  __syncthreads();
  int tileCol = threadIdx.x - RADIUS, tileRow = threadIdx.y - RADIUS;
  if (inside && tileCol >= 0 && tileCol < OUT_TILE && tileRow >= 0 && tileRow < OUT_TILE) {
    float value = 0.0f;
    for (int i = 0; i < 2*RADIUS+1; i++)
      for (int j = 0; j < 2*RADIUS+1; j++)
        value += F[i][j]*N_s[tileRow+i][tileCol+j];
    P[row*width+col] = value;
  }
}

int main() {
  float h_F[2*RADIUS+1][2*RADIUS+1] = {{0}};
  cudaMemcpyToSymbol(F, h_F, sizeof(h_F));
  float *N_d, *P_d;
  cudaMalloc(&N_d, 64*64*sizeof(float)); cudaMalloc(&P_d, 64*64*sizeof(float));
  convolution_const<<<dim3(4, 4), dim3(16, 16)>>>(N_d, P_d, RADIUS, 64, 64);
}
