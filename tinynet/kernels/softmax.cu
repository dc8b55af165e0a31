// Softmax and cross-entropy in one (AlexNet, sec. 3.5: the last layer feeds a 1000-way softmax).
//
//     probabilities[ni, j] = exp(logits[ni, j] - max) / sum
//     sum                  = sum over j of exp(logits[ni, j] - max) = 1 + rest
//     loss[ni]             = -log(probabilities[ni, label]) = log(sum) - (logits[ni, label] - max)
//
// max is the row's largest logit: it cancels in the fraction, and keeps exp from overflowing. The
// loss is never taken from the probability, which underflows to 0 where the loss is still finite.
// Nor is it log(sum) in figures: the largest logit's own term is exp(0) = 1, and beside it the rest
// of a very sure answer, such as 1e-9, would round away. log1p(rest) = log(1 + rest) keeps it.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// The largest (the sum) of `value` over the 32 threads of a warp, given to each of them. With
// __shfl_xor_sync a thread reads the register of the thread whose number differs in one bit; after
// five steps, one per bit, all 32 values have met in every thread. No memory, no barrier.
__device__ REAL warp_max(REAL value) {
    for (int bit = 16; bit > 0; bit /= 2) {
        value = fmax(value, __shfl_xor_sync(0xffffffffu, value, bit));
    }
    return value;
}

__device__ REAL warp_sum(REAL value) {
    for (int bit = 16; bit > 0; bit /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, bit);
    }
    return value;
}

// The same over all warps of the block. Each warp leaves its result in shared memory, and after the
// barrier every warp reduces those results, so that every thread has the answer with no second
// barrier. `partial` has room for 32 warps and must not be written again before the next barrier.
__device__ REAL block_max(REAL value, REAL* partial) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = warp_max(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return warp_max(partial[lane < warps ? lane : 0]);
}

__device__ REAL block_sum(REAL value, REAL* partial) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = warp_sum(value);
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return warp_sum(lane < warps ? partial[lane] : REAL(0));
}

// softmax_cross_entropy_forward
//   loss (out)           (n,)
//   probabilities (out)  (n, classes)
//   logits               (n, classes)
//   labels               (n,), int, each in [0, classes): the caller has checked that
// One block computes one row, and goes on to row + gridDim.x; thread t of T takes the classes
// t, t + T, ... (any number of classes). A fixed order of sums: the same bits each time.
// Saves probabilities for backward.
// Launch: one block per row, 256 threads (a multiple of 32); shared memory: 3 x 32 REAL, static.
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

// softmax_cross_entropy_backward:
//     dlogits[ni, j] = dloss[ni] * (probabilities[ni, j] - (1 if j is the label, else 0))
//   dlogits (out)  (n, classes)
//   dloss          (n,): 1/n in every row for the mean of the losses
//   probabilities  (n, classes), from forward
//   labels         (n,), int
// One thread computes one element.
extern "C" __global__ void softmax_cross_entropy_backward_kernel(REAL* dlogits, const REAL* dloss,
                                                                 const REAL* probabilities,
                                                                 const int* labels, int n,
                                                                 int classes) {
    const int total = n * classes;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int row = index / classes;
        const int j = index % classes;
        const REAL target = j == labels[row] ? REAL(1) : REAL(0);
        dlogits[index] = dloss[row] * (probabilities[index] - target);
    }
}
