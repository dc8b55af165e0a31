// How often letters of each group of four occur in a text: global atomics, then private bins.
#include <cuda.h>
#include <stdio.h>
#include <string.h>

#define NUM_BINS 7
#define COARSE 4

__global__ void histo_kernel(char *data, unsigned int length, unsigned int *histo) {
  unsigned int i = blockIdx.x*blockDim.x + threadIdx.x;
  if (i < length) {
    int position = data[i] - 'a';
    if (position >= 0 && position < 26) atomicAdd(&(histo[position/4]), 1);
  }
}

__global__ void histo_private_kernel(char* data, unsigned int length, unsigned int* histo) {
  __shared__ unsigned int bins[NUM_BINS];
  for (unsigned int bin = threadIdx.x; bin < NUM_BINS; bin += blockDim.x) bins[bin] = 0u;
  __syncthreads();
  unsigned int tid = blockIdx.x*blockDim.x + threadIdx.x;
  for (unsigned int i = tid*COARSE; i < min((tid + 1)*COARSE, length); ++i) {
    int position = data[i] - 'a';
    if (position >= 0 && position < 26) atomicAdd(&(bins[position/4]), 1);
  }
  __syncthreads();
  for (unsigned int bin = threadIdx.x; bin < NUM_BINS; bin += blockDim.x) {
    if (bins[bin] > 0) atomicAdd(&(histo[bin]), bins[bin]);
  }
}

// Wrong on purpose: of two threads that count in one bin at once, one is lost.
__global__ void histo_wrong_kernel(char *data, unsigned int length, unsigned int *histo) {
  unsigned int i = blockIdx.x*blockDim.x + threadIdx.x;
  if (i < length && data[i] >= 'a' && data[i] <= 'z') histo[(data[i] - 'a')/4] += 1;
}

int main(void) {
  const char *text = "programming massively parallel processors // not a comment";
  char *data_d; unsigned int *histo_d, histo_h[NUM_BINS];
  cudaMalloc((void**)&data_d, strlen(text));
  cudaMalloc((void**)&histo_d, NUM_BINS*sizeof(unsigned int));
  cudaMemcpy(data_d, text, strlen(text), cudaMemcpyHostToDevice);
  histo_private_kernel<<<1, 32>>>(data_d, strlen(text), histo_d);
  cudaMemcpy(histo_h, histo_d, sizeof(histo_h), cudaMemcpyDeviceToHost);
  for (int i = 0; i < NUM_BINS; ++i) printf("%c-%c: %u\n", 'a' + 4*i, 'd' + 4*i, histo_h[i]);
}
