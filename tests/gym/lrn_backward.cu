// A right solution of the exercise lrn_backward. The tests make wrong ones of it.

extern "C" __global__ void lrn_backward_kernel(REAL* dx, const REAL* dy, const REAL* x,
                                               const REAL* scale, int n, int c, int plane,
                                               int groups, int size, REAL alpha, REAL beta) {
    const int channels = c / groups;
    const int total = n * groups * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int group = index / plane;  // ni * groups + gi
        const int pixel = index % plane;
        const int base = group * channels * plane + pixel;  // the group's first channel here

        for (int i = 0; i < channels; ++i) {
            const int j_first = max(i + size / 2 - size + 1, 0);
            const int j_end = min(i + size / 2 + 1, channels);
            REAL sum = 0;
            for (int j = j_first; j < j_end; ++j) {
                const int there = base + j * plane;
                sum += dy[there] * x[there] * pow(scale[there], -beta - 1);
            }
            const int here = base + i * plane;
            dx[here] = dy[here] * pow(scale[here], -beta) - 2 * alpha * beta * x[here] * sum;
        }
    }
}
