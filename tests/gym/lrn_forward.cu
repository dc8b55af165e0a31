// A right solution of the exercise lrn_forward. The tests make wrong ones of it.

extern "C" __global__ void lrn_forward_kernel(REAL* y, REAL* scale, const REAL* x, int n, int c,
                                              int plane, int groups, int size, REAL alpha,
                                              REAL beta, REAL k) {
    const int channels = c / groups;
    const int total = n * groups * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int group = index / plane;  // ni * groups + gi
        const int pixel = index % plane;
        const int base = group * channels * plane + pixel;  // the group's first channel here

        for (int i = 0; i < channels; ++i) {
            const int j_first = max(i - size / 2, 0);
            const int j_end = min(i - size / 2 + size, channels);
            REAL squares = 0;
            for (int j = j_first; j < j_end; ++j) {
                const REAL value = x[base + j * plane];
                squares += value * value;
            }
            const int here = base + i * plane;
            const REAL s = k + alpha * squares;
            scale[here] = s;
            y[here] = x[here] * pow(s, -beta);
        }
    }
}
