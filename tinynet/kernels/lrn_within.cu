// Local response normalization within one map (the CIFAR-10 nets of 2012, and the released code's
// second normalizer of AlexNet's layer 2, which the paper does not mention):
//
//     scale[hi, wi] = k + alpha * sum of x^2 over window(hi, wi)        y = x * scale^-beta
//     window(hi, wi) = rows [hi - size/2, hi - size/2 + size) x columns the same, clipped to the
//     map
//
// Like lrn.cu, with a size x size window of pixels in place of a window of channels.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// scale^-beta, as in lrn.cu.
__device__ REAL inverse_power(REAL s, REAL beta) {
    if (beta != REAL(0.75)) return pow(s, -beta);
    const REAL root = rsqrt(s);
    return root * sqrt(root);
}

// lrn_within_forward
//   y (out)      (n, c, h, w)
//   scale (out)  (n, c, h, w)
//   x            (n, c, h, w)
// One thread computes one pixel. Saves scale for backward, which needs x too.
extern "C" __global__ void lrn_within_forward_kernel(REAL* y, REAL* scale, const REAL* x, int n,
                                                     int c, int h, int w, int size, REAL alpha,
                                                     REAL beta, REAL k) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (h * w);  // ni * c + ci
        const int top = index / w % h - size / 2;
        const int left = index % w - size / 2;

        const REAL* image = x + map * h * w;
        REAL squares = 0;
        for (int hi = max(top, 0); hi < min(top + size, h); ++hi) {
            for (int wi = max(left, 0); wi < min(left + size, w); ++wi) {
                const REAL value = image[hi * w + wi];
                squares += value * value;
            }
        }
        const REAL s = k + alpha * squares;
        scale[index] = s;
        y[index] = x[index] * inverse_power(s, beta);
    }
}

// lrn_within_backward:  dx = dy * scale^-beta
//                          - 2 * alpha * beta * x * (sum of dy * y / scale over reach(hi, wi))
//     reach(hi, wi) = every pixel whose window holds (hi, wi): the window mirrored,
//     rows [hi + size/2 - size + 1, hi + size/2] x columns the same. Derivation as in lrn.cu, and
//     as there y is made again from x.
//   dx (out)      (n, c, h, w)
//   dy, x, scale  (n, c, h, w); scale from forward
// One thread computes one pixel: a gather, no atomics.
extern "C" __global__ void lrn_within_backward_kernel(REAL* dx, const REAL* dy, const REAL* x,
                                                      const REAL* scale, int n, int c, int h,
                                                      int w, int size, REAL alpha, REAL beta) {
    const int total = n * c * h * w;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int map = index / (h * w);  // ni * c + ci
        const int top = index / w % h + size / 2 - size + 1;
        const int left = index % w + size / 2 - size + 1;

        REAL sum = 0;
        for (int hi = max(top, 0); hi < min(top + size, h); ++hi) {
            for (int wi = max(left, 0); wi < min(left + size, w); ++wi) {
                const int there = (map * h + hi) * w + wi;
                const REAL y = x[there] * inverse_power(scale[there], beta);
                sum += dy[there] * y / scale[there];
            }
        }
        dx[index] = dy[index] * inverse_power(scale[index], beta)
                    - 2 * alpha * beta * x[index] * sum;
    }
}
