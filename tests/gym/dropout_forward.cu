// A right solution of the exercise dropout_forward. The tests make wrong ones of it.

extern "C" __global__ void dropout_forward_kernel(REAL* y, const REAL* x, int rows, int cols,
                                                  long long full_cols, double p, REAL scale,
                                                  unsigned long long seed,
                                                  unsigned long long counter, long long offset) {
    const unsigned long long threshold = (unsigned long long)(p * 4294967296.0);
    const int total = rows * cols;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const long long place = offset + index / cols * full_cols + index % cols;
        const unsigned long long group = place / 4;
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
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }
        const int which = (int)(place % 4);
        const unsigned int word = which == 0 ? c0 : which == 1 ? c1 : which == 2 ? c2 : c3;
        y[index] = word >= threshold ? x[index] * scale : REAL(0);
    }
}
