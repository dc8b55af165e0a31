"""Operations at AlexNet's shapes: what bench_lrn.py and its like share.

Each is checked against its definition, written there in a line or two of NumPy, before it is timed:
y itself, in float64, and the gradients by the slope of sum(y * dy) along a random direction, which
must be that of the definition. PyTorch's results, where it is there, must be the same as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from contest import LOSS, Disagreement, Session, Work, contest, files
from pairs import Table

BATCH = 128
STEP = 1e-6  # of the difference along the direction: few pixels cross a kink within it

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Operation:
    """One function of `functional`, at one layer's shapes.

    arrays       draws the inputs for a batch of n, in order
    definition   y from the inputs, in float64; None where `check` says what must hold
    check        (arrays, results): raises Disagreement
    bound        (arrays, y) -> products and bytes by phase
    wanted       the inputs whose gradients are wanted
    """

    label: str
    name: str
    arrays: Callable[[int, np.random.Generator], Arrays]
    bound: Callable[[Arrays, np.ndarray], dict]
    definition: Callable[..., np.ndarray] | None = None
    check: Callable[[Arrays, Arrays], None] | None = None
    options: dict = field(default_factory=dict)
    wanted: tuple[str, ...] = ("x",)
    kind: str = "operation"

    def case(self, inputs: Sequence[str]) -> dict:
        return {
            "kind": self.kind,
            "name": self.name,
            "options": self.options,
            "inputs": list(inputs),
            "wanted": list(self.wanted),
        }


def run(session: Session, title: str, text: str, operations: Sequence[Operation]) -> list[Table]:
    """A table of these operations; in a quick run only the last, of one image."""
    table = Table(title, text)
    for operation in operations[-1:] if session.quick else operations:
        rng = np.random.default_rng(0)
        check_by_definition(session, operation, rng)
        arrays = operation.arrays(1 if session.quick else BATCH, rng)
        inputs = list(arrays)
        y = _like_y(operation, arrays)
        work = Work(
            operation.label,
            operation.case(inputs),
            {**arrays, "dy": rng.standard_normal(y.shape).astype(np.float32)},
            operation.bound(arrays, y),
            compared=operation.check is None,
        )
        contest(session, table, work)
    return [table]


def check_by_definition(session: Session, operation: Operation, rng: np.random.Generator) -> None:
    """Raise Disagreement unless tinynet computes, of one image, what the definition says."""
    arrays = operation.arrays(1, rng)
    y = _like_y(operation, arrays)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    results = _own_results(session, operation, arrays, dy)
    if operation.check:
        operation.check({**arrays, "dy": dy}, results)
        return
    _same(f"{operation.label}: y", results["y"], y)
    if not operation.wanted:
        return
    along = {name: rng.standard_normal(arrays[name].shape) for name in operation.wanted}
    above, below = (
        (_defined(operation, arrays, along, step) * dy).sum(dtype=np.float64)
        for step in (STEP, -STEP)
    )
    terms = [(results[f"d{name}"] * along[name]).ravel() for name in operation.wanted]
    slope, measured = sum(map(np.sum, terms)), (above - below) / (2 * STEP)
    scale = float(np.sqrt(sum((term**2).sum() for term in terms)))
    if not abs(slope - measured) <= LOSS * scale:
        raise Disagreement(
            f"{operation.label}: the gradients give a slope of {slope:.6g}, the definition "
            f"{measured:.6g}"
        )


def _own_results(session: Session, operation: Operation, arrays: Arrays, dy: np.ndarray) -> Arrays:
    engine = session.engine("tinynet")
    with files({**arrays, "dy": dy}) as place:
        engine.make(operation.case(arrays), place)
        return engine.check()


def _like_y(operation: Operation, arrays: Arrays) -> np.ndarray:
    """An array of y's shape: the definition's y of one image, as often as there are images."""
    if operation.definition is None:
        return arrays["x"]
    batch = len(next(iter(arrays.values()))) if operation.kind != "update" else 1
    one = {name: a[:1] if name in BATCHED and batch > 1 else a for name, a in arrays.items()}
    y = _defined(operation, one, {}, 0.0)
    return np.broadcast_to(y, (batch, *y.shape[1:])) if y.ndim and batch > 1 else y


BATCHED = ("x", "labels", "logits", "images", "top", "left", "flip", "shift")


def _defined(operation: Operation, arrays: Arrays, along: Arrays, step: float) -> np.ndarray:
    """The definition's y in float64, with the inputs moved by `step` along a direction."""
    moved = [
        array.astype(np.float64) + step * along.get(name, 0) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    ]
    return np.asarray(operation.definition(*moved, **operation.options))


def _same(what: str, ours: np.ndarray, defined: np.ndarray) -> None:
    apart, largest = np.abs(ours - defined).max(), np.abs(defined).max()
    if not apart <= LOSS * largest:
        raise Disagreement(f"{what} is {apart:.3g} off, where the largest is {largest:.3g}")


# ------------------------------------------------------------------------- what the files share


def images(*shape: int) -> Callable[[int, np.random.Generator], Arrays]:
    """Draws x (n, *shape)."""
    return lambda n, rng: {"x": rng.standard_normal((n, *shape), dtype=np.float32)}


def moved(forward: int, backward: int) -> dict:
    """The bound of work that computes little: bytes read and written, each array once."""
    return {
        "forward": {"products": [], "bytes": forward},
        "backward": {"products": [], "bytes": backward},
    }


def elementwise(arrays: Arrays, y: np.ndarray) -> dict:
    """x to y; dy and one array that was kept to dx."""
    return moved(2 * 4 * y.size, 3 * 4 * y.size)


def windows(x: np.ndarray, kh: int, kw: int, stride_h: int, stride_w: int) -> np.ndarray:
    """What each window of x (n, c, h, w) sees: (n, c, oh, ow, kh, kw), a view."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    return seen[:, :, ::stride_h, ::stride_w]
