"""Every backward kernel on its own, against its forward kernel run on dual numbers.

In every shape in which the catalogue checks the forward kernel (kernels/catalogue/examples.py), and
every element of the derivative: exact_gradient_check.py says how.
"""

import numpy as np

from tinynet.devices import Device, dual
from tinynet.devices import device as open_device
from tinynet.exact_gradient_check import RTOL, compare, unit
from tinynet.gradient_check import GradcheckError
from tinynet.kernels import KERNELS, launch
from tinynet.kernels.catalogue.examples import EXAMPLES, Sizes, arguments
from tinynet.kernels.catalogue.headers import arrays

BACKWARD = "_backward"
# Each kernel that computes a gradient, and the kernel whose gradient it is.
PAIRS = {"col2im": "im2col"} | {
    name: name.partition(BACKWARD)[0] + "_forward" for name in KERNELS if BACKWARD in name
}


def check_pair(backward: str, device: str) -> float:
    """The largest relative error of backward in all shapes; GradcheckError if it is wrong."""
    shapes = EXAMPLES[PAIRS[backward]].checked
    return max(check_shape(backward, open_device(device), sizes) for sizes in shapes)


def check_shape(backward: str, device: Device, sizes: Sizes) -> float:
    """The same in one shape. By name: backward writes dx, say, from dy, and from what else forward
    has taken or given.
    """
    forward, rng = PAIRS[backward], np.random.default_rng(0)
    names = [p.name for p in KERNELS[forward].parameters]
    given = dict(zip(names, arguments(KERNELS[forward], sizes, np.dtype(np.float64), rng)))
    if forward == "max_pool_forward":  # no two alike: a tie is a kink
        given["x"] = rng.permutation(given["x"].size).reshape(given["x"].shape).astype(float)
    dx, dy = (
        next(a for a in arrays(KERNELS[backward]) if a.role == role and a.name[1:] in given)
        for role in ("out", "in")
    )
    x, y = dx.name[1:], dy.name[1:]
    saved = _run(forward, device, given)

    def column(i: int) -> np.ndarray:
        moving = dual.dual(given[x], unit(i, given[x].shape))
        return dual.slope(_run(forward, dual.of(device), {**given, x: moving})[y]).ravel()

    def row(j: int) -> np.ndarray:
        out = {dx.name: np.full(given[x].shape, np.nan), dy.name: unit(j, given[y].shape)}
        return _run(backward, device, {**saved, **out})[dx.name].ravel()

    columns = np.stack([column(i) for i in range(given[x].size)], axis=1)
    rows = np.stack([row(j) for j in range(given[y].size)])
    return compare(f"{backward}: {dx.name}", rows, columns, given[x].shape, given[y].shape)


PRODUCTS = ("gemm_naive", "gemm_tiled")


def check_product(kernel: str, device: str) -> float:
    """c = a @ b, whose backward is da = dc @ b^T and db = a^T @ dc by the same kernel.

    These matrices are too large for every element. So dc and the directions va of a and vb of b are
    random, and dc . (slope of c) must be da . va + db . vb: errors are relative to the |terms|.
    """
    rng, device = np.random.default_rng(0), open_device(device)

    def product(device: Device, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        (m, k), n = a.shape, b.shape[1]
        given = {"c": np.full((m, n), np.nan), "a": a, "b": b, "m": m, "n": n, "k": k}
        return _run(kernel, device, given)["c"]

    worst = 0.0
    for sizes in EXAMPLES[kernel].checked:
        m, n, k = (sizes[name] for name in "mnk")
        a, b, va, vb, dc = (
            rng.standard_normal(shape) for shape in ((m, k), (k, n), (m, k), (k, n), (m, n))
        )
        slope = dual.slope(product(dual.of(device), dual.dual(a, va), dual.dual(b, vb)))
        da, db = product(device, dc, b.T), product(device, a.T, dc)
        found, promised = (dc * slope).sum(), (da * va).sum() + (db * vb).sum()
        error = abs(found - promised) / (np.abs(da * va).sum() + np.abs(db * vb).sum())
        if not error <= RTOL:
            raise GradcheckError(
                f"{kernel}: along a random direction backward gives {promised:.17g}, dual numbers "
                f"{found:.17g}"
            )
        worst = max(worst, error)
    return worst


def _run(kernel: str, device: Device, given: dict) -> dict:
    """Launch a kernel on copies of NumPy arrays; return all arguments by name, as they are then."""
    there = dict(given)
    for p in KERNELS[kernel].parameters:
        if p.is_pointer:
            there[p.name] = device.asarray(np.array(given[p.name], order="C"))
    launch(device, kernel, *(there[p.name] for p in KERNELS[kernel].parameters))
    for p in KERNELS[kernel].parameters:
        if p.is_pointer:
            there[p.name] = device.to_numpy(there[p.name])
    return there
