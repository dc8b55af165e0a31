// The last step of the input pipeline, on the device (AlexNet, sec. 4.1): cut a crop out of every
// image, mirror it, shift its colours, subtract the mean.
//
//     x[ni, ci, ohi, owi] = (images[ni, ci, top[ni] + ohi, left[ni] + column] + shift[ni, ci]
//                            - mean[ci, ohi, owi]) * scale[ci]
//     column = owi, or ow - 1 - owi where flip[ni]
//
// Images cross to the device as bytes, a quarter of what floats would take; the random choices are
// made on the host (one small array each), so that the same batch comes out on every device.
//
// What holds for every kernel, such as REAL and the loop over the grid, is in README.md.

// augment
//   x (out)          (n, c, oh, ow)
//   images           (n, c, h, w), bytes 0..255
//   top, left, flip  (n,), int: the crop's corner; flip is 0 or 1
//   shift            (n, c), added in units of a byte: the PCA colour noise
//   mean             (c, oh, ow), the same for mirrored images: the mean is not mirrored
//   scale            (c,)
// One thread computes one element of x. Neighbouring threads read neighbouring bytes, backwards
// where mirrored, which costs nothing: a warp's request is the same set of sectors. There is no
// backward: nothing before the images learns.
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
