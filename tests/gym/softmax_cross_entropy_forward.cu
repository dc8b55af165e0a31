// A right solution of the exercise softmax_cross_entropy_forward. The tests make wrong ones of it.

__device__ REAL warp_max(REAL value) {
    for (int bit = 16; bit > 0; bit /= 2) {
        value = fmax(value, __shfl_xor_sync(0xffffffffu, value, bit));
    }
    return value;
}

__device__ REAL block_max(REAL value, REAL* partial) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = warp_max(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return warp_max(partial[lane < warps ? lane : 0]);
}

__device__ REAL warp_sum(REAL value) {
    for (int bit = 16; bit > 0; bit /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, bit);
    }
    return value;
}

__device__ REAL block_sum(REAL value, REAL* partial) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = warp_sum(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return warp_sum(lane < warps ? partial[lane] : REAL(0));
}

extern "C" __global__ void softmax_cross_entropy_forward_kernel(REAL* loss, REAL* probabilities,
                                                                const REAL* logits,
                                                                const int* labels, int n,
                                                                int classes) {
    // An array each: while slow warps still read one, fast warps may already write the next. Between
    // a read of one and the next write to it lie the others' barriers, even from row to row.
    __shared__ REAL maxima[32];
    __shared__ REAL sums[32];
    __shared__ REAL counts[32];
    for (int row = blockIdx.x; row < n; row += gridDim.x) {
        const REAL* logit = logits + row * classes;
        REAL* probability = probabilities + row * classes;

        REAL largest = logit[0];  // any element of the row will do as a start
        for (int j = threadIdx.x; j < classes; j += blockDim.x) {
            largest = fmax(largest, logit[j]);
        }
        largest = block_max(largest, maxima);

        REAL smaller = 0, ties = 0;  // the terms of smaller logits; how many are the largest
        for (int j = threadIdx.x; j < classes; j += blockDim.x) {
            const REAL shifted = logit[j] - largest;
            probability[j] = exp(shifted);
            if (shifted == 0) {
                ties += 1;
            } else {
                smaller += probability[j];
            }
        }
        const REAL rest = block_sum(smaller, sums) + (block_sum(ties, counts) - 1);
        const REAL sum = 1 + rest;

        for (int j = threadIdx.x; j < classes; j += blockDim.x) {
            probability[j] /= sum;  // each thread reads what it wrote itself: no barrier needed
        }
        if (threadIdx.x == 0) {
            loss[row] = log1p(rest) - (logit[labels[row]] - largest);
        }
    }
}
