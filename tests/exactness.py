"""How exact the element-wise operations are, against mpmath, over all of float32 and float64.

python tests/exactness.py > docs/exactness.md
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from mpmath import mp, mpf

import tinynet.functional as F
from tinynet import Tensor

mp.prec = 120
DEVICES = ("cpu", "sim:0")
DTYPES = ("float32", "float64")


def slope_of_sigmoid(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def sigmoid(x):
    e = mp.exp(-abs(x))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)


def softplus(x):
    return mp.log1p(mp.exp(-abs(x))) + max(x, mpf(0))


def of_two(loss: Callable) -> Callable:
    """`loss` of the logits (x, y), whose right answer is x."""
    return lambda x, y: loss(F.concatenate([x.reshape(-1, 1), y.reshape(-1, 1)], 1))


def labels_0(logits: Tensor) -> np.ndarray:
    return np.zeros(len(logits.data), np.int64)


# Of two classes, where log(1 + exp(y - x)) is the loss, and its slope the other's probability.
SURE = {
    "value": lambda x, y: softplus(y - x),
    "slopes": (lambda x, y: -sigmoid(y - x), lambda x, y: sigmoid(y - x)),
    "limits": (4, 3, 3),
    "draw": "logits",
    "slope_of_1": True,
}


def sign(x):
    return mpf(0) if x == 0 else mp.sign(x)


@dataclass(frozen=True)
class Case:
    """An operation of tinynet, and the exact value and slopes. `limits`: the ulps allowed."""

    fn: Callable
    value: Callable
    slopes: tuple[Callable, ...]
    limits: tuple[float, ...]
    draw: str = "anything"
    slope_of_1: bool = False  # are the slope's ulps those at 1, for a slope taken from y alone?


# CUDA allows itself 2 ulps for exp and tanh and 1 for log, NumPy 4; all else rounds once or twice.
CASES = {
    "abs": Case(lambda x: x.abs(), abs, (sign,), (0, 0)),
    "add": Case(
        lambda x, y: x + y,
        lambda x, y: x + y,
        (lambda x, y: mpf(1), lambda x, y: mpf(1)),
        (0.5, 0, 0),
        "two",
    ),
    "clip": Case(
        lambda x: x.clip(-2, 3),
        lambda x: min(max(x, mpf(-2)), mpf(3)),
        (lambda x: mpf(-2 <= x <= 3),),
        (0, 0),
    ),
    "cross_entropy": Case(of_two(lambda x: F.cross_entropy(x, labels_0(x), "none")), **SURE),
    "divide": Case(
        lambda x, y: x / y,
        lambda x, y: x / y,
        (lambda x, y: 1 / y, lambda x, y: -x / y / y),
        (0.5, 0.5, 2),
        "quotient",
    ),
    "exp": Case(lambda x: x.exp(), mp.exp, (mp.exp,), (4, 4)),
    "log": Case(lambda x: x.log(), mp.log, (lambda x: 1 / x,), (4, 0.5), "positive"),
    "log_softmax": Case(of_two(lambda x: -F.log_softmax(x, 1)[:, 0]), **SURE),
    "maximum": Case(
        F.maximum,
        max,
        (lambda x, y: mpf(x >= y), lambda x, y: mpf(x < y)),
        (0, 0, 0),
        "two",
    ),
    "multiply": Case(
        lambda x, y: x * y,
        lambda x, y: x * y,
        (lambda x, y: y, lambda x, y: x),
        (0.5, 0, 0),
        "two",
    ),
    "negate": Case(lambda x: -x, lambda x: -x, (lambda x: mpf(-1),), (0, 0)),
    "power": Case(
        lambda x, y: x**y,
        lambda x, y: x**y,
        (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * mp.log(x)),
        (4, 6, 6),
        "power",
    ),
    "relu": Case(F.relu, lambda x: max(x, mpf(0)), (lambda x: mpf(x > 0),), (0, 0)),
    "sigmoid": Case(F.sigmoid, sigmoid, (slope_of_sigmoid,), (6, 8)),
    "sqrt": Case(
        lambda x: x.sqrt(), mp.sqrt, (lambda x: 1 / (2 * mp.sqrt(x)),), (0.5, 1.5), "positive"
    ),
    "subtract": Case(
        lambda x, y: x - y,
        lambda x, y: x - y,
        (lambda x, y: mpf(1), lambda x, y: mpf(-1)),
        (0.5, 0, 0),
        "two",
    ),
    "tanh": Case(F.tanh, mp.tanh, (lambda x: mp.sech(x) ** 2,), (4, 4), slope_of_1=True),
}


@lru_cache(maxsize=64)
def ladder(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """`count` numbers from all orders of magnitude, as many from those around 1, and the ends."""
    info, rng = np.finfo(dtype), np.random.default_rng(seed)
    all_orders = rng.integers(int(math.log2(info.smallest_subnormal)), info.maxexp, count)
    orders = np.concatenate([all_orders, rng.integers(-6, 8, count)])
    drawn = np.ldexp(rng.uniform(1, 2, len(orders)).astype(dtype), orders)
    ends = [info.smallest_subnormal, info.smallest_normal, info.max, info.eps, 1, 0]
    ends.append(np.nextafter(info.smallest_normal, np.asarray(0, dtype)))
    positive = np.concatenate([drawn, np.array(ends, dtype)])
    return np.concatenate([positive, -positive])


@lru_cache(maxsize=64)
def points(draw: str, dtype: str, count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """The arguments: one array, or two of equal length."""
    x, rng, info = ladder(dtype, count, seed), np.random.default_rng(seed + 1), np.finfo(dtype)
    if draw == "anything":
        return (x,)
    if draw == "positive":
        return (x[x > 0],)
    if draw == "logits":  # of few digits, so that the differences are exact, and exp does not
        least = math.log(info.smallest_normal)  # grow a rounding of theirs
        pairs = np.round(rng.uniform(least / 2, -least / 2, (2, len(x))) * 64) / 64
        return tuple(np.where(np.arange(len(x)) % 2, pairs, pairs / 32).astype(dtype))
    with np.errstate(over="ignore"):
        if draw in ("two", "quotient"):
            x, y = x[x != 0], rng.permutation(x[x != 0])
            near = y * rng.uniform(0.25, 4, len(y)).astype(dtype)
            x = np.where(np.arange(len(y)) % 2, near, x)  # half of the pairs are of like size
        else:  # "power": log(x**y) = y * log(x)
            x = x[(x > 0) & (x != 1)]
            logs = rng.uniform(math.log(info.smallest_normal), math.log(info.max), len(x))
            y = (logs / np.log(x.astype(np.float64))).astype(dtype)
    kept = np.isfinite(x) & np.isfinite(y)
    if draw == "quotient":
        with np.errstate(over="ignore", under="ignore"):
            kept &= np.abs(x / y) >= info.smallest_normal
    return x[kept], y[kept]


@lru_cache(maxsize=64)
def exact(name: str, dtype: str, count: int, seed: int = 0) -> list[list]:
    """The values, then the slopes along each argument, as mpmath has them."""
    case = CASES[name]
    arrays = [[mpf(float(v)) for v in a] for a in points(case.draw, dtype, count, seed)]
    return [[f(*one) for one in zip(*arrays)] for f in (case.value, *case.slopes)]


def ulps(got: np.ndarray, right: list, of_1: bool = False) -> np.ndarray:
    """The error of each element; inf where only one of the two is infinite, or got is a nan."""
    info = np.finfo(got.dtype)
    bits, least = info.nmant, int(math.log2(info.smallest_subnormal))
    past = mpf(float(info.max)) + mpf(2) ** (info.maxexp - bits - 2)  # rounds to inf
    errors = np.empty(len(right))
    for i, (g, r) in enumerate(zip(got.tolist(), right)):
        if abs(r) >= past or not math.isfinite(g):
            same = math.isinf(g) and abs(r) >= past and (g > 0) == (r > 0)
            errors[i] = 0 if same else math.inf
            continue
        exponent = max(mp.frexp(r)[1] - 1 - bits, least) if r != 0 else least
        step = mpf(2) ** (-bits if of_1 else exponent)
        errors[i] = float(abs(mpf(g) - r) / step)
    return errors


def measured(name: str, dtype: str, device: str, count: int, seed: int = 0) -> list[float]:
    """The largest error of the value, and of the slope along each argument."""
    case = CASES[name]
    leaves = [
        Tensor(a, requires_grad=True, device=device) for a in points(case.draw, dtype, count, seed)
    ]
    with np.errstate(all="ignore"):
        y = case.fn(*leaves)
        y.backward(np.ones(y.shape, y.dtype))
    right = exact(name, dtype, count, seed)
    got = [y.numpy(), *(x.grad.numpy() for x in leaves)]
    of_1 = [False, *(case.slope_of_1 for _ in leaves)]
    errors = np.stack([ulps(*three) for three in zip(got, right, of_1)])
    if flushes(device, dtype):
        errors = errors[:, ~denormal_somewhere(leaves, right)]
    return [float(largest) for largest in errors.max(axis=1)]


def flushes(device: str, dtype: str) -> bool:
    """Are denormal numbers 0 there? So they are to CuPy, in float32 (devices/gpu.py)."""
    least = np.full(1, np.finfo(dtype).smallest_subnormal)
    return bool((Tensor(least, device=device) * 1).numpy() == 0)


def denormal_somewhere(leaves: list[Tensor], right: list[list]) -> np.ndarray:
    """For each point: is an argument, the value or a slope denormal?"""
    smallest = float(np.finfo(leaves[0].dtype).smallest_normal)
    columns = [[abs(v) for v in x.numpy().astype(np.float64)] for x in leaves]
    columns += [[abs(float(r)) for r in column] for column in right]
    return np.any([[0 < v < smallest for v in column] for column in columns], axis=0)


PAGE = """# How exact the element-wise operations are

Below is the largest error that was found of every operation that works element by element, against
[mpmath](https://mpmath.org), and of its slopes: what backward gives for a gradient of 1. It is
counted in ulps, the steps between neighbouring numbers of the dtype at the exact value: the nearest
number is at most 0.5 away. Where the exact value lies past the largest number, inf is right.

The {points:,} points of each row, or somewhat fewer, are drawn from all binary orders of magnitude
and of both signs, denormal numbers and both ends among them; half of them lie around 1. Where x / y
or x ** y is itself denormal, the slopes of divide and power have only the digits that it has, and
these points are left out. The slope of tanh is worked out from y alone, so that x need not be kept:
its error is counted in ulps of 1.

log_softmax and cross_entropy are here for two classes, of which the first is right: the loss is
log(1 + exp(y - x)), however small, and its slopes are taken from the probabilities. The logits are
drawn such that x - y is exact. Elsewhere it is rounded once, and an error of e in it is one of a
factor 1 + e in exp.

`python tests/exactness.py > docs/exactness.md` writes this page, and the tests hold every row to a
limit.

{table}
"""


def page(count: int) -> str:
    """The text of docs/exactness.md."""
    columns = [(dtype, device) for dtype in DTYPES for device in DEVICES]
    lines = [
        "| | " + " | ".join(f"{dtype}, {device}" for dtype, device in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for name, case in CASES.items():
        results = [measured(name, dtype, device, count) for dtype, device in columns]
        arguments = ("x", "y")[: len(case.slopes)]
        for i, row in enumerate([name, *(f"{name}, slope along {a}" for a in arguments)]):
            row += " (ulps of 1)" if i and case.slope_of_1 else ""
            lines.append(f"| {row} | " + " | ".join(f"{r[i]:.2f}" for r in results) + " |")
    number = len(ladder(DTYPES[0], count))
    return PAGE.format(points=number, table="\n".join(lines))


if __name__ == "__main__":
    print(page(count=2000), end="")
