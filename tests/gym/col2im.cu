// A right solution of the exercise col2im. The tests make wrong ones of it.

extern "C" __global__ void col2im_kernel(REAL* dx, const REAL* dcol, int n, int c, int h, int w,
                                         int kh, int kw, int stride_h, int stride_w, int pad_top,
                                         int pad_left, int oh, int ow) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ni = index / (c * h * w);
        const int ci = index / (h * w) % c;
        const int row = index / w % h + pad_top;  // in the padded image, where no index is negative
        const int column = index % w + pad_left;

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
