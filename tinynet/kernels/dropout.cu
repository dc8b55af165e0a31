// Dropout (AlexNet, sec. 4.2) that stores no mask: backward draws the same random numbers again.
//
//     y = kept(element) ? x * scale : 0        dx = kept(element) ? dy * scale : 0
//     scale is 1 for the paper's dropout, 1/(1 - p) for the inverted one.
//
// The random number of an element is a function of (seed, counter, index), with no state to
// advance: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
// a small block cipher. It turns a 128-bit counter into four 32-bit words under a 64-bit key:
//     key = seed     counter = (index / 4, low word first; then `counter`, low word first)
// and element `index` takes word index % 4. `index` is the element's place in the UNDIVIDED array,
// so the mask is the same however the array is divided over devices and ranks:
//     element (row, j) of these (rows, cols) has index = offset + row*full_cols + j   (64 bits)
//
// An element is kept iff its word >= floor(p * 2^32): it drops with probability p to within 2^-32.
// One thread computes one element and uses one of its four words: three quarters of the drawing is
// wasted, but any offset and any row length works with no special case.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// Word number `which` of Philox4x32-10. The ten rounds are the cipher: a round multiplies two of
// the four words, 32 x 32 -> 64 bits, and mixes the halves with the other two words and the key.
__device__ unsigned int philox_word(unsigned long long group, unsigned long long counter,
                                    unsigned long long seed, int which) {
    unsigned int c0 = (unsigned int)group, c1 = (unsigned int)(group >> 32);
    unsigned int c2 = (unsigned int)counter, c3 = (unsigned int)(counter >> 32);
    unsigned int key0 = (unsigned int)seed, key1 = (unsigned int)(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const unsigned long long product0 = 0xD2511F53ull * c0;
        const unsigned long long product1 = 0xCD9E8D57ull * c2;
        c0 = (unsigned int)(product1 >> 32) ^ c1 ^ key0;
        c1 = (unsigned int)product1;
        c2 = (unsigned int)(product0 >> 32) ^ c3 ^ key1;
        c3 = (unsigned int)product0;
        key0 += 0x9E3779B9u;  // the golden ratio
        key1 += 0xBB67AE85u;  // sqrt(3) - 1
    }
    // Not an array indexed by `which`: registers cannot be indexed, so it would go to memory.
    return which == 0 ? c0 : which == 1 ? c1 : which == 2 ? c2 : c3;
}

// Whether element `index` of the undivided array is kept. The threshold has 64 bits, so that p = 1
// (2^32, one more than any word) drops everything.
__device__ bool kept(unsigned long long index, double p, unsigned long long seed,
                     unsigned long long counter) {
    const unsigned long long threshold = (unsigned long long)(p * 4294967296.0);
    return philox_word(index / 4, counter, seed, (int)(index % 4)) >= threshold;
}

// dropout_forward
//   y (out), x  (rows, cols): this device's part of an array whose rows are full_cols long
// Saves nothing: backward needs only the same scalars.
extern "C" __global__ void dropout_forward_kernel(REAL* y, const REAL* x, int rows, int cols,
                                                  long long full_cols, double p, REAL scale,
                                                  unsigned long long seed,
                                                  unsigned long long counter, long long offset) {
    const int total = rows * cols;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const long long full_index = offset + index / cols * full_cols + index % cols;
        y[index] = kept(full_index, p, seed, counter) ? x[index] * scale : REAL(0);
    }
}

// dropout_backward
//   dx (out), dy  (rows, cols), as y and x in forward
extern "C" __global__ void dropout_backward_kernel(REAL* dx, const REAL* dy, int rows, int cols,
                                                   long long full_cols, double p, REAL scale,
                                                   unsigned long long seed,
                                                   unsigned long long counter, long long offset) {
    const int total = rows * cols;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const long long full_index = offset + index / cols * full_cols + index % cols;
        dx[index] = kept(full_index, p, seed, counter) ? dy[index] * scale : REAL(0);
    }
}
