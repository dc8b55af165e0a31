// The reduction, in five rungs: one sum for each block.
//
//     y[block] = sum of the elements of x that the block takes
//
//   y (out)  (blocks,)
//   x        (size,)       size is a multiple of the 256 threads of a block
//
// A second launch, of one block, would add up y.

// reduction_interleaved
// A tree: in each round a thread adds to its number that of the thread `stride` further on, and
// half as many go on. Those that do are spread out: every second lane, then every fourth. The whole
// warp waits for the few. Launch: block 256, grid size / 256.
#define THREADS 256
extern "C" __global__ void reduction_interleaved(float* y, const float* x, int size) {
    __shared__ float partial[THREADS];
    const int thread = threadIdx.x;
    partial[thread] = x[blockIdx.x * THREADS + thread];
    for (int stride = 1; stride < THREADS; stride *= 2) {
        __syncthreads();  // the round before is over
        if (thread % (2 * stride) == 0) partial[thread] += partial[thread + stride];
    }
    if (thread == 0) y[blockIdx.x] = partial[0];
}

// reduction_compact
// The same additions, done by the first threads: of the last 128, whole warps have nothing to do
// and none of their lanes is kept waiting. But the numbers of neighbouring threads lie 2, 4, 8
// words apart, and meet in the same banks. Launch: block 256, grid size / 256.
extern "C" __global__ void reduction_compact(float* y, const float* x, int size) {
    __shared__ float partial[THREADS];
    const int thread = threadIdx.x;
    partial[thread] = x[blockIdx.x * THREADS + thread];
    for (int stride = 1; stride < THREADS; stride *= 2) {
        __syncthreads();
        const int at = 2 * stride * thread;
        if (at < THREADS) partial[at] += partial[at + stride];
    }
    if (thread == 0) y[blockIdx.x] = partial[0];
}

// reduction_halves
// The stride begins at 128 and is halved: thread t adds the number at t + stride to its own.
// Neighbouring threads have neighbouring words in every round, and no bank is asked twice.
// Launch: block 256, grid size / 256.
extern "C" __global__ void reduction_halves(float* y, const float* x, int size) {
    __shared__ float partial[THREADS];
    const int thread = threadIdx.x;
    partial[thread] = x[blockIdx.x * THREADS + thread];
    for (int stride = THREADS / 2; stride > 0; stride /= 2) {
        __syncthreads();
        if (thread < stride) partial[thread] += partial[thread + stride];
    }
    if (thread == 0) y[blockIdx.x] = partial[0];
}

// reduction_grid
// A thread first adds up many elements in a register, a whole grid apart. The tree, in which most
// threads idle, is climbed once for all of them, and not once for each 256 elements.
// Launch: block 256, a grid of few blocks.
extern "C" __global__ void reduction_grid(float* y, const float* x, int size) {
    __shared__ float partial[THREADS];
    const int thread = threadIdx.x;
    float sum = 0;
    for (int i = blockIdx.x * THREADS + thread; i < size; i += gridDim.x * THREADS) sum += x[i];
    partial[thread] = sum;
    for (int stride = THREADS / 2; stride > 0; stride /= 2) {
        __syncthreads();
        if (thread < stride) partial[thread] += partial[thread + stride];
    }
    if (thread == 0) y[blockIdx.x] = partial[0];
}

// reduction_shuffled
// The lanes of a warp hand each other their registers: five shuffles add up 32 numbers without
// shared memory. What goes through it is one number of each warp, and there is one barrier in the
// place of eight. Launch: block 256, a grid of few blocks.
__device__ float warp_sum(float sum) {
    for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_down_sync(0xffffffff, sum, offset);
    }
    return sum;  // in lane 0
}

extern "C" __global__ void reduction_shuffled(float* y, const float* x, int size) {
    __shared__ float of_warp[THREADS / 32];
    const int thread = threadIdx.x;
    float sum = 0;
    for (int i = blockIdx.x * THREADS + thread; i < size; i += gridDim.x * THREADS) sum += x[i];
    sum = warp_sum(sum);
    if (thread % 32 == 0) of_warp[thread / 32] = sum;
    __syncthreads();
    if (thread >= 32) return;
    sum = warp_sum(thread < THREADS / 32 ? of_warp[thread] : 0);
    if (thread == 0) y[blockIdx.x] = sum;
}
