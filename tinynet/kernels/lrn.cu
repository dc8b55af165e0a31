// Local response normalization across channels (AlexNet, sec. 3.3):
//
//     scale[i] = k + alpha * sum over j in window(i) of x[j]^2        y[i] = x[i] * scale[i]^-beta
//     window(i) = [i - size/2,  i - size/2 + size)  clipped to i's group of c/groups channels
//
// at every pixel on its own. alpha is NOT divided by size: this is the paper's formula. The code of
// 2012, Caffe and PyTorch divide (their alpha is this one times size). AlexNet: size 5, alpha 1e-4,
// beta 0.75, k 2; a tower is a group, so the window never crosses the towers.
//
// The window's sum is computed afresh for every channel. A running sum (add the channel that
// enters, subtract the one that leaves) would read less, but in float the rounding error of one
// large channel stays in the sum for all channels after it. Each element is read `size` times, but
// by the same thread in quick succession, while the L1 cache still has it.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// scale^-beta. The paper's 3/4 takes two roots, s^-1/2 * s^-1/4: a fifth of pow's instructions.
__device__ REAL inverse_power(REAL s, REAL beta) {
    if (beta != REAL(0.75)) return pow(s, -beta);
    const REAL root = rsqrt(s);  // 1 / sqrt(s)
    return root * sqrt(root);
}

// lrn_forward
//   y (out)      (n, c, plane); plane = h*w, pixels in reading order
//   scale (out)  (n, c, plane)
//   x            (n, c, plane)
// One thread computes one pixel of one group: it walks up the group's channels. Neighbouring
// threads have neighbouring pixels, so at each step a warp reads and writes one run of memory.
// Saves scale for backward, which needs x as well. y it makes again: two roots for each neighbour
// cost less than an array as large as x that is kept until then.
extern "C" __global__ void lrn_forward_kernel(REAL* y, REAL* scale, const REAL* x, int n, int c,
                                              int plane, int groups, int size, REAL alpha,
                                              REAL beta, REAL k) {
    const int channels = c / groups;
    const int total = n * groups * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int group = index / plane;  // ni * groups + gi
        const int pixel = index % plane;
        const int base = group * channels * plane + pixel;  // the group's first channel here

        for (int i = 0; i < channels; ++i) {
            const int j_first = max(i - size / 2, 0);
            const int j_end = min(i - size / 2 + size, channels);
            REAL squares = 0;
            for (int j = j_first; j < j_end; ++j) {
                const REAL value = x[base + j * plane];
                squares += value * value;
            }
            const int here = base + i * plane;
            const REAL s = k + alpha * squares;
            scale[here] = s;
            y[here] = x[here] * inverse_power(s, beta);
        }
    }
}

// lrn_backward:  dx[i] = dy[i] * scale[i]^-beta - 2 * alpha * beta * x[i] * sum(i)
//                sum(i) = sum over j in reach(i) of dy[j] * y[j] / scale[j],  y made again from x
//     reach(i) = every j whose window holds i = [i + size/2 - size + 1,  i + size/2]
//     Derivation: x[i] acts on y[i] as its numerator, and on every y[j] with i in window(j) by way
//     of scale[j]:  d y[j] / d scale[j] = -beta * y[j] / scale[j]
//                   d scale[j] / d x[i] = 2 * alpha * x[i]
//     reach is the window mirrored: the same set for odd size, shifted by one for even size.
//   dx (out)      (n, c, plane)
//   dy, x, scale  (n, c, plane); scale from forward
// One thread computes one pixel of one group, as in forward.
extern "C" __global__ void lrn_backward_kernel(REAL* dx, const REAL* dy, const REAL* x,
                                               const REAL* scale, int n, int c, int plane,
                                               int groups, int size, REAL alpha, REAL beta) {
    const int channels = c / groups;
    const int total = n * groups * plane;
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    for (int index = first; index < total; index += gridDim.x * blockDim.x) {
        const int group = index / plane;  // ni * groups + gi
        const int pixel = index % plane;
        const int base = group * channels * plane + pixel;  // the group's first channel here

        for (int i = 0; i < channels; ++i) {
            const int j_first = max(i + size / 2 - size + 1, 0);
            const int j_end = min(i + size / 2 + 1, channels);
            REAL sum = 0;
            for (int j = j_first; j < j_end; ++j) {
                const int there = base + j * plane;
                const REAL y = x[there] * inverse_power(scale[there], beta);
                sum += dy[there] * y / scale[there];
            }
            const int here = base + i * plane;
            dx[here] = dy[here] * inverse_power(scale[here], beta)
                       - 2 * alpha * beta * x[here] * sum;
        }
    }
}
