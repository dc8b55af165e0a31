"""What each window of an image sees, laid out as a column of a matrix, in a buffer used again.

For one group, with m filters of K = channels/groups*kh*kw weights each and P = oh*ow windows an
image, a convolution is then one product (conv.py makes it, and those of backward):

    product (m, images*P) = W (m, K) @ columns (K, images*P)
"""

from math import prod

from tinynet.devices import Device
from tinynet.kernels import launch
from tinynet.ops.window import Window


class Columns:
    """Columns of `image` = (h, w) pixels, whose windows give `out` = (oh, ow) outputs. Other
    layouts take another convolution with the same y: their image, window and out are that one's.

    A part of a batch, as `part` gives it, is an array (images, groups, channels/groups, h*w). Its
    columns have the images side by side, (groups, K, images, P), with K = channels/groups*kh*kw and
    P = oh*ow. So do products with them, (groups, m, images, P): `together` and `apart` go between
    these and parts of y, (images, groups, m, P).
    """

    def __init__(
        self,
        device: Device,
        window: Window,
        groups: int,
        image: tuple[int, int],
        out: tuple[int, int],
    ):
        self.device, self.window, self.groups = device, window, groups
        self.image, self.out = image, out
        self.copies = window.kh * window.kw  # of each channel: K is so many times the channels
        self.pieces = 1  # of each filter: a product has so many times m rows

    def part(self, x, images: slice, groups: slice):
        """Some images and groups of x (n, channels, ...), or of y: a view."""
        return x.reshape(len(x), self.groups, -1, prod(x.shape[2:]))[images, groups]

    def of(self, part):
        """The columns of a part; the next ones take their place."""
        columns = self.buffer(part)
        self.from_pixels(columns, part)
        return columns

    def from_pixels(self, columns, part) -> None:
        """columns = for each window the pixels of the part that it sees."""
        launch(self.device, "im2col", columns, part, *self._sizes(part))

    def to_pixels(self, dcolumns, dpart) -> None:
        """dpart = for each pixel the sum of dcolumns wherever it was copied to."""
        launch(self.device, "col2im", dpart, dcolumns, *self._sizes(dpart))

    def buffer(self, part):
        """Room for the columns of a part."""
        images, groups, channels, _ = part.shape
        shape = groups, channels * self.copies, images, prod(self.out)
        return self.device.scratch("columns", shape, part.dtype)

    def matrices(self, weight):
        """The filters as W (groups, m, K), which is multiplied by the columns."""
        return weight.reshape(self.groups, -1, weight[0].size)

    def filters(self, matrices, shape: tuple[int, ...]):
        """Back from `matrices` to the shape of weight."""
        return matrices.reshape(shape)

    def product_for(self, y_part):
        """Room for W @ columns, from which `apart` makes a part of y."""
        images, groups, m, _ = y_part.shape
        shape = groups, m * self.pieces, images, prod(self.out)
        return self.device.scratch("product", shape, y_part.dtype)

    def apart(self, y_part, product, bias) -> None:
        """y_part = product, + bias (groups, m) if there is one."""
        y = y_part.transpose(1, 2, 0, 3)
        if bias is None:
            y[...] = product
        else:
            self.device.xp.add(product, bias[..., None, None], out=y)

    def together(self, dy_part):
        """The gradient of the product that `apart` was given, from that of its y."""
        dy = dy_part.transpose(1, 2, 0, 3)
        if len(dy_part) == 1:
            return dy
        dproduct = self.product_for(dy_part)
        dproduct[...] = dy
        return dproduct

    def image_bytes(self, x) -> int:
        """What the columns of one of the images x (n, channels, h, w) take."""
        return x.shape[1] * self.copies * prod(self.out) * x.itemsize

    def _sizes(self, part) -> tuple[int, ...]:
        images, groups, channels, _ = part.shape
        return images, groups * channels, *self.image, *self.window.arguments, *self.out


def wide(columns):
    """Columns, or a product with them, as matrices: (groups, rows, images*P)."""
    return columns.reshape(*columns.shape[:2], -1)
