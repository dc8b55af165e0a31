"""Errors planted in the backward kernels: which of them does each check of gradients see?

python tests/planted_errors.py     measures them all, and writes the table of docs/gradients.md anew

Each plant changes a few characters in the text of one backward kernel. Then the case of check-grads
that runs the kernel is checked, and a small network that does, on the simulator in float64:

    gradcheck     central differences, with the tolerances that gradcheck has for all cases
    tuned         central differences, with a tolerance for this very case: twice what the right
                  kernel's error seems to be
    exact         forward on dual numbers
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tiny_runs import load_example
from tqdm import tqdm

from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.commands import exact_networks, gradient_cases
from tinynet.commands.gradient_cases import CASES
from tinynet.exact_gradient_check import exact_gradcheck
from tinynet.kernels import KERNELS
from tinynet.kernels.launching.kernel import Kernel
from tinynet.nn import Sequential

PAGE = Path(__file__).parents[1] / "docs" / "gradients.md"
BEGIN, END = "<!-- python tests/planted_errors.py writes from here -->", "<!-- to here -->"


@dataclass(frozen=True)
class Plant:
    """`old`, which stands once in the body of a kernel, becomes `new`; `case` runs the kernel."""

    kernel: str
    case: str
    old: str
    new: str


def plants(kernel: str, case: str, *changes: tuple[str, str]) -> list[Plant]:
    return [Plant(kernel, case, old, new) for old, new in changes]


PLANTS = [
    *plants(
        "relu_backward",
        "relu",
        ("? dy[index]", "? (float)dy[index]"),
        ("? dy[index]", "? dy[index] * REAL(1.00001)"),
        (": REAL(0)", ": dy[index] * REAL(1e-7)"),
        ("? dy[index]", "? dy[index] * REAL(1 - 1e-8)"),
    ),
    *plants(
        "tanh_backward",
        "tanh",
        ("REAL(1) -", "REAL(1.000001) -"),
        ("y[index] * y[index]", "(float)(y[index] * y[index])"),
        ("y[index] * y[index]", "y[index] * (float)y[index]"),
        ("REAL(1) -", "REAL(index == size - 1 ? 1.00000001 : 1) -"),
    ),
    *plants(
        "max_pool_backward",
        "max_pool2d, ceil",
        ("REAL sum", "float sum"),
        ("sum += dy[window]", "sum += dy[window] * REAL(owi == ow - 1 ? 1 - 1e-6 : 1)"),
        ("dx[index] = sum", "dx[index] = sum * REAL(1 + 1e-8)"),
        ("sum += dy[window]", "sum += (float)dy[window]"),
    ),
    *plants(
        "avg_pool_backward",
        "avg_pool2d, ceil",
        ("/ REAL(pixels)", "* (1.0f / pixels)"),
        ("REAL(pixels)", "(REAL(pixels) + REAL(1e-7))"),
        ("REAL sum", "float sum"),
        ("REAL(pixels)", "(REAL(pixels) + REAL(ohi == oh - 1 && owi == ow - 1 ? 1e-6 : 0))"),
        ("dx[index] = sum", "dx[index] = index == 0 ? sum * REAL(1 - 1e-6) : sum"),
    ),
    *plants(
        "avg_pool_backward",
        "avg_pool2d",
        ("REAL(pixels)", "(REAL(pixels) + REAL(h == 5 && ohi == 0 && owi == 0 ? 1e-5 : 0))"),
    ),
    *plants(
        "lrn_backward",
        "local_response_norm",
        ("2 * alpha", "REAL(2.0001) * alpha"),
        ("inverse_power(scale[here], beta)", "powf((float)scale[here], -(float)beta)"),
        ("REAL sum", "float sum"),
        ("/ scale[there]", "/ (scale[there] + REAL(1e-6))"),
        ("(scale[here], beta)", "(scale[here], beta + REAL(1e-7))"),
    ),
    *plants(
        "lrn_backward",
        "local_response_norm, paper",
        ("/ scale[there]", "/ scale[base + i * plane]"),
        ("2 * alpha * beta", "alpha * beta"),
        ("dy[there] * y", "dy[there] * x[there]"),
        ("min(i + size / 2 + 1, channels)", "min(i + size / 2 + 1, channels - 1)"),
        ("max(i + size / 2 - size + 1, 0)", "max(i + size / 2 - size + 1, 1)"),
        ("y / scale[there]", "(float)y / scale[there]"),
        ("beta * x[here]", "beta * x[here] * inverse_power(scale[here], beta)"),
    ),
    *plants(
        "lrn_within_backward",
        "local_response_norm_within",
        ("inverse_power(scale[index], beta)", "powf(scale[index], -beta)"),
        ("2 * alpha * beta", "REAL(2 + 2e-8) * alpha * beta"),
        ("sum += dy[there]", "sum += REAL(hi == h - 1 && wi == w - 1 ? 1 - 1e-5 : 1) * dy[there]"),
        ("/ scale[there]", "/ (float)scale[there]"),
    ),
    *plants(
        "dropout_backward",
        "dropout",
        ("* scale", "* (float)scale"),
        ("* scale", "* (scale - REAL(1e-7))"),
        (": REAL(0)", ": dy[index] * REAL(1e-8)"),
    ),
    *plants(
        "softmax_cross_entropy_backward",
        "cross_entropy, none",
        ("REAL(1) :", "REAL(0.9999) :"),
        ("probabilities[index] - target", "(float)probabilities[index] - target"),
        ("dloss[row] *", "dloss[row] * REAL(j == classes - 1 ? 1 + 1e-8 : 1) *"),
        (": REAL(0)", ": REAL(1e-7)"),
    ),
    *plants(
        "bias_backward",
        "conv2d",
        ("REAL sum", "float sum"),
        ("dbias[ci] = sum", "dbias[ci] = ci == c - 1 ? sum * REAL(1 + 1e-8) : sum"),
        ("sum += map", "sum += REAL(ni + pixel == 0 ? 1 - 1e-6 : 1) * map"),
    ),
    *plants(
        "col2im",
        "conv2d",
        ("REAL sum", "float sum"),
        ("sum += dcolumns", "sum += REAL(khi == kh - 1 && kwi == 0 ? 1 + 1e-7 : 1) * dcolumns"),
        ("dx[index] = sum", "dx[index] = index == h * w / 2 ? sum * REAL(1 - 1e-8) : sum"),
        (
            "sum += dcolumns",
            "sum += REAL(ohi == oh - 1 && owi == ow - 1 ? 1 - 1e-5 : 1) * dcolumns",
        ),
    ),
    *plants(
        "local_backward",
        "local2d",
        ("REAL sum", "float sum"),
        ("sum += filter", "sum += REAL(khi == kh - 1 && kwi == 0 ? 1 + 1e-7 : 1) * filter"),
    ),
    *plants(
        "local_backward_weight",
        "local2d",
        ("= sum", "= place == places - 1 ? sum * REAL(1 - 1e-8) : sum"),
        ("sum += dy", "sum += REAL(ni == n - 1 ? 1 - 1e-6 : 1) * dy"),
    ),
]


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Inside `with`, the kernel has its error."""
    right = KERNELS[plant.kernel]
    start = right.source.index(f"void {plant.kernel}_kernel(")
    before, body = right.source[:start], right.source[start:]
    body, rest = re.fullmatch(r"(.*?\n}\n)(.*)", body, re.DOTALL).groups()
    if body.count(plant.old) != 1:
        raise ValueError(
            f"{plant.kernel}: {plant.old!r} stands there {body.count(plant.old)} times"
        )
    wrong = Kernel(right.twin, right.shape, right.name)
    wrong.source = before + body.replace(plant.old, plant.new) + rest
    KERNELS[plant.kernel] = wrong
    try:
        yield
    finally:
        KERNELS[plant.kernel] = right


# ---------------------------------------------------------------- one operation


def inputs(case: str) -> list[Tensor]:
    return [Tensor(array, True, "sim:0") for array in CASES[case].arrays()]


def gradients(case: str) -> list[np.ndarray]:
    """Of the inputs, for a random dy."""
    given = inputs(case)
    y = CASES[case].fn(*given)
    y.backward(np.random.default_rng(0).standard_normal(y.shape))
    return [x.grad.numpy().copy() for x in given]


def seen(check: Callable, *args, **options) -> bool:
    try:
        check(*args, **options)
    except GradcheckError:
        return True
    return False


def difference(case: str) -> float:
    """What central differences find the gradient's error to be, however large."""
    return gradcheck(CASES[case].fn, inputs(case), rtol=1e9)


# ---------------------------------------------------------------- a whole network

NETS = {"avg_pool.cu": ("cifar10", "18pct"), "local.cu": ("cifar10", "11pct")}


@cache
def net_with(kernel: str) -> tuple[Sequential, int] | None:
    """A small network that runs the kernel, and the size of its images."""
    if kernel == "tanh_backward":
        return None
    name, profile = NETS.get(KERNELS[kernel].file, ("alexnet", "source2012"))
    example = load_example(name).EXAMPLE
    model = example.build(5, profile, "sim:0", **example.small, dtype="float64")
    return model, example.small["image_size"]


def net_gradients(kernel: str) -> list[np.ndarray]:
    model, size = net_with(kernel)
    loss = gradient_cases.drawn_loss(model, size, np.random.default_rng(0))
    model.zero_grad()
    loss().backward()
    return [p.grad.numpy().copy() for p in model.parameters()]


def net_difference(kernel: str) -> float:
    """What central differences find the gradients' error to be; inf where they give up."""
    try:
        return gradient_cases.check_network(*net_with(kernel), samples=3)
    except GradcheckError:
        return np.inf


# ---------------------------------------------------------------- all of it


@dataclass(frozen=True)
class Result:
    """For each check: is the error seen? None where the network's gradient is not changed."""

    plant: Plant
    size: float  # the largest error of the gradient, relative to its largest element
    gradcheck: bool
    tuned: bool
    exact: bool
    net_tuned: bool | None = None
    net_exact: bool | None = None


CHECKS = ("gradcheck", "tuned", "exact", "net_tuned", "net_exact")


def measure(plant: Plant) -> Result:
    return Result(plant, *in_operation(plant), *in_network(plant))


def in_operation(plant: Plant) -> tuple:
    """The error's size, and whether gradcheck sees it, tuned or not, and exact_gradcheck."""
    case = plant.case
    right, noise = gradients(case), difference(case)
    with planted(plant):
        wrong = gradients(case)
        return (
            max(np.abs(a - b).max() / np.abs(a).max() for a, b in zip(right, wrong)),
            seen(gradcheck, CASES[case].fn, inputs(case)),
            difference(case) > 2 * noise,
            seen(exact_gradcheck, CASES[case].fn, inputs(case)),
        )


def in_network(plant: Plant) -> tuple:
    """Whether tuned central differences see it, and the exact check; () if it changes nothing."""
    kernel = plant.kernel
    if net_with(kernel) is None:
        return ()
    right, noise = net_gradients(kernel), net_difference(kernel)
    with planted(plant):
        if all(map(np.array_equal, right, net_gradients(kernel))):
            return ()
        return (
            net_difference(kernel) > 2 * noise,
            seen(exact_networks.check_network, *net_with(kernel)),
        )


def table(results: list[Result]) -> str:
    """In Markdown, the smallest error first."""
    words = {True: "seen", False: "missed", None: ""}
    lines = [
        "| kernel | right | planted | size | gradcheck | tuned | exact | net, tuned | net, exact |",
        "| --- | --- | --- | ---: | --- | --- | --- | --- | --- |",
    ]
    for r in sorted(results, key=lambda r: r.size):
        plant = f"{r.plant.kernel} | `{r.plant.old}` | `{r.plant.new}` | {r.size:.0e}"
        lines.append(f"| {plant} | {' | '.join(words[getattr(r, c)] for c in CHECKS)} |")
    counts = []
    for check in CHECKS:
        given = [getattr(r, check) for r in results if getattr(r, check) is not None]
        counts.append(f"**{sum(given)} of {len(given)}**")
    return "\n".join([*lines, f"| **seen** | | | | {' | '.join(counts)} |"])


def main() -> None:
    results = []
    for plant in tqdm(PLANTS):
        results.append(measure(plant))
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(f"{BEGIN}\n")
    _, after = rest.split(f"{END}\n")
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{END}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
