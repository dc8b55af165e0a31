// A right solution of the exercise avg_pool_forward. The tests make wrong ones of it.

__device__ int clipped(int start, int window, int size) {
    return min(start + window, size) - max(start, 0);
}

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
