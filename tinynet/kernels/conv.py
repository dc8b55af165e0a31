"""im2col and col2im: a convolution becomes one matrix product (NumPy twin of conv.cu).

im2col lays the window under each output position out as a column, so that

    y (out_channels, oh*ow) = weight (out_channels, c*kh*kw) @ col (c*kh*kw, oh*ow)

and col2im, its transpose, adds every entry of the columns back to the pixel it came from. The loop
runs over the kh*kw taps of the window: one tap of all windows is a strided slice of the image.
"""

from tinynet import threads
from tinynet.kernels.windows import tap_slices


def im2col(
    col, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """col (n, c*kh*kw, oh*ow) from x (n, c, h, w); taps outside the image are 0."""
    taps = col.reshape(n, c, kh, kw, oh, ow)

    def one_image(image):
        for i in range(kh):
            to_rows, from_rows = tap_slices(i, stride_h, pad_top, h, oh)
            for j in range(kw):
                to_cols, from_cols = tap_slices(j, stride_w, pad_left, w, ow)
                to = taps[image, :, i, j]
                source = x[image, :, from_rows, from_cols]
                if source.shape != to.shape:
                    to[...] = 0
                to[:, to_rows, to_cols] = source

    threads.for_each(n, one_image)


def col2im(
    dx, dcol, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w) from dcol (n, c*kh*kw, oh*ow): overlapping windows are summed."""
    taps = dcol.reshape(n, c, kh, kw, oh, ow)

    def one_image(image):
        dx[image] = 0
        for i in range(kh):
            from_rows, to_rows = tap_slices(i, stride_h, pad_top, h, oh)
            for j in range(kw):
                from_cols, to_cols = tap_slices(j, stride_w, pad_left, w, ow)
                dx[image, :, to_rows, to_cols] += taps[image, :, i, j, from_rows, from_cols]

    threads.for_each(n, one_image)
