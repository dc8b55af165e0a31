// Average pooling (the CIFAR-10 nets of 2012).
//
//     y[ni, ci, ohi, owi] = mean of x[ni, ci, hi, wi] over the window
//         hi in [ohi*stride_h - pad_top,  ... + kh),   wi in [owi*stride_w - pad_left, ... + kw)
//     clipped to the image: padding counts neither in the sum nor in the divisor.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// How many of the `window` places that begin at `start` lie inside [0, size).
__device__ int clipped(int start, int window, int size) {
    return min(start + window, size) - max(start, 0);
}

// avg_pool_forward
//   y (out)  (n, c, oh, ow)
//   x        (n, c, h, w)
// One thread computes one element of y. Saves nothing: the divisor follows from the window's place.
extern "C" __global__ void avg_pool_forward_kernel(REAL* y, const REAL* x, int n, int c, int h,
                                                   int w, int kh, int kw, int stride_h,
                                                   int stride_w, int pad_top, int pad_left,
                                                   int oh, int ow) {
    const int total = n * c * oh * ow;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (oh * ow);  // ni * c + ci
        const int ohi = index / ow % oh;
        const int owi = index % ow;

        const REAL* image = x + map * h * w;
        const int top = ohi * stride_h - pad_top;
        const int left = owi * stride_w - pad_left;
        REAL sum = 0;
        for (int hi = max(top, 0); hi < min(top + kh, h); ++hi) {
            for (int wi = max(left, 0); wi < min(left + kw, w); ++wi) {
                sum += image[hi * w + wi];
            }
        }
        y[index] = sum / REAL(clipped(top, kh, h) * clipped(left, kw, w));
    }
}

// avg_pool_backward:  dx[ni, ci, hi, wi] = sum over the windows that hold the pixel of
//                                          dy[ni, ci, ohi, owi] / (pixels of that window)
//   dx (out)  (n, c, h, w), overwritten
//   dy        (n, c, oh, ow)
// One thread computes one element of dx: a gather over the windows that hold it, no atomics.
// Row hi lies in window ohi at khi = hi + pad_top - ohi*stride_h, and 0 <= khi < kh bounds ohi.
extern "C" __global__ void avg_pool_backward_kernel(REAL* dx, const REAL* dy, int n, int c, int h,
                                                    int w, int kh, int kw, int stride_h,
                                                    int stride_w, int pad_top, int pad_left,
                                                    int oh, int ow) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (h * w);  // ni * c + ci
        const int row = index / w % h + pad_top;  // in the padded image, where no index is negative
        const int column = index % w + pad_left;

        const int ohi_first = row < kh ? 0 : (row - kh) / stride_h + 1;
        const int ohi_last = min(row / stride_h, oh - 1);
        const int owi_first = column < kw ? 0 : (column - kw) / stride_w + 1;
        const int owi_last = min(column / stride_w, ow - 1);

        REAL sum = 0;
        for (int ohi = ohi_first; ohi <= ohi_last; ++ohi) {
            for (int owi = owi_first; owi <= owi_last; ++owi) {
                const int pixels = clipped(ohi * stride_h - pad_top, kh, h) *
                                   clipped(owi * stride_w - pad_left, kw, w);
                sum += dy[(map * oh + ohi) * ow + owi] / REAL(pixels);
            }
        }
        dx[index] = sum;
    }
}
