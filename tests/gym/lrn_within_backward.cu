// A right solution of the exercise lrn_within_backward. The tests make wrong ones of it.

extern "C" __global__ void lrn_within_backward_kernel(REAL* dx, const REAL* dy, const REAL* x,
                                                      const REAL* scale, int n, int c, int h,
                                                      int w, int size, REAL alpha, REAL beta) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (h * w);  // ni * c + ci
        const int top = index / w % h + size / 2 - size + 1;
        const int left = index % w + size / 2 - size + 1;

        REAL sum = 0;
        for (int hi = max(top, 0); hi < min(top + size, h); ++hi) {
            for (int wi = max(left, 0); wi < min(left + size, w); ++wi) {
                const int there = (map * h + hi) * w + wi;
                sum += dy[there] * x[there] * pow(scale[there], -beta - 1);
            }
        }
        dx[index] = dy[index] * pow(scale[index], -beta) - 2 * alpha * beta * x[index] * sum;
    }
}
