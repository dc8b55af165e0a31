// out = (inp - mean) * rstd * weight + bias over the last axis of (N, C), and its gradients.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_runtime.h>
#include <stdlib.h>

namespace cg = cooperative_groups;

__global__ void layernorm_forward(float* __restrict__ out, float* __restrict__ mean,
                                  float* __restrict__ rstd, const float* __restrict__ inp,
                                  const float* __restrict__ weight, const float* __restrict__ bias,
                                  int N, int C) {
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    int row = blockIdx.x * warp.meta_group_size() + warp.meta_group_rank();
    if (row >= N) { return; }
    const float* x = inp + row * C;
    float sum = 0.0f, squares = 0.0f;
    for (int i = warp.thread_rank(); i < C; i += warp.size()) { sum += x[i]; }
    const float m = cg::reduce(warp, sum, cg::plus<float>{}) / C;
    for (int i = warp.thread_rank(); i < C; i += warp.size()) { squares += (x[i] - m) * (x[i] - m); }
    const float s = rsqrtf(cg::reduce(warp, squares, cg::plus<float>{}) / C + 1e-5f);
    if (warp.thread_rank() == 0 && mean != nullptr) { __stcs(mean + row, m); }
    if (warp.thread_rank() == 0 && rstd != nullptr) { __stcs(rstd + row, s); }
    for (int i = warp.thread_rank(); i < C; i += warp.size()) {
        __stcs(out + row * C + i, s * (__ldcs(x + i) - m) * weight[i] + bias[i]);
    }
}

template <typename T>
__global__ void layernorm_backward(T* dinp, T* dweight, T* dbias, const T* dout, const T* inp,
                                   const T* weight, const T* mean, const T* rstd, int N, int C) {
    extern __shared__ float shared[];  // the sums of the block, then two atomics a column
    float *dbias_shared = shared, *dweight_shared = shared + C;
    auto block = cg::this_thread_block();
    auto warp = cg::tiled_partition<32>(block);
    for (int i = threadIdx.x; i < 2 * C; i += blockDim.x) { shared[i] = 0.0f; }
    block.sync();
    int row = blockIdx.x * warp.meta_group_size() + warp.meta_group_rank();
    if (row < N) {
        T sum = 0, weighted = 0;
        for (int i = warp.thread_rank(); i < C; i += warp.size()) {
            T norm = (inp[row * C + i] - mean[row]) * rstd[row];
            sum += weight[i] * dout[row * C + i];
            weighted += weight[i] * dout[row * C + i] * norm;
        }
        sum = cg::reduce(warp, sum, cg::plus<T>{}) / C;
        weighted = cg::reduce(warp, weighted, cg::plus<T>{}) / C;
        for (int i = warp.thread_rank(); i < C; i += warp.size()) {
            T norm = (__ldg(&inp[row * C + i]) - mean[row]) * rstd[row];
            T dnorm = weight[i] * __ldg(&dout[row * C + i]);
            atomicAdd(&dbias_shared[i], dout[row * C + i]);
            atomicAdd(&dweight_shared[i], norm * dout[row * C + i]);
            dinp[row * C + i] += (dnorm - sum - norm * weighted) * rstd[row];
        }
    }
    block.sync();
    for (int i = threadIdx.x; i < C; i += blockDim.x) {
        atomicAdd(&dbias[i], dbias_shared[i]);
        atomicAdd(&dweight[i], dweight_shared[i]);
    }
}

int main() {
    float *out, *inp;
    cudaMalloc(&out, 8 * 768 * sizeof(float));
    cudaMalloc(&inp, 8 * 768 * sizeof(float));
    layernorm_forward<<<1, 256>>>(out, nullptr, nullptr, inp, inp, inp, 8, 768);
    cudaFree(out);
    return 0;
}
