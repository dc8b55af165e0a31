// Max pooling; the windows may overlap (AlexNet, sec. 3.4: 3 x 3 windows, 2 apart).
//
//     y[ni, ci, ohi, owi] = max of x[ni, ci, hi, wi] over the window
//         hi in [ohi*stride_h - pad_top,  ... + kh),   wi in [owi*stride_w - pad_left, ... + kw)
//     clipped to the image: padding counts as -inf.
//
// Ties go to the first maximum in reading order. A NaN anywhere in the window wins, so that it is
// seen and not lost.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// max_pool_forward
//   y (out)       (n, c, oh, ow)
//   argmax (out)  (n, c, oh, ow), int: the winner's place khi*kw + kwi inside its window
//   x             (n, c, h, w)
// One thread computes one element of y. Saves argmax for backward.
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

// max_pool_backward:  dx[ni, ci, hi, wi] = sum of dy over the windows whose maximum this pixel is
//   dx (out)  (n, c, h, w), overwritten
//   dy        (n, c, oh, ow)
//   argmax    (n, c, oh, ow), int, from forward
// One thread computes one element of dx. One pixel can be the maximum of several overlapping
// windows, so a thread per window would need atomics; instead each pixel asks the windows that hold
// it, from the last that has begun by then. Row hi lies in window ohi at khi = hi + pad_top -
// ohi*stride_h, which grows by stride_h with each window further up, and must stay below kh.
extern "C" __global__ void max_pool_backward_kernel(REAL* dx, const REAL* dy, const int* argmax,
                                                    int n, int c, int h, int w, int kh, int kw,
                                                    int stride_h, int stride_w, int pad_top,
                                                    int pad_left, int oh, int ow) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int rows = index / w;  // so many lie before this pixel
        const int map = rows / h;    // ni * c + ci
        const int row = rows - map * h + pad_top;  // in the padded image: never negative
        const int column = index - rows * w + pad_left;
        const int ohi_last = min(row / stride_h, oh - 1);
        const int owi_last = min(column / stride_w, ow - 1);

        REAL sum = 0;
        int khi = row - ohi_last * stride_h;
        for (int ohi = ohi_last; ohi >= 0 && khi < kh; --ohi, khi += stride_h) {
            int kwi = column - owi_last * stride_w;
            for (int owi = owi_last; owi >= 0 && kwi < kw; --owi, kwi += stride_w) {
                const int window = (map * oh + ohi) * ow + owi;
                if (argmax[window] == khi * kw + kwi) {
                    sum += dy[window];
                }
            }
        }
        dx[index] = sum;
    }
}
