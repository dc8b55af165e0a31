// A right solution of the exercise max_pool_forward. The tests make wrong ones of it.

extern "C" __global__ void max_pool_forward_kernel(REAL* y, int* argmax, const REAL* x, int n,
                                                   int c, int h, int w, int kh, int kw,
                                                   int stride_h, int stride_w, int pad_top,
                                                   int pad_left, int oh, int ow) {
    const int total = n * c * oh * ow;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (oh * ow);  // ni * c + ci
        const int ohi = index / ow % oh;
        const int owi = index % ow;

        const REAL* image = x + map * h * w;
        const int top = ohi * stride_h - pad_top, hi_first = max(top, 0);
        const int left = owi * stride_w - pad_left, wi_first = max(left, 0);
        const int hi_end = min(top + kh, h), wi_end = min(left + kw, w);

        REAL best = image[hi_first * w + wi_first];
        int place = (hi_first - top) * kw + (wi_first - left);
        for (int hi = hi_first; hi < hi_end; ++hi) {
            for (int wi = wi_first; wi < wi_end; ++wi) {
                const REAL value = image[hi * w + wi];
                // Only a NaN differs from itself: the first one wins, and then nothing beats it.
                if (value > best || (value != value && best == best)) {
                    best = value;
                    place = (hi - top) * kw + (wi - left);
                }
            }
        }
        y[index] = best;
        argmax[index] = place;
    }
}
