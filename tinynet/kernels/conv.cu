// Convolution as a matrix product (Chellapilla, Puri, Simard 2006).
//
// im2col copies every kh x kw window of x into a column, so that the convolution of n images,
//     y (out_channels, n*oh*ow) = weight (out_channels, c*kh*kw) @ col (c*kh*kw, n*oh*ow),
// is one call of BLAS; with groups, one call per group on its own c/groups*kh*kw rows of col.
// Backward is the same with both factors transposed, and col2im sends dcol back to the image:
//     dweight = dy @ col^T        dcol = weight^T @ dy        dx = col2im(dcol)
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// im2col:  col[(ci*kh + khi)*kw + kwi, ni, ohi*ow + owi]
//              = x[ni, ci, ohi*stride_h - pad_top + khi, owi*stride_w - pad_left + kwi],
//          0 outside the image.
//   col (out)  (c*kh*kw, n, oh*ow): the images side by side
//   x          (n, c, h, w)
// One thread copies one window of one map (c*n*oh*ow threads): neighbouring threads have
// neighbouring columns, so each of the kh*kw writes of a warp is one run of memory (5 sectors of 32
// bytes; 4 if it begins with a sector). The reads are stride_w apart: 17 sectors in AlexNet's first
// layer; but the windows overlap, and what one read has fetched the next finds in the L1 cache.
// Saves nothing: backward builds col again from x.
extern "C" __global__ void im2col_kernel(REAL* col, const REAL* x, int n, int c, int h, int w,
                                         int kh, int kw, int stride_h, int stride_w, int pad_top,
                                         int pad_left, int oh, int ow) {
    const int columns = n * oh * ow, total = c * columns;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ci = index / columns;
        const int place = index % columns;  // (ni * oh + ohi) * ow + owi
        const int ni = place / (oh * ow);
        const int ohi = place / ow % oh;
        const int owi = place % ow;

        const REAL* image = x + (ni * c + ci) * h * w;
        REAL* column = col + ci * kh * kw * columns + place;
        const int top = ohi * stride_h - pad_top;
        const int left = owi * stride_w - pad_left;
        for (int khi = 0; khi < kh; ++khi) {
            for (int kwi = 0; kwi < kw; ++kwi) {
                const int hi = top + khi, wi = left + kwi;
                const bool inside = 0 <= hi && hi < h && 0 <= wi && wi < w;
                column[(khi * kw + kwi) * columns] = inside ? image[hi * w + wi] : REAL(0);
            }
        }
    }
}

// col2im:  dx[ni, ci, hi, wi] = sum of dcol over every (window, place in it) that im2col filled
//          from x[ni, ci, hi, wi].
//   dx (out)   (n, c, h, w), overwritten
//   dcol       (c*kh*kw, n, oh*ow)
// One thread computes one pixel of dx (n*c*h*w threads). Windows overlap, so a thread per column
// would have to add into pixels that other threads add into: atomics, and a sum whose order changes
// from run to run. Turned round, it is a gather: row hi lies in window ohi at
//     khi = hi + pad_top - ohi*stride_h,   and 0 <= khi < kh  bounds ohi from both sides.
extern "C" __global__ void col2im_kernel(REAL* dx, const REAL* dcol, int n, int c, int h, int w,
                                         int kh, int kw, int stride_h, int stride_w, int pad_top,
                                         int pad_left, int oh, int ow) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int rows = index / w, maps = rows / h;  // so many lie before this pixel
        const int ni = maps / c, ci = maps - ni * c;
        const int row = rows - maps * h + pad_top;  // in the padded image: never negative
        const int column = index - rows * w + pad_left;

        // The windows that hold the pixel: from the first that has not ended before it to the last
        // that has begun.
        const int ohi_first = row < kh ? 0 : (row - kh) / stride_h + 1;
        const int ohi_last = min(row / stride_h, oh - 1);
        const int owi_first = column < kw ? 0 : (column - kw) / stride_w + 1;
        const int owi_last = min(column / stride_w, ow - 1);

        const REAL* dcolumns = dcol + (ci * kh * kw * n + ni) * oh * ow;  // of place (0, 0)
        REAL sum = 0;
        for (int ohi = ohi_first; ohi <= ohi_last; ++ohi) {
            for (int owi = owi_first; owi <= owi_last; ++owi) {
                const int khi = row - ohi * stride_h, kwi = column - owi * stride_w;
                sum += dcolumns[((khi * kw + kwi) * n * oh + ohi) * ow + owi];
            }
        }
        dx[index] = sum;
    }
}
