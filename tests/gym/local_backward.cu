// A right solution of the exercise local_backward. The tests make wrong ones of it.

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
