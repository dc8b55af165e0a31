"""One example of every operation, or several: what `check-grads` checks, and the tests with it.

Shapes are small and odd, so that a wrong gradient shows (h is not w, strides are less than windows,
there are two groups). Inputs are drawn so that nothing lies on a kink, where there is no gradient
to check: `apart` keeps values away from 0 and from one another.
"""

from collections.abc import Callable

import numpy as np

from tinynet import functional as F
from tinynet import init
from tinynet.exact_gradient_check import exact_gradcheck
from tinynet.gradient_check import GradcheckError, gradcheck
from tinynet.nn import Dropout, Sequential
from tinynet.tape import no_grad
from tinynet.tensor import Tensor

Draw = Callable[[np.random.Generator], np.ndarray]


def normal(*shape: int) -> Draw:
    """Numbers around 0."""
    return lambda rng: rng.standard_normal(shape)


def positive(*shape: int) -> Draw:
    """Numbers from 0.5 to 2."""
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def apart(*shape: int, shift: float = 0.05) -> Draw:
    """Multiples of 0.1 plus `shift`, each once, shuffled, half of them below 0."""
    count = int(np.prod(shape))
    return lambda rng: (0.1 * (rng.permutation(count) - count // 2) + shift).reshape(shape)


class Case:
    """`fn` of Tensors, whose last step is the operation, and how to draw its `inputs`."""

    def __init__(self, fn: Callable[..., Tensor], *inputs: Draw):
        self.fn, self._inputs = fn, inputs

    def arrays(self, seed: int = 0) -> list[np.ndarray]:
        """The inputs, in float64."""
        rng = np.random.default_rng(seed)
        return [draw(rng) for draw in self._inputs]


MAPS = (2, 4, 5, 7)  # n, c, h, w
EVEN_MAPS = (2, 3, 6, 8)  # the last window of 3 x 3, two pixels apart, hangs over the edge
LABELS = np.array([2, 0, 4])
CHOICE = np.array([[True, False, True], [False, False, True]])
WINDOW = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}

# By the operation's name; what comes after a comma tells two cases of one operation apart.
CASES = {
    "conv2d": Case(
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 0, 2, 1), groups=2),
        *(normal(*MAPS), normal(6, 2, 3, 2), normal(6)),
    ),
    "local2d": Case(
        lambda x, w, b: F.local2d(x, w, b, stride=(2, 1), padding=(1, 0, 2, 1)),
        *(normal(2, 2, 5, 4), normal(3, 2, 3, 2, 2, 6), normal(3, 2, 6)),
    ),
    "max_pool2d": Case(lambda x: F.max_pool2d(x, **WINDOW), apart(*MAPS)),
    "max_pool2d, ceil": Case(lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), apart(*EVEN_MAPS)),
    "avg_pool2d": Case(lambda x: F.avg_pool2d(x, **WINDOW), normal(*MAPS)),
    "avg_pool2d, ceil": Case(lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True), normal(*EVEN_MAPS)),
    "local_response_norm": Case(
        lambda x: F.local_response_norm(x, 3, alpha=0.9, beta=0.75, k=1.5, groups=2),
        normal(2, 8, 3, 2),
    ),
    "local_response_norm, even": Case(
        lambda x: F.local_response_norm(x, 4, alpha=0.9, beta=0.6, k=1.5), normal(2, 3, 2, 3)
    ),
    "local_response_norm, paper": Case(
        lambda x: F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2, groups=2),
        normal(2, 12, 3, 2),
    ),
    "local_response_norm_within": Case(
        lambda x: F.local_response_norm_within(x, 3, alpha=0.9, beta=0.75, k=1.5), normal(*MAPS)
    ),
    "local_response_norm_within, even": Case(
        lambda x: F.local_response_norm_within(x, 4, alpha=0.9, beta=0.75), normal(*MAPS)
    ),
    "dropout": Case(lambda x: F.dropout(x, 0.4, seed=3, counter=5), normal(4, 7)),
    "dropout, paper": Case(lambda x: F.dropout(x, 0.4, mode="paper", seed=3), normal(4, 7)),
    "linear": Case(F.linear, normal(3, 5), normal(4, 5), normal(4)),
    "relu": Case(F.relu, apart(3, 5)),
    "tanh": Case(F.tanh, normal(3, 5)),
    "sigmoid": Case(F.sigmoid, normal(3, 5)),
    "pad": Case(lambda x: F.pad(x, (1, 2, 0, 3)), normal(2, 2, 3, 2)),
    "concatenate": Case(
        lambda x, y: F.concatenate([x, y], axis=1), normal(2, 3, 2), normal(2, 1, 2)
    ),
    "maximum": Case(F.maximum, apart(3, 5), apart(5, shift=0.08)),
    "where": Case(lambda x, y: F.where(CHOICE, x, y), normal(2, 3), normal(3)),
    "softmax": Case(lambda x: F.softmax(x, axis=0), normal(4, 3)),
    "log_softmax": Case(F.log_softmax, normal(3, 4)),
    "cross_entropy": Case(lambda x: F.cross_entropy(x, LABELS), normal(3, 5)),
    "cross_entropy, none": Case(lambda x: F.cross_entropy(x, LABELS, "none"), normal(3, 5)),
    "add": Case(lambda x, y: x + y, normal(2, 3, 4), normal(3, 1)),
    "subtract": Case(lambda x, y: x - y, normal(3, 1), normal(2, 3, 4)),
    "multiply": Case(lambda x, y: x * y, normal(2, 3, 4), normal(4)),
    "divide": Case(lambda x, y: x / y, normal(2, 3), positive(3)),
    "power": Case(lambda x, y: x**y, positive(2, 3), normal(3)),
    "matmul": Case(lambda x, y: x @ y, normal(2, 3, 4), normal(4, 5)),
    "negate": Case(lambda x: -x, normal(2, 3)),
    "getitem, slices": Case(lambda x: x[1:, ::-2], normal(3, 5)),
    "getitem, integers": Case(lambda x: x[np.array([2, 0, 2])], normal(3, 2)),
    "getitem, bools": Case(lambda x: x[CHOICE], normal(2, 3)),
    "exp": Case(lambda x: x.exp(), normal(2, 3)),
    "log": Case(lambda x: x.log(), positive(2, 3)),
    "sqrt": Case(lambda x: x.sqrt(), positive(2, 3)),
    "abs": Case(lambda x: x.abs(), apart(3, 5)),
    "clip": Case(lambda x: x.clip(-0.4, 0.3), apart(3, 5)),
    "sum": Case(lambda x: x.sum(axis=(0, 2)), normal(2, 3, 4)),
    "mean": Case(lambda x: x.mean(axis=1, keepdims=True), normal(2, 3, 4)),
    "max": Case(lambda x: x.max(axis=1), apart(2, 3, 4)),
    "reshape": Case(lambda x: x.reshape(4, -1), normal(3, 8)),
    "reshape, flatten": Case(lambda x: x.flatten(1), normal(2, 3, 4)),
    "transpose": Case(lambda x: x.transpose(2, 0, 1), normal(2, 3, 4)),
}


def check_case(case: Case, device: str = "cpu", seed: int = 0) -> float:
    """The largest relative error of a case's gradients. GradcheckError if one is wrong."""
    inputs = [Tensor(array, True, device) for array in case.arrays(seed)]
    return gradcheck(case.fn, inputs, seed=seed)


def check_case_exactly(case: Case, device: str = "cpu", seed: int = 0) -> float:
    """The largest relative error of any element of a case's derivative, against dual numbers."""
    inputs = [Tensor(array, True, device) for array in case.arrays(seed)]
    return exact_gradcheck(case.fn, inputs, seed=seed)


# ---------------------------------------------------------------- whole networks

EPS = 1e-6  # so small that hardly any unit crosses its kink; rounding is then about 1e-9
TOLERANCE = 1e-5  # of the parameter's largest gradient; a wrong formula is off by 1e-2 or more


def check_network(model: Sequential, image_size: int, samples: int = 5, seed: int = 0) -> float:
    """Check a float64 network's gradients, dropout included; return the largest relative error.

    Of each parameter it checks the two elements with the largest gradients, and others at random.
    """
    rng = np.random.default_rng(seed)
    loss = drawn_loss(model, image_size, rng)
    model.zero_grad()
    loss().backward()
    parameters = model.named_parameters()
    return max(_check_some(name, p, loss, samples, rng) for name, p in parameters)


def drawn_loss(
    model: Sequential, image_size: int, rng: np.random.Generator
) -> Callable[[], Tensor]:
    """Draw weights and a batch; what is returned gives the loss, the same at each call.

    The weights are drawn anew (He et al.), since with those of 2012 the first layers' gradients are
    no larger than rounding errors. Inputs are as large as pixels, so that normalization has an
    effect; the last layer brings the logits back to around 1.
    """
    x = 50 * rng.standard_normal((3, 3, image_size, image_size))
    parameters = list(model.parameters())
    for p in parameters:
        init.he_normal_(p, rng) if p.ndim > 1 else init.normal_(p, 1.0, rng=rng)
    last = [p for p in parameters if p.ndim > 1][-1]
    last.write(0.02 * last.numpy())
    with no_grad():
        classes = model(Tensor(x, device=last.device)).shape[1]
    labels = rng.integers(0, classes, len(x))

    def loss() -> Tensor:
        for _, module in model.named_modules():
            if isinstance(module, Dropout):
                module.counter = 0  # the same masks each time
        return F.cross_entropy(model.train()(Tensor(x, device=last.device)), labels)

    return loss


@no_grad()
def _check_some(name: str, p: Tensor, loss: Callable[[], Tensor], samples: int, rng) -> float:
    analytic = p.grad.numpy().ravel()
    largest = np.argsort(-np.abs(analytic))[:2]
    chosen = {*largest.tolist(), *rng.integers(0, p.size, samples - 2).tolist()}
    worst = 0.0
    for i in chosen:
        index = np.unravel_index(i, p.shape)
        kept, values = float(p.numpy()[index]), []
        for moved in (kept + EPS, kept - EPS):
            p.device.write(p.data, moved, index)
            values.append(loss().item())
        p.device.write(p.data, kept, index)
        numeric = (values[0] - values[1]) / (2 * EPS)
        error = abs(analytic[i] - numeric) / np.abs(analytic).max()
        if not error <= TOLERANCE:
            raise GradcheckError(
                f"{name} at index {tuple(map(int, index))}: backward gives {analytic[i]:.10g}, "
                f"central difference {numeric:.10g}"
            )
        worst = max(worst, error)
    return worst
