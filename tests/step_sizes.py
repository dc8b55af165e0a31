"""Draws docs/step_sizes.svg: the error of a gradient, found in four ways, against the step size.

python tests/step_sizes.py

The gradient is that of v . y for a random v, where y is the local response normalization of
check-grads (its case with an even window). What is right was computed with 60 digits (mpmath).
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from mpmath import mp, mpc, mpf

from tinynet import Tensor, no_grad
from tinynet.commands.gradient_cases import CASES
from tinynet.devices import device, dual
from tinynet.exact_gradient_check import slopes, unit

matplotlib.use("svg")
from matplotlib.figure import Figure  # noqa: E402

FILE = Path(__file__).parents[1] / "docs" / "step_sizes.svg"
CASE = CASES["local_response_norm, even"]
SIZE, ALPHA, BETA, K = 4, 0.9, 0.6, 1.5  # of the case
(X,) = CASE.arrays()
V = np.random.default_rng(1).standard_normal(X.shape)
STEPS = 10.0 ** np.arange(0, -20.1, -0.25)
mp.dps = 60


def by_the_formula(x: np.ndarray):
    """v . y in as many digits as x (n, c, h, w) has, an array of mpmath's numbers."""
    total, channels = mpf(0), x.shape[1]
    for index, value in np.ndenumerate(x):
        n, c, h, w = index
        first = max(c - SIZE // 2, 0)
        window = x[n, first : min(c - SIZE // 2 + SIZE, channels), h, w]
        scale = K + mpf(ALPHA) * sum(z * z for z in window)
        total += mpf(V[index]) * value * scale ** -mpf(BETA)
    return total


def right() -> np.ndarray:
    """The gradient to 60 digits, rounded: a complex step of 1e-40 errs by its square."""
    gradient, h = np.empty(X.shape), mpf(10) ** -40
    for index in np.ndindex(X.shape):
        x = np.array([mpf(value) for value in X.flat]).reshape(X.shape)
        x[index] = mpc(x[index], h)
        gradient[index] = by_the_formula(x).imag / h
    return gradient


def gradient(derivative: Callable[[np.ndarray], float]) -> np.ndarray:
    """The derivative along each element in turn."""
    return np.array([derivative(unit(i, X.shape)) for i in range(X.size)]).reshape(X.shape)


@no_grad()
def loss(x: np.ndarray) -> float:
    return float((V * CASE.fn(Tensor(x)).numpy()).sum())


@no_grad()
def loss_of_complex(x: np.ndarray) -> complex:
    return (V * CASE.fn(Tensor(x, device=dual.of(device("cpu")))).numpy()).sum()


def curves() -> dict[str, list[float]]:
    """The largest error relative to the largest element, for each step; or one for all."""
    truth = right()

    def error(found: np.ndarray) -> float:
        return np.abs(found - truth).max() / np.abs(truth).max()

    x = Tensor(X, device="sim:0")
    return {
        "(f(x+h) - f(x)) / h": [
            error(gradient(lambda e, h=h: (loss(X + h * e) - loss(X)) / h)) for h in STEPS
        ],
        "(f(x+h) - f(x-h)) / 2h": [
            error(gradient(lambda e, h=h: (loss(X + h * e) - loss(X - h * e)) / (2 * h)))
            for h in STEPS
        ],
        "Im f(x+ih) / h": [
            error(gradient(lambda e, h=h: loss_of_complex(X + 1j * h * e).imag / h)) for h in STEPS
        ],
        "dual numbers": [error(gradient(lambda e: (V * slopes(CASE.fn, [x], [e])).sum()))],
    }


STYLES = {
    "(f(x+h) - f(x)) / h": {"color": "#d98e04", "label": "difference  (f(x+h) − f(x)) / h"},
    "(f(x+h) - f(x-h)) / 2h": {
        "color": "#8a3b00",
        "label": "central difference  (f(x+h) − f(x−h)) / 2h",
    },
    "Im f(x+ih) / h": {"color": "#5f9ed1", "label": "complex step  Im f(x+ih) / h"},
}


def draw(found: dict[str, list[float]]) -> Figure:
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, style in STYLES.items():
        errors = np.maximum(found[name], 1e-17)  # an error of 0 has no logarithm
        axes.loglog(STEPS, errors, linewidth=1.8, **style)
    (exact,) = found["dual numbers"]
    axes.axhline(exact, color="#00508c", linestyle="--", label="dual numbers, which have no step")
    axes.set_xlim(1, 1e-20)  # smaller steps to the right
    axes.set_ylim(1e-17, 10)
    axes.set_xlabel("step size h")
    axes.set_ylabel("largest error of the gradient,\nrelative to its largest element")
    axes.grid(alpha=0.3)
    axes.legend(loc="center right", fontsize=9)
    return figure


def main() -> None:
    found = curves()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "tinynet"}):
        draw(found).savefig(FILE, metadata={"Date": None})
    for name, errors in found.items():
        best = int(np.argmin(errors))
        at = f" at h = {STEPS[best]:.0e}" if len(errors) > 1 else ""
        print(f"{name:<24} {errors[best]:.1e}{at}")


if __name__ == "__main__":
    main()
