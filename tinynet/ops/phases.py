"""Convolution with a larger stride as one of stride 1: the pixels sorted by their phase.

With stride 4, a window begins at every 4th pixel. Cut the padded image into blocks of 4 x 4 pixels,
and let the 16 pixels of a block be 16 channels of one: such an image is 4 times smaller each way,
windows of 11 x 11 are 3 x 3 blocks (12 x 12 pixels, of which a row and a column weigh nothing), and
they begin at every block. In general, with kh' = ceil(kh / sh) and H = oh + kh' - 1 rows of blocks,

    x (c, h, w)           ->  phases (c*sh*sw, H, W)
    weight (m, c, kh, kw) ->  (m, c*sh*sw, kh', kw')

and filter_rows.py goes on from there: less is copied than by im2col, in longer runs of memory.
"""

from tinynet.devices import Device
from tinynet.ops.filter_rows import FilterRows
from tinynet.ops.window import Window

PADDED = 1.35  # times as many weights; with more of them 0, products take what the copies save


class Phases(FilterRows):
    """Columns of the blocks that windows with a stride see."""

    @staticmethod
    def serve(device: Device, window: Window, channels: int, image, out) -> bool:
        """Is this the faster way, for filters that see so many channels?"""
        blocks, pixels = _in_blocks(window), window.stride_h * window.stride_w
        return (
            pixels > 1
            and blocks.kh * blocks.kw * pixels <= PADDED * window.kh * window.kw
            and FilterRows.serve(device, blocks, channels * pixels, _blocks_seen(blocks, out), out)
        )

    def __init__(self, device: Device, window: Window, groups: int, image, out):
        blocks = _in_blocks(window)
        super().__init__(device, blocks, groups, _blocks_seen(blocks, out), out)
        self.given, self.pixels, self.in_filter = window, image, (blocks.kh, blocks.kw)
        self.copies *= window.stride_h * window.stride_w  # of each channel of x

    def matrices(self, weight):
        m, channels, kh, kw = weight.shape
        padded = self.device.xp.zeros(self._padded(m, channels, *self.in_filter), weight.dtype)
        padded[..., :kh, :kw] = weight
        return super().matrices(self._by_phase(padded).reshape(m, -1, *self.in_filter))

    def filters(self, matrices, shape):
        m, channels, kh, kw = shape
        padded = self.device.empty(self._padded(m, channels, *self.in_filter), matrices.dtype)
        by_phase = self._by_phase(padded)
        phases = by_phase.shape[1] * by_phase.shape[2] * by_phase.shape[3]
        in_blocks = super().filters(matrices, (m, phases, *self.in_filter))
        by_phase[...] = in_blocks.reshape(by_phase.shape)
        return self.device.contiguous(padded[..., :kh, :kw])

    def from_pixels(self, columns, part):
        padded, phases = self._rooms(part)
        padded[...] = 0
        inside, seen = self._seen(padded, part)
        inside[...] = seen
        by_phase = self._by_phase(padded)
        phases.reshape(by_phase.shape)[...] = by_phase
        super().from_pixels(columns, phases)

    def to_pixels(self, dcolumns, dpart):
        padded, dphases = self._rooms(dpart)
        super().to_pixels(dcolumns, dphases)
        by_phase = self._by_phase(padded)
        by_phase[...] = dphases.reshape(by_phase.shape)
        inside, dseen = self._seen(padded, dpart)
        dpart[...] = 0  # also pixels that no window sees
        dseen[...] = inside

    def _rooms(self, part):
        """For a part of x: room for the padded images, and for their phases."""
        images, groups, channels, _ = part.shape
        shape = self._padded(images * groups, channels, *self.image)
        padded = self.device.scratch("padded", shape, part.dtype)
        phases = self.device.scratch("phases", shape, part.dtype)
        return padded, phases.reshape(images, groups, -1, self.image[0] * self.image[1])

    def _padded(self, n, channels, rows, columns):
        """The shape of n images of so many rows and columns of blocks, in pixels."""
        return n, channels, rows * self.given.stride_h, columns * self.given.stride_w

    def _seen(self, padded, part):
        """The pixels that windows see, in `padded` and in the part: strides may leave some out."""
        (h, w), (top, left) = self.pixels, (self.given.top, self.given.left)
        inside = padded[..., top : top + h, left : left + w]
        image = part.reshape(*padded.shape[:2], h, w)
        return inside, image[..., : inside.shape[2], : inside.shape[3]]

    def _by_phase(self, padded):
        """(n, c, H*sh, W*sw) -> (n, c, sh, sw, H, W), a view: the pixels of a phase together."""
        n, channels, h, w = padded.shape
        sh, sw = self.given.stride_h, self.given.stride_w
        blocks = padded.reshape(n, channels, h // sh, sh, w // sw, sw)
        return blocks.transpose(0, 1, 3, 5, 2, 4)


def _in_blocks(window: Window) -> Window:
    """The window over blocks, one block at a time; the padding is in the blocks."""
    kh, kw = -(-window.kh // window.stride_h), -(-window.kw // window.stride_w)
    return Window(kh, kw, stride_h=1, stride_w=1, top=0, bottom=0, left=0, right=0)


def _blocks_seen(blocks: Window, out: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns of blocks the windows see."""
    return out[0] + blocks.kh - 1, out[1] + blocks.kw - 1
