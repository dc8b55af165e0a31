"""The geometry that convolution and pooling share: a window that steps over a padded image.

oh = (top + h + bottom - kh) // stride_h + 1        (ceil_mode: the division rounds up)
"""

from dataclasses import dataclass, replace

from tinynet.ops.arguments import integer, integers


def pair(name: str, argument: str, value, least: int) -> tuple[int, int]:
    """`value`, an int or (h, w), as two ints, each at least `least`."""
    found = _sizes(value, (2,), least)
    if found is None:
        wanted = f"{argument} expects an int or (h, w), each at least {least}"
        raise _refused(name, wanted, value)
    return found


def check_positive(name: str, **arguments: int) -> None:
    """ValueError unless each argument is an int (Python's or NumPy's) of at least 1."""
    for argument, value in arguments.items():
        found = integer(value)
        if found is None or found < 1:
            raise ValueError(f"{name}: {argument} expects an int of at least 1, got {_told(value)}")


def four_sides(name: str, value) -> tuple[int, int, int, int]:
    """Padding given as an int, (h, w) or (top, bottom, left, right), as the last of these."""
    found = _sizes(value, (2, 4), least=0)
    if found is None:
        cure = "; with stride 1, (kh // 2, kw // 2) keeps the size of the image if kh, kw are odd"
        wanted = "padding expects an int, (h, w) or (top, bottom, left, right), each at least 0"
        raise _refused(name, wanted, value, cure if isinstance(value, str) else "")
    return found if len(found) == 4 else (found[0], found[0], found[1], found[1])


def _sizes(value, lengths: tuple[int, ...], least: int) -> tuple[int, ...] | None:
    """An int, as two, or so many ints, each at least `least`; None: it is something else."""
    one = integer(value)
    found = integers(value) if one is None else (one, one)
    return found if found and len(found) in lengths and min(found) >= least else None


def _refused(name: str, wanted: str, value, cure: str = "") -> Exception:
    """A ValueError for ints that are too few or too small, a TypeError for what is no int."""
    ints = integer(value) is not None or integers(value) is not None
    return (ValueError if ints else TypeError)(f"{name}: {wanted}, got {_told(value)}{cure}")


def _told(value) -> str:
    """A value for a message: an array, such as an image in the wrong place, by its shape alone."""
    if getattr(value, "ndim", 0):
        return f"{type(value).__name__} {value.shape}"
    return repr(value)


@dataclass(frozen=True)
class Window:
    """A kh x kw window with its strides, and the image's padding on four sides."""

    kh: int
    kw: int
    stride_h: int
    stride_w: int
    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def of(cls, name: str, kernel_size, stride, padding) -> "Window":
        kernel = pair(name, "kernel_size", kernel_size, least=1)
        steps = kernel if stride is None else pair(name, "stride", stride, least=1)
        return cls(*kernel, *steps, *four_sides(name, padding))

    def one_row(self) -> "Window":
        """A row of the window, which steps over the image's own rows, one by one."""
        return replace(self, kh=1, stride_h=1, top=0, bottom=0)

    @property
    def arguments(self) -> tuple[int, ...]:
        """As every kernel takes them: (kh, kw, stride_h, stride_w, pad_top, pad_left)."""
        return (self.kh, self.kw, self.stride_h, self.stride_w, self.top, self.left)

    def check_pooling(self, name: str) -> None:
        """Refuse padding so large that a window may hold nothing else: it would have no maximum."""
        if max(self.top, self.bottom) >= self.kh or max(self.left, self.right) >= self.kw:
            raise ValueError(
                f"{name}: padding expects less than the window {self.kh}x{self.kw}, got "
                f"(top, bottom, left, right) = {self.top, self.bottom, self.left, self.right}"
            )

    def output_size(self, name: str, h: int, w: int, ceil_mode: bool = False) -> tuple[int, int]:
        """(oh, ow) for an image of h x w."""
        oh = _steps(h, self.kh, self.stride_h, self.top, self.bottom, ceil_mode)
        ow = _steps(w, self.kw, self.stride_w, self.left, self.right, ceil_mode)
        if oh < 1 or ow < 1:
            raise ValueError(
                f"{name}: the window {self.kh}x{self.kw} is larger than the padded image "
                f"{self.top + h + self.bottom}x{self.left + w + self.right}"
            )
        return oh, ow


def _steps(length: int, k: int, stride: int, before: int, after: int, ceil_mode: bool) -> int:
    room = before + length + after - k
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    # A last window that would start past the image holds none of it: drop it.
    return count - 1 if (count - 1) * stride - before >= length else count


def check_images(name: str, x) -> None:
    """x must be a batch of images (n, c, h, w) with something in it."""
    if x.ndim != 4:
        one = "; x[None] makes a batch of one image" if x.ndim == 3 else ""
        raise ValueError(f"{name}: x expects (n, channels, h, w), got shape {x.shape}{one}")
    if x.size == 0:
        raise ValueError(f"{name}: x is empty: {x.shape}")
