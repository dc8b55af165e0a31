"""The windows of a convolution as matrices: a column is what one output position sees of the image.

Laid out in full they take kh*kw times the memory of the image, mostly the same numbers over and
over. With stride 1 there is a cheaper way: at output row r, row i of the window sees row r + i of
the padded image, which row 0 of the window sees at output row r + i. So it is enough to lay out one
row of the window, over all rows of the image. The matrix for row i of the window is then a view
into that, from image row i on, which BLAS reads in place:

    laid out              | row 0 | row 1 | row 2 | row 3 | row 4 |    of the padded image
    row 0 of the window    `---------------------'                     3 output rows
    row 1                          `---------------------'
    row 2                                  `---------------------'

    all rows at once     y = W @ col                         col (c*kh*kw, oh*ow)
    one row at a time    y = sum over i of W[i] @ col[i]     each (c*kw, oh*ow), overlapping

The second way needs a product that can read overlapping rows, as BLAS can; the first works with any
stride on any device.
"""

from numpy.lib.stride_tricks import as_strided

from tinynet.devices import Device
from tinynet.kernels import launch
from tinynet.ops.product import product
from tinynet.ops.window import Window


class Columns:
    """How the windows of images (c, h, w) become matrices, one part of a batch at a time.

    A part is a slice of the images and a slice of the groups. The window is cut into kh/rows
    `bands` of `rows` rows each, where `rows` is kh or 1. A band makes one matrix, of
    K = c/groups*rows*kw rows and P = oh*ow columns.
    """

    def __init__(
        self,
        device: Device,
        window: Window,
        groups: int,
        image: tuple[int, int, int],
        out: tuple[int, int],
    ):
        self.device, self.window, self.groups = device, window, groups
        self.image, self.out = image, out
        one_row = device.reads_overlapping and window.strides == (1, 1)
        self.rows = 1 if one_row else window.kh
        self.bands = window.kh // self.rows
        self.seen = out[0] + self.bands - 1  # positions down the image where a band is laid out
        self.taps = (image[0] // groups, self.bands, self.rows, window.kw)  # axes of a filter
        self.k = image[0] // groups * self.rows * window.kw

    def mirror(self, image: tuple[int, int, int]) -> "Columns":
        """The way back, with stride 1: how the pixels gather from the windows that saw them.

        Its image is dy (out_channels, oh, ow); its window is `Window.mirror`.
        """
        return Columns(self.device, self.window.mirror(), self.groups, image, self.image[1:])

    def image_elements(self, product: int) -> int:
        """How many numbers one image takes: its columns, and for each band a product of so many."""
        return self.groups * self.k * self.seen * self.out[1] + self.bands * product

    def buffer(self, images: int, groups: int, dtype):
        """Room for the columns of a part: (images, groups, K, seen * ow)."""
        shape = (images, groups, self.k, self.seen * self.out[1])
        return self.device.scratch("columns", shape, dtype)

    def of(self, x, images: slice, some: slice):
        """The columns of a part of x (n, c, h, w): (images, groups, bands, K, P)."""
        part = self.part(x, images, some)
        columns = self.buffer(len(part), some.stop - some.start, x.dtype)
        col = columns.reshape(len(part), -1, columns.shape[-1])
        launch(self.device, "im2col", col, part, *part.shape, *self.arguments)
        if self.bands == 1:
            return columns[:, :, None]
        oh, ow = self.out
        image, group, row, place = columns.strides  # band i starts i image rows, of ow each, on
        shape = (*columns.shape[:2], self.bands, self.k, oh * ow)
        return as_strided(columns, shape, (image, group, ow * place, row, place), writeable=False)

    @property
    def arguments(self) -> tuple[int, ...]:
        """A band as im2col and col2im take it: window, strides, padding, and the numbers of
        positions down and across where it is laid out.
        """
        return (self.rows, *self.window.arguments[1:], self.seen, self.out[1])

    def part(self, x, images: slice, some: slice):
        """A part of x (n, c, h, w), a view: (images, some groups * c/groups, h, w)."""
        c, h, w = self.image
        part = x.reshape(len(x), self.groups, c // self.groups, h, w)[images, some]
        return part.reshape(len(part), -1, h, w)

    def by_group(self, y):
        """y (n, groups*m, oh, ow) seen as (n, groups, m, P)."""
        return y.reshape(len(y), self.groups, -1, self.out[0] * self.out[1])

    def filters(self, weight):
        """weight (groups*m, c/groups, kh, kw) as it multiplies columns: (groups, bands, m, K)."""
        apart = weight.reshape(self.groups, -1, *self.taps)
        return apart.transpose(0, 3, 1, 2, 4, 5).reshape(self.groups, self.bands, -1, self.k)

    def multiply(self, filters, x, images: slice, some: slice, out) -> None:
        """out (images, groups, m, P) = filters[some], as `filters` gives them, times the windows of
        a part of x: a product for each band, and their sum.
        """
        columns = self.of(x, images, some)
        if self.bands == 1:
            product(self.device, filters[some, 0], columns[:, :, 0], out=out)
            return
        shape = (*columns.shape[:3], *out.shape[2:])
        products = self.device.scratch("products", shape, x.dtype)
        product(self.device, filters[some], columns, out=products)
        products.sum(axis=2, out=out)
