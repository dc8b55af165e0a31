"""What each window of an image sees, laid out as a column of a matrix, in a buffer used again."""

from math import prod

from tinynet.devices import Device
from tinynet.kernels import launch
from tinynet.ops.window import Window


class Columns:
    """Columns of images of h x w pixels, whose windows give oh x ow outputs.

    A part of a batch, as `part` gives it, is an array (images, groups, channels/groups, h*w). Its
    columns are an array (images, groups, K, P) with K = channels/groups*kh*kw and P = oh*ow, which
    lies in memory with the images side by side, (groups, K, images, P).
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

    def part(self, x, images: slice, groups: slice):
        """Some images and groups of x (n, channels, ...), or of y: a view."""
        return x.reshape(len(x), self.groups, -1, prod(x.shape[2:]))[images, groups]

    def of(self, part):
        """The columns of a part; the next ones take their place."""
        columns = self.buffer(part)
        launch(self.device, "im2col", side_by_side(columns), part, *self._sizes(part))
        return columns

    def to_pixels(self, dcolumns, dpart) -> None:
        """dpart = for each pixel the sum of dcolumns wherever it was copied to."""
        launch(self.device, "col2im", dpart, side_by_side(dcolumns), *self._sizes(dpart))

    def buffer(self, part):
        """Room for the columns of a part."""
        images, groups, channels, _ = part.shape
        k = channels * self.window.kh * self.window.kw
        shape = groups, k, images, prod(self.out)
        return self.device.scratch("columns", shape, part.dtype).transpose(2, 0, 1, 3)

    def image_bytes(self, x) -> int:
        """What the columns of one of the images x (n, channels, h, w) take."""
        return x.shape[1] * self.window.kh * self.window.kw * prod(self.out) * x.itemsize

    def _sizes(self, part) -> tuple[int, ...]:
        images, groups, channels, _ = part.shape
        return images, groups * channels, *self.image, *self.window.arguments, *self.out


def side_by_side(columns):
    """(images, groups, K, P) as it lies in memory: (groups, K, images, P)."""
    return columns.transpose(1, 2, 0, 3)
