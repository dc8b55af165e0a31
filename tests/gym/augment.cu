// A right solution of the exercise augment. The tests make wrong ones of it.

extern "C" __global__ void augment_kernel(REAL* x, const unsigned char* images, const int* top,
                                          const int* left, const int* flip, const REAL* shift,
                                          const REAL* mean, const REAL* scale, int n, int c,
                                          int h, int w, int oh, int ow) {
    const int total = n * c * oh * ow;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int ni = index / (c * oh * ow);
        const int ci = index / (oh * ow) % c;
        const int ohi = index / ow % oh;
        const int owi = index % ow;

        const int map = ni * c + ci;
        const int hi = top[ni] + ohi;
        const int wi = left[ni] + (flip[ni] ? ow - 1 - owi : owi);
        const REAL value = REAL(images[(map * h + hi) * w + wi]) + shift[map];
        x[index] = (value - mean[(ci * oh + ohi) * ow + owi]) * scale[ci];
    }
}
