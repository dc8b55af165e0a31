// Locally connected layers (the CIFAR-10 nets of 2012; "local" in cuda-convnet). A convolution
// whose weights are not shared: each output place has filters of its own.
//
//     y[ni, fi, ohi, owi] = sum over ci, khi, kwi of weight[fi, ci, khi, kwi, ohi, owi]
//                                                    * x[ni, ci, hi, wi]
//         hi = ohi*stride_h - pad_top + khi,   wi = owi*stride_w - pad_left + kwi
//     Places in the padding add nothing.
//
//   x, dx            (n, c, h, w)
//   y, dy            (n, filters, oh, ow)
//   weight, dweight  (filters, c, kh, kw, oh, ow)
//
// The place stands last in weight, so neighbouring threads, which compute neighbouring places, read
// neighbouring weights. The bias, one number for each filter and place, is that of bias.cu with
// plane = 1. What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// local_forward
//   y (out)  (n, filters, oh, ow)
// One thread computes one element of y. Saves nothing. Every image reads all the weights once; a
// matrix product for each place, over all images (local.py), would read them once in all.
extern "C" __global__ void local_forward_kernel(REAL* y, const REAL* x, const REAL* weight, int n,
                                                int c, int h, int w, int filters, int kh, int kw,
                                                int stride_h, int stride_w, int pad_top,
                                                int pad_left, int oh, int ow) {
    const int places = oh * ow;
    const int total = n * filters * places;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int place = index % places;  // ohi * ow + owi
        const int fi = index / places % filters;
        const int ni = index / places / filters;
        const int top = place / ow * stride_h - pad_top;
        const int left = place % ow * stride_w - pad_left;

        REAL sum = 0;
        for (int ci = 0; ci < c; ++ci) {
            const REAL* map = x + (ni * c + ci) * h * w;
            const REAL* filter = weight + (fi * c + ci) * kh * kw * places + place;
            for (int khi = max(-top, 0); khi < min(kh, h - top); ++khi) {
                for (int kwi = max(-left, 0); kwi < min(kw, w - left); ++kwi) {
                    const REAL pixel = map[(top + khi) * w + left + kwi];
                    sum += filter[(khi * kw + kwi) * places] * pixel;
                }
            }
        }
        y[index] = sum;
    }
}

// local_backward:  dx[ni, ci, hi, wi] = sum over fi, and the windows that hold the pixel, of
//                                       weight[fi, ci, khi, kwi, ohi, owi] * dy[ni, fi, ohi, owi]
//   dx (out)  (n, c, h, w)
// One thread computes one element of dx: a gather over the windows that hold it, no atomics.
// Row hi lies in window ohi at khi = hi + pad_top - ohi*stride_h, and 0 <= khi < kh bounds ohi.
extern "C" __global__ void local_backward_kernel(REAL* dx, const REAL* dy, const REAL* weight,
                                                 int n, int c, int h, int w, int filters, int kh,
                                                 int kw, int stride_h, int stride_w, int pad_top,
                                                 int pad_left, int oh, int ow) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ci = index / (h * w) % c;
        const int ni = index / (h * w) / c;
        const int row = index / w % h + pad_top;  // in the padded image, where no index is negative
        const int column = index % w + pad_left;

        const int ohi_first = row < kh ? 0 : (row - kh) / stride_h + 1;
        const int ohi_last = min(row / stride_h, oh - 1);
        const int owi_first = column < kw ? 0 : (column - kw) / stride_w + 1;
        const int owi_last = min(column / stride_w, ow - 1);

        REAL sum = 0;
        for (int fi = 0; fi < filters; ++fi) {
            const REAL* dmap = dy + (ni * filters + fi) * oh * ow;
            const REAL* filter = weight + (fi * c + ci) * kh * kw * oh * ow;
            for (int ohi = ohi_first; ohi <= ohi_last; ++ohi) {
                for (int owi = owi_first; owi <= owi_last; ++owi) {
                    const int khi = row - ohi * stride_h;
                    const int kwi = column - owi * stride_w;
                    const int place = ohi * ow + owi;
                    sum += filter[(khi * kw + kwi) * oh * ow + place] * dmap[place];
                }
            }
        }
        dx[index] = sum;
    }
}

// local_backward_weight:  dweight[fi, ci, khi, kwi, ohi, owi] = sum over ni of
//                                                    dy[ni, fi, ohi, owi] * x[ni, ci, hi, wi]
//   dweight (out)  (filters, c, kh, kw, oh, ow)
// One thread computes one element of dweight. A convolution's would also sum over the places.
extern "C" __global__ void local_backward_weight_kernel(REAL* dweight, const REAL* dy,
                                                        const REAL* x, int n, int c, int h, int w,
                                                        int filters, int kh, int kw, int stride_h,
                                                        int stride_w, int pad_top, int pad_left,
                                                        int oh, int ow) {
    const int places = oh * ow;
    const int total = filters * c * kh * kw * places;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int place = index % places;  // ohi * ow + owi
        const int kwi = index / places % kw;
        const int khi = index / places / kw % kh;
        const int ci = index / places / (kw * kh) % c;
        const int fi = index / places / (kw * kh) / c;
        const int hi = place / ow * stride_h - pad_top + khi;
        const int wi = place % ow * stride_w - pad_left + kwi;

        REAL sum = 0;
        if (hi >= 0 && hi < h && wi >= 0 && wi < w) {
            for (int ni = 0; ni < n; ++ni) {
                const REAL pixel = x[((ni * c + ci) * h + hi) * w + wi];
                sum += dy[(ni * filters + fi) * places + place] * pixel;
            }
        }
        dweight[index] = sum;
    }
}
