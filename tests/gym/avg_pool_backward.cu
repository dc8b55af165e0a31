// A right solution of the exercise avg_pool_backward. The tests make wrong ones of it.

__device__ int clipped(int start, int window, int size) {
    return min(start + window, size) - max(start, 0);
}

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
