"""Parts of the GPU report: are products exact, and which form of them is the fastest?"""

from collections.abc import Callable, Iterator

import numpy as np
from gpu_sheet import BATCH, Sheet, milliseconds

from tinynet.devices import Device
from tinynet.devices import device as open_device

# m filters of K weights in each group, P places: the paper's five convolutions.
SHAPES = {
    "conv1": (96, 363, 3025),
    "conv2": (128, 1200, 729),
    "conv3": (384, 2304, 169),
    "conv4": (192, 1728, 169),
    "conv5": (128, 1728, 169),
}
TF32 = 1e-2  # of the largest: both factors have 10 bits
FLOAT32 = 1e-4


def exactness(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """Products against those in float64; in the part after this, the same in TF32."""
    device, rng = open_device(devices[0]), np.random.default_rng(0)
    sheet = Sheet(
        "exactness of products",
        "The largest error of a product, in parts of its largest element, and in roundings of "
        "float32 (2**-24).",
        ["product", "error", "roundings"],
    )
    sizes = ((16, 16, 16),) if quick else ((128, 4096, 9216), (384, 169, 2304), (96, 3025, 363))
    for m, n, k in sizes:
        a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n)))
        exact = a.astype(np.float64) @ b
        out = device.empty((m, n), np.dtype(np.float32))
        device.multiply(out, device.asarray(a), device.asarray(b))
        error = float(np.abs(device.to_numpy(out) - exact).max() / np.abs(exact).max())
        sheet.rows.append([f"({m}, {k}) @ ({k}, {n})", error, error * 2**24])
    yield sheet


def forms(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """The products of each convolution in all forms; each is compared with the first."""
    device = open_device(devices[0])
    sheet = Sheet(
        "forms of the products",
        "Of one group: y = W @ columns, dcolumns = W^T @ dy, dW = the sum of dy @ columns^T. As a "
        "stack, one product an image; as one product of all images side by side, (K, images x P), "
        "without what takes y apart and puts dy so; and by cuBLAS's sgemmStridedBatched, with "
        "stride 0 for W.",
        ["layer", "product", "form", "ms", "TFLOP/s", "error"],
    )
    n, rounds = (2, 1) if quick else (BATCH, 7)
    for layer, (m, k, p) in list(SHAPES.items())[-1 if quick else 0 :]:
        rng = np.random.default_rng(0)
        columns, dy, w = (
            device.asarray(rng.standard_normal(shape, dtype=np.float32))
            for shape in ((n, k, p), (n, m, p), (m, k))
        )
        turned = device.contiguous(w.T)
        for product, table, left, right in (
            ("y", SHARED, w, columns),
            ("dcolumns", SHARED, turned, dy),
            ("dW", SUMMED, dy, columns),
        ):
            first = None
            for form, make in table.items():
                try:
                    work, result = make(device, left, right)
                except NotImplementedError as error:
                    sheet.notes.append(f"{layer}, {product}, {form}: left out: {error}")
                    continue
                middle = float(np.median(milliseconds(device, work, rounds)))
                y = result()
                first = y if first is None else first
                error = float(np.abs(y - first).max() / np.abs(first).max())
                if not error <= TF32:
                    raise ValueError(f"{layer}, {product}: {form} is {error:.2g} off the stack's")
                rate = 2 * n * m * k * p / middle / 1e9
                sheet.rows.append([layer, product, form, middle, rate, error])
        yield sheet


Form = tuple[Callable[[], object], Callable[[], np.ndarray]]  # the work, and y (n, m, P) of it


def _stack(device: Device, w, columns) -> Form:
    y = device.empty((len(columns), len(w), columns.shape[2]), np.dtype(np.float32))
    return lambda: device.multiply(y, w, columns), lambda: device.to_numpy(y)


def _one(device: Device, w, columns) -> Form:
    n, k, p = columns.shape
    wide = device.contiguous(columns.transpose(1, 0, 2)).reshape(k, n * p)
    y = device.empty((len(w), n * p), np.dtype(np.float32))
    result = lambda: device.to_numpy(y).reshape(len(w), n, p).swapaxes(0, 1)  # noqa: E731
    return lambda: device.multiply(y, w, wide), result


def _strided(device: Device, w, columns) -> Form:
    """In cuBLAS's order of columns first: y^T (P, m) = columns^T (P, K) @ W^T (K, m)."""
    if not device.name.startswith("cuda"):
        raise NotImplementedError(f"{device.name} has no cuBLAS")
    from cupy_backends.cuda.libs import cublas

    (n, k, p), m = columns.shape, len(w)
    y = device.empty((n, m, p), np.dtype(np.float32))
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)

    def work() -> None:
        with device.active(), device.math_mode():
            handle = device.xp.cuda.get_cublas_handle()
            cublas.setStream(handle, device.xp.cuda.get_current_stream().ptr)
            cublas.sgemmStridedBatched(
                *(handle, cublas.CUBLAS_OP_N, cublas.CUBLAS_OP_N, p, m, k, one.ctypes.data),
                *(columns.data.ptr, p, k * p, w.data.ptr, k, 0),
                *(zero.ctypes.data, y.data.ptr, p, m * p, n),
            )

    return work, lambda: device.to_numpy(y)


def _summed_stack(device: Device, dy, columns) -> Form:
    """A dW for each image, and their sum."""
    (n, m, _), k = dy.shape, columns.shape[1]
    each = device.empty((n, m, k), np.dtype(np.float32))
    dw = device.empty((m, k), np.dtype(np.float32))

    def work() -> None:
        device.multiply(each, dy, columns.swapaxes(1, 2))
        with device.active():
            each.sum(axis=0, out=dw)

    return work, lambda: device.to_numpy(dw)


def _summed_at_once(device: Device, dy, columns) -> Form:
    """The product itself sums over the images: (m, images x P) @ (images x P, K)."""
    (n, m, p), k = dy.shape, columns.shape[1]
    wide_dy = device.contiguous(dy.transpose(1, 0, 2)).reshape(m, n * p)
    wide = device.contiguous(columns.transpose(1, 0, 2)).reshape(k, n * p)
    dw = device.empty((m, k), np.dtype(np.float32))
    return lambda: device.multiply(dw, wide_dy, wide.T), lambda: device.to_numpy(dw)


SHARED = {"stack": _stack, "one product": _one, "strided, batched": _strided}
SUMMED = {"stack, then a sum": _summed_stack, "one product": _summed_at_once}
