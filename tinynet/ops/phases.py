"""Convolution with a larger stride as one of stride 1: the pixels sorted by their phase.

With stride 4, a window begins at every 4th pixel. Cut the padded image into blocks of 4 x 4 pixels,
and let the 16 pixels of a block be 16 channels of one: such an image is 4 times smaller each way,
windows of 11 x 11 are 3 x 3 blocks (12 x 12 pixels, of which a row and a column weigh nothing), and
they begin at every block. In general, for the c channels of a group, with kh' = ceil(kh / sh) and
H = oh + kh' - 1 rows of blocks,

    x (c, h, w)           ->  phases (c*sh*sw, H, W)
    weight (m, c, kh, kw) ->  (m, c*sh*sw, kh', kw')

and filter_rows.py goes on from there: less is copied than by im2col, in longer runs of memory.
"""

from tinynet.devices import Device
from tinynet.ops.filter_rows import FilterRows
from tinynet.ops.window import Window

PADDED = 1.35  # times as many weights; with more of them 0, products take what the copies save


class Phases(FilterRows):
    """Columns of the blocks that windows with a stride see: `image` is (H, W), in blocks."""

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
        padded = self.device.xp.zeros(self._padded((m, channels), self.in_filter), weight.dtype)
        padded[..., :kh, :kw] = weight
        return super().matrices(self._by_phase(padded).reshape(m, -1, *self.in_filter))

    def filters(self, matrices, shape):
        m, channels, kh, kw = shape
        padded = self.device.empty(self._padded((m, channels), self.in_filter), matrices.dtype)
        by_phase = self._by_phase(padded)
        phases = by_phase[0].size // (self.in_filter[0] * self.in_filter[1])
        in_blocks = super().filters(matrices, (m, phases, *self.in_filter))
        by_phase[...] = in_blocks.reshape(by_phase.shape)
        return self.device.contiguous(padded[..., :kh, :kw])

    def from_pixels(self, columns, part):
        padded, phases = self._rooms(part)
        padded[...] = 0
        inside, pixels = self._meeting(padded, part)
        inside[...] = pixels
        phases[...] = self._by_phase(padded)
        super().from_pixels(columns, self._flat(phases))

    def to_pixels(self, dcolumns, dpart):
        padded, dphases = self._rooms(dpart)
        super().to_pixels(dcolumns, self._flat(dphases))
        self._by_phase(padded)[...] = dphases
        inside, dpixels = self._meeting(padded, dpart)
        dpart[...] = 0  # also the pixels that no window sees
        dpixels[...] = inside

    def _rooms(self, part):
        """For a part of x: room for the padded images, and for their phases."""
        *lead, _ = part.shape
        padded = self.device.scratch("padded", self._padded(lead, self.image), part.dtype)
        return padded, self.device.scratch("phases", self._by_phase(padded).shape, part.dtype)

    def _padded(self, lead, blocks):
        """The shape of images of so many rows and columns of blocks, in pixels."""
        return *lead, blocks[0] * self.given.stride_h, blocks[1] * self.given.stride_w

    def _meeting(self, padded, part):
        """The pixels that windows may see, views of `padded` and of the part."""
        (h, w), (top, left) = self.pixels, (self.given.top, self.given.left)
        inside = padded[..., top : top + h, left : left + w]
        pixels = part.reshape(*part.shape[:3], h, w)
        return inside, pixels[..., : inside.shape[-2], : inside.shape[-1]]

    def _by_phase(self, padded):
        """(..., H*sh, W*sw) -> (..., sh, sw, H, W), a view: the pixels of a phase together."""
        *lead, h, w = padded.shape
        sh, sw = self.given.stride_h, self.given.stride_w
        blocks = padded.reshape(*lead, h // sh, sh, w // sw, sw)
        return self.device.xp.moveaxis(blocks, (-3, -1), (-4, -3))

    @staticmethod
    def _flat(phases):
        """(images, groups, c, sh, sw, H, W) -> (images, groups, c*sh*sw, H*W), as a part of x."""
        images, groups, *_, h, w = phases.shape
        return phases.reshape(images, groups, -1, h * w)


def _in_blocks(window: Window) -> Window:
    """The window over blocks, one block at a time; the padding is in the blocks."""
    kh, kw = -(-window.kh // window.stride_h), -(-window.kw // window.stride_w)
    return Window(kh, kw, stride_h=1, stride_w=1, top=0, bottom=0, left=0, right=0)


def _blocks_seen(blocks: Window, out: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns of blocks the windows see."""
    return out[0] + blocks.kh - 1, out[1] + blocks.kw - 1
