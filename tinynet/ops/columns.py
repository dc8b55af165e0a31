"""The windows of a convolution as matrices: a column is what one output position sees of the image.

The columns of all rows of the window take kh*kw times the image, mostly the same over and over.
With stride 1, row i of the window sees what row 0 sees i places further down. So the columns of one
row of the window, laid out over all rows of the image, hold those of the others: they begin i image
rows later in the same memory, and BLAS reads them there.

    all rows at once     y = W @ col                         col (c*kh*kw, oh*ow)
    one row at a time    y = sum over i of W[i] @ col[i]     each (c*kw, oh*ow), overlapping
"""

from numpy.lib.stride_tricks import as_strided

from tinynet.devices import Device
from tinynet.kernels import launch
from tinynet.ops.product import product
from tinynet.ops.window import Window


class Columns:
    """How the windows of images (c, h, w) become matrices, one part of a batch at a time.

    A part is a slice of the images and a slice of the groups. `rows` of the window are laid out at
    once, so there are kh/rows `bands`, each a matrix (K, P) with K = c/groups*rows*kw, P = oh*ow.
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
        self.seen = out[0] + self.bands - 1  # the places that a row of the window goes to
        self.taps = (image[0] // groups, self.bands, self.rows, window.kw)  # of a filter
        self.k = image[0] // groups * self.rows * window.kw

    def mirror(self, image: tuple[int, int, int]) -> "Columns":
        """How each pixel sees those windows, placed in an image (m, oh, ow), that have seen it."""
        return Columns(self.device, self.window.mirror(), self.groups, image, self.image[1:])

    def image_elements(self, band: int) -> int:
        """How many numbers one image takes: its columns, and a product of `band` for each band."""
        products = self.bands * band if self.bands > 1 else 0
        return self.groups * self.k * self.seen * self.out[1] + products

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
        image, group, row, place = columns.strides
        shape = (*columns.shape[:2], self.bands, self.k, oh * ow)
        return as_strided(columns, shape, (image, group, ow * place, row, place), writeable=False)

    @property
    def arguments(self) -> tuple[int, ...]:
        """The window as im2col and col2im take it, and the places it goes to."""
        return (self.rows, *self.window.arguments[1:], self.seen, self.out[1])

    def part(self, x, images: slice, some: slice):
        """A part of x (n, c, h, w): (images, groups * c/groups, h, w)."""
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
        """out (images, groups, m, P) = the windows of a part of x times filters[some]."""
        columns = self.of(x, images, some)
        if self.bands == 1:
            product(self.device, filters[some, 0], columns[:, :, 0], out=out)
            return
        shape = (*columns.shape[:3], *out.shape[2:])
        products = self.device.scratch("products", shape, x.dtype)
        product(self.device, filters[some], columns, out=products)
        products.sum(axis=2, out=out)
