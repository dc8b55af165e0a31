// The bias of a convolution (plane = oh*ow) or of a fully connected layer (plane = 1):
//
//     y[ni, ci, pixel] += bias[ci]        dbias[ci] = sum over ni and pixel of dy[ni, ci, pixel]
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// bias_forward
//   y (in, out)  (n, c, plane), changed in place
//   bias         (c,)
// One thread computes one element of y. Saves nothing.
extern "C" __global__ void bias_forward_kernel(REAL* y, const REAL* bias, int n, int c,
                                               int plane) {
    const int total = n * c * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ci = index / plane % c;
        y[index] += bias[ci];
    }
}

// The sum of `value` over the 32 threads of a warp, given to each of them (softmax.cu explains).
__device__ REAL warp_sum(REAL value) {
    for (int bit = 16; bit > 0; bit /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, bit);
    }
    return value;
}

// bias_backward
//   dbias (out)  (c,)
//   dy           (n, c, plane)
// One block computes one channel, and goes on to channel ci + gridDim.x. Of its W warps, warp w
// takes the images w, w + W, ..., and lane l of the warp the pixels l, l + 32, ...; a tree then
// adds the threads' sums: first inside each warp by shuffles, then one warp over the warps' results
// in shared memory. The order of the sum is fixed by the sizes alone, so the bits are the same each
// time; atomicAdd into dbias[ci] would be shorter, and its last bits would change from run to run.
// There are few blocks, 96 in AlexNet's first layer, so each thread must have several reads under
// way at a time. So the innermost loop holds nothing but the read: the compiler unrolls it.
// Where plane is 1, one lane of a warp has work, and reads c elements apart; but of a small matrix,
// which the product before it has just left in the L2 cache.
// Launch: one block per channel, 256 threads (a multiple of 32); shared memory: 32 REAL, static.
extern "C" __global__ void bias_backward_kernel(REAL* dbias, const REAL* dy, int n, int c,
                                                int plane) {
    __shared__ REAL partial[32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int ci = blockIdx.x; ci < c; ci += gridDim.x) {
        REAL sum = 0;
        for (int ni = warp; ni < n; ni += warps) {
            const REAL* map = dy + (ni * c + ci) * plane;
            for (int pixel = lane; pixel < plane; pixel += 32) sum += map[pixel];
        }

        sum = warp_sum(sum);
        if (lane == 0) partial[warp] = sum;
        __syncthreads();  // every warp's result is there
        if (warp == 0) {
            sum = warp_sum(lane < warps ? partial[lane] : REAL(0));
            if (lane == 0) dbias[ci] = sum;
        }
        __syncthreads();  // and has been read, before the next channel's overwrite it
    }
}
