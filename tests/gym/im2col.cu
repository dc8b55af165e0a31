// A right solution of the exercise im2col. The tests make wrong ones of it.

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
