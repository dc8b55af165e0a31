"""Convolution with the images of a part side by side: few products, and large ones, for a GPU.

A product for each image leaves most of a GPU idle: the 13 x 13 outputs of AlexNet's conv3 are not
even two of the tiles of 128 columns that its multiprocessors compute. But the columns of several
images side by side are the columns of one wide image, and one product does them all:

    forward     y (m, images*P)        = W (m, K) @ columns (K, images*P)
    backward    dW (m, K)              = dy (m, images*P) @ columns^T, which sums over the images
                dcolumns (K, images*P) = W^T @ dy

Elsewhere the images stand one after another, (images, m, P). So y is taken apart as the bias is
added, which must pass over it anyway; and dy is put side by side once for all that backward needs.
"""

from collections.abc import Iterator

from tinynet.devices import Device
from tinynet.ops.bias import bias_gradient
from tinynet.ops.columns import side_by_side
from tinynet.ops.conv import Conv2d
from tinynet.ops.product import add_product, product

ALIGNED = 4  # images: rows of so many begin at multiples of 16 bytes, as fast products want


class ConvSideBySide(Conv2d):
    """Conv2d on a GPU."""

    @staticmethod
    def serves(device: Device, stride) -> bool:
        """Is the device one worker, which only large products keep busy?"""
        return device.shares == 1

    def correlate(self, y, x, weight, bias):
        filters = self.matrices(weight)
        for images, groups in self.parts(x):
            wide = self.wide(self.columns.of(self.columns.part(x, images, groups)))
            y_part = self.columns.part(y, images, groups)
            of_all = self.beside(y_part)
            for w, columns, out in zip(filters[groups], wide, self.wide(of_all)):
                product(self.device, w, columns, out=out)
            if bias is None:
                y_part[...] = of_all
            else:
                of_groups = bias.reshape(self.groups, -1, 1)[groups]  # (groups, m, 1)
                self.xp.add(of_all, of_groups, out=y_part)

    def backward(self, dy):
        x, weight = self.saved
        dy, part = self.contiguous(dy), self.columns.part
        dx = self.device.empty(x.shape, x.dtype) if self.needs_grad[0] else None
        dweight = self.device.empty(weight.shape, weight.dtype) if self.needs_grad[1] else None
        dbias = bias_gradient(self.device, dy) if self.needs_grad[2:] == (True,) else None
        if dweight is not None:
            dweight[...] = 0
        for images, groups in self.parts(x):
            dy_part = self.beside(part(dy, images, groups))
            dy_part[...] = part(dy, images, groups)
            if dweight is not None:
                self.add_dweight(dweight, dy_part, part(x, images, groups), groups)
            if dx is not None:
                self.write_dx(part(dx, images, groups), dy_part, weight, groups)
        return (dx, dweight, dbias)[: len(self.needs_grad)]

    def add_dweight(self, dweight, dy, x, groups):
        """dW += dy @ columns^T."""
        columns = self.wide(self.columns.of(x))
        for dw, dy_wide, c in zip(self.matrices(dweight)[groups], self.wide(dy), columns):
            add_product(self.device, dw, dy_wide, c.T)

    def write_dx(self, dx, dy, weight, groups):
        """dx = col2im(W^T @ dy)."""
        dcolumns = self.columns.buffer(dx)
        for w, dy_wide, out in zip(
            self.matrices(weight)[groups], self.wide(dy), self.wide(dcolumns)
        ):
            product(self.device, w.T, dy_wide, out=out)
        self.columns.to_pixels(dcolumns, dx)

    def parts(self, x) -> Iterator[tuple[slice, slice]]:
        """(images, groups) of each part: as few parts as the workspace allows, of like size."""
        n, image_bytes = len(x), self.columns.image_bytes(x)
        most = max(1, self.device.part_bytes // image_bytes)
        if most > ALIGNED:
            most -= most % ALIGNED
        even = -(-n // -(-n // most))
        step = min(most, even + -even % ALIGNED)
        at_once = self.groups if image_bytes <= self.device.part_bytes else 1
        for i in range(0, n, step):
            for g in range(0, self.groups, at_once):
                yield slice(i, min(i + step, n)), slice(g, g + at_once)

    def matrices(self, weight):
        """(groups, m, K)."""
        return weight.reshape(self.groups, -1, weight[0].size)

    def beside(self, part):
        """Room for a part of y, (images, groups, m, P), with the images side by side in memory."""
        images, groups, m, p = part.shape
        shape = groups, m, images, p
        return self.device.scratch("side by side", shape, part.dtype).transpose(2, 0, 1, 3)

    @staticmethod
    def wide(part):
        """What lies side by side, (images, groups, rows, P), as (groups, rows, images*P)."""
        rows = side_by_side(part)
        return rows.reshape(*rows.shape[:2], -1)
