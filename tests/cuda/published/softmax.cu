// y = softmax(x) over the rows of (n, c): a thread a row, a block a row, a warp a row and one pass.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_runtime.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include "common.h"  // of the course; its macros are the host's

// ----------------------------------------------------------------------------
// CPU code reference
void softmax_cpu(float* y, const float* x, int n, int c) {
    for (int i = 0; i < n; i++) {
        float largest = -FLT_MAX, sum = 0.0f;
        for (int j = 0; j < c; j++) largest = fmaxf(largest, x[i * c + j]);
        for (int j = 0; j < c; j++) sum += y[i * c + j] = expf(x[i * c + j] - largest);
        for (int j = 0; j < c; j++) y[i * c + j] /= sum;
    }
}

// ----------------------------------------------------------------------------
// GPU kernels
__global__ void softmax_kernel1(float* y, const float* x, int n, int c) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float largest = -INFINITY;
        for (int j = 0; j < c; j++) {
            if (x[i * c + j] > largest) { largest = x[i * c + j]; }
        }
        double sum = 0.0;
        for (int j = 0; j < c; j++) {
            y[i * c + j] = expf(x[i * c + j] - largest);
            sum += y[i * c + j];
        }
        for (int j = 0; j < c; j++) { y[i * c + j] /= (float)sum; }
    }
}

__device__ float warp_max(float v) {
    for (int offset = 16; offset > 0; offset /= 2) { v = fmaxf(v, __shfl_xor_sync(0xFFFFFFFF, v, offset)); }
    return v;
}
__device__ float warp_sum(float v) {
    for (int offset = 16; offset > 0; offset /= 2) { v += __shfl_xor_sync(0xFFFFFFFF, v, offset); }
    return v;
}

__global__ void softmax_kernel2(float* y, const float* x, int n, int c) {
    extern __shared__ float shared[];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    float* maxvals = shared;
    float* sumvals = &shared[warps];
    x += blockIdx.x * c;
    y += blockIdx.x * c;

    float v = -INFINITY;
    for (int j = threadIdx.x; j < c; j += blockDim.x) { v = fmaxf(v, x[j]); }
    v = warp_max(v);
    if (lane == 0) maxvals[warp] = v;
    __syncthreads();
    v = warp_max(lane < warps ? maxvals[lane] : -INFINITY);

    float sum = 0.0f;
    for (int j = threadIdx.x; j < c; j += blockDim.x) {
        float e = expf(__ldcs(&x[j]) - v);
        sum += e;
        __stcs(y + j, e);
    }
    sum = warp_sum(sum);
    if (lane == 0) sumvals[warp] = sum;
    __syncthreads();
    sum = warp_sum(lane < warps ? sumvals[lane] : 0.0f);
    for (int j = threadIdx.x; j < c; j += blockDim.x) { y[j] = y[j] / sum; }
}

struct __align__(8) MaxSum { float max, sum; };

__device__ __forceinline__ MaxSum merged(MaxSum a, MaxSum b) {
    MaxSum big = a.max > b.max ? a : b, small = a.max > b.max ? b : a;
    big.sum += small.sum * __expf(small.max - big.max);
    return big;
}

__global__ void softmax_online(float* y, const float* x, int n, int c) {
    namespace cg = cooperative_groups;
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<32> warp = cg::tiled_partition<32>(block);
    int row = blockIdx.x * warp.meta_group_size() + warp.meta_group_rank();
    if (row >= n) { return; }
    MaxSum part = { -FLT_MAX, 0.0f };
    for (int j = warp.thread_rank(); j < c; j += warp.size()) {
        part = merged(part, { x[row * c + j], 1.0f });
    }
    MaxSum all = cg::reduce(warp, part, merged);
    for (int j = warp.thread_rank(); j < c; j += warp.size()) {
        __stcs(y + row * c + j, __expf(x[row * c + j] - all.max) / all.sum);
    }
}

int main(int argc, char **argv) {
    setup_main();
    int n = 8 * 1024, c = 50257, kernel_num = argc > 1 ? atoi(argv[1]) : 1;
    float *d_x, *d_y;
    cudaCheck(cudaMalloc(&d_x, n * c * sizeof(float)));
    cudaCheck(cudaMalloc(&d_y, n * c * sizeof(float)));
    if (kernel_num == 1) softmax_kernel1<<<ceil_div(n, 256), 256>>>(d_y, d_x, n, c);
    else softmax_kernel2<<<n, 256, 2 * 256 / 32 * sizeof(float)>>>(d_y, d_x, n, c);
    cudaCheck(cudaGetLastError());
    return 0;
}
