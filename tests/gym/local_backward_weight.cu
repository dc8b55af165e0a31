// A right solution of the exercise local_backward_weight. The tests make wrong ones of it.

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
