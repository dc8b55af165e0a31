// A right solution of the exercise local_forward. The tests make wrong ones of it.

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
