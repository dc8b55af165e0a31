"""exact_gradcheck: every gradient is right in all its digits, and an error of 1e-8 is seen."""

import numpy as np
import pytest
from hypothesis import given
from inputs import distinct, leaf, normal, seeds, sliding_windows
from tiny_runs import load_example, run

import tinynet
import tinynet.functional as F
from tinynet import GradcheckError, Tensor, simulator
from tinynet.commands import exact_kernels, exact_networks, gradient_cases, kinks
from tinynet.commands.gradient_cases import CASES
from tinynet.exact_gradient_check import RTOL, exact_gradcheck, slopes
from tinynet.kernels.catalogue.examples import EXAMPLES
from tinynet.ops.activation import ReLU
from tinynet.ops.conv import Conv2d
from tinynet.ops.elementwise import Clip, Exp, Multiply
from tinynet.ops.max_pool import MaxPool2d

needs_compiler = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)


@pytest.fixture(params=["cpu", pytest.param("sim:0", marks=needs_compiler)])
def where(request):
    """The devices that have dual numbers."""
    return request.param


# ------------------------------------------------------------------------------- all that there is


@pytest.mark.parametrize("name", CASES)
def test_every_operation(name, where):
    assert gradient_cases.check_case_exactly(CASES[name], where) <= RTOL


@pytest.mark.parametrize("kernel", ["naive", "tiled"])
@needs_compiler
def test_products_by_the_kernels_of_gemm(kernel, monkeypatch):
    monkeypatch.setenv("TINYNET_GEMM", kernel)
    for name in ("matmul", "linear"):
        gradient_cases.check_case_exactly(CASES[name], "sim:0")
    exact_kernels.check_product(f"gemm_{kernel}", "sim:0")


@needs_compiler
@pytest.mark.parametrize("backward", exact_kernels.PAIRS)
def test_every_backward_kernel(backward):
    """In the last of its shapes; `check-grads --exact` takes them all."""
    sizes = EXAMPLES[exact_kernels.PAIRS[backward]].checked[-1]
    assert exact_kernels.check_shape(backward, tinynet.device("sim:0"), sizes) <= RTOL


@given(sliding_windows(pooling=True), seeds)
def test_pooling_through_any_window(drawn, seed):
    (h, w), window = drawn
    x = distinct(seed, 1, 2, h, w)
    exact_gradcheck(lambda x: F.max_pool2d(x, **window), [leaf(x)])
    exact_gradcheck(lambda x: F.avg_pool2d(x, **window, ceil_mode=True), [leaf(x)])


@pytest.mark.parametrize("name", kinks.KINKS)
def test_every_kink_has_the_slope_that_the_rule_gives_it(name, where):
    assert kinks.check_kink(name, where).startswith("takes ")


@pytest.mark.parametrize("recipe", ["18pct", "11pct"])
def test_a_network(where, recipe):
    example = load_example("cifar10").EXAMPLE
    model = example.build(5, recipe, where, **example.small, dtype="float64")
    before = [(p.data, p.device) for p in model.parameters()]
    assert exact_networks.check_network(model, example.small["image_size"]) <= RTOL
    after = [(p.data, p.device) for p in model.parameters()]
    assert all(a is b and d is e for (a, d), (b, e) in zip(before, after))


# --------------------------------------------------------------------------------- what it catches


def off_by(op, position, factor, monkeypatch):
    """Make one element of one gradient of an operation too large by `factor`."""
    backward = op.backward

    def wrong(self, dy):
        gradients = backward(self, dy)
        gradients = list(gradients) if isinstance(gradients, tuple) else [gradients]
        changed = np.array(gradients[position])
        changed.flat[np.abs(changed).argmax()] *= 1 + factor
        gradients[position] = changed
        return tuple(gradients)

    monkeypatch.setattr(op, "backward", wrong)


@pytest.mark.parametrize("name", CASES)
def test_an_error_of_1e_12_is_seen_in_every_argument(name, monkeypatch):
    case = CASES[name]
    op = type(case.fn(*map(leaf, case.arrays())).creator)
    for position in range(len(case.arrays())):
        with monkeypatch.context() as patch:
            off_by(op, position, 1e-12, patch)
            with pytest.raises(
                GradcheckError, match=f"^{op.name}: gradient of argument {position}"
            ):
                gradient_cases.check_case_exactly(case)


def test_a_gradient_where_there_is_none_is_seen(monkeypatch):
    """The derivative of exp is diagonal; 1e-20 beside the diagonal is wrong by all of itself."""
    monkeypatch.setattr(Exp, "backward", lambda self, dy: dy * self.saved[0] + 1e-20 * dy.sum())
    with pytest.raises(GradcheckError, match="not linear|backward gives"):
        exact_gradcheck(lambda x: x.exp(), [leaf([1.0, -400.0])])


def test_a_gradient_that_is_not_linear_in_dy_is_seen(monkeypatch):
    """Right for any dy of one element that is 1; wrong for all others."""
    monkeypatch.setattr(Exp, "backward", lambda self, dy: dy * dy * self.saved[0])
    with pytest.raises(GradcheckError, match="exp: gradient of argument 0 is not linear in dy"):
        exact_gradcheck(lambda x: x.exp(), [leaf([1.0, 2.0])])


def test_the_message_names_argument_indices_and_both_values(monkeypatch):
    def backward(self, dz):
        x, y = self.saved
        dy = dz * x
        dy[1, 2] *= 2
        return dz * y, dy

    monkeypatch.setattr(Multiply, "backward", backward)
    x, y = leaf(np.full((2, 3), 1.5)), leaf(normal(1, 2, 3))
    with pytest.raises(GradcheckError) as error:
        exact_gradcheck(lambda x, y: x * y, [x, y])
    assert str(error.value) == (
        "multiply: gradient of argument 1 at index (1, 2), from dy at (1, 2) alone: backward "
        "gives 3, dual numbers 1.5 (1 of 36 elements differ)"
    )


def test_a_nan_is_never_right(monkeypatch):
    monkeypatch.setattr(Exp, "backward", lambda self, dy: dy * np.nan)
    with pytest.raises(GradcheckError, match="backward gives nan"):
        exact_gradcheck(lambda x: x.exp(), [leaf([1.0])])


def test_a_point_beside_a_kink_is_like_any_other():
    """Where central differences fail, and no matter how near."""
    x = leaf([1e-9, -1e-9, 1e-300, -1e-300])
    with pytest.raises(GradcheckError):
        gradient_cases.gradcheck(F.relu, [x])
    assert exact_gradcheck(F.relu, [x]) == 0


@pytest.mark.parametrize(
    "op, name, wrong",
    [
        (ReLU, "relu at 0", lambda self, dy: dy * (self.saved[0] >= 0)),
        (Clip, "clip at its ends", lambda self, dy: dy * 0.5),  # between the slopes: not the rule
        (MaxPool2d, "max_pool2d of equals", lambda self, dy: np.array([[[[0, 0], [0, 1.0]]]])),
    ],
)
def test_another_slope_at_a_kink_is_seen(op, name, wrong, monkeypatch):
    monkeypatch.setattr(op, "backward", wrong)
    with pytest.raises(GradcheckError, match="and the rule is"):
        kinks.check_kink(name, "cpu")


def test_a_rule_must_lie_between_the_slopes(monkeypatch):
    monkeypatch.setattr(ReLU, "backward", lambda self, dy: 2 * dy)
    monkeypatch.setitem(kinks.KINKS, "relu at 0", (F.relu, [[0.0]], [[2]]))
    with pytest.raises(GradcheckError, match="2 is not between the slopes 0 and 1"):
        kinks.check_kink("relu at 0", "cpu")


def test_an_error_of_1e_8_in_a_network_is_seen(monkeypatch):
    example = load_example("alexnet").EXAMPLE
    model = example.build(5, "modern", **example.small, dtype="float64")
    backward = Conv2d.backward

    def wrong(self, dy):
        dx, dweight, dbias = backward(self, dy)
        return dx, dweight * (1 + 1e-8), dbias

    monkeypatch.setattr(Conv2d, "backward", wrong)
    with pytest.raises(GradcheckError, match=r"^conv1\.weight: along a random direction"):
        exact_networks.check_network(model, 64)


# --------------------------------------------------------------------------------- how it is asked


def test_slopes_along_a_direction(where):
    x, y = (Tensor(np.array(v), device=where) for v in ([2.0, 3.0], [5.0, 7.0]))
    assert slopes(lambda x, y: x * y, [x, y], [np.array([1.0, 0.0]), 0]).tolist() == [5, 0]
    assert slopes(lambda x, y: x * y, [x, y], [0, np.array([0.0, 2.0])]).tolist() == [0, 6]


def test_it_refuses():
    with pytest.raises(TypeError, match="exact_gradcheck: inputs expects a list of Tensors"):
        exact_gradcheck(lambda x: x, leaf([1.0]))
    with pytest.raises(ValueError, match="exact_gradcheck: inputs expects a Tensor with requires"):
        exact_gradcheck(lambda x: x, [Tensor(np.zeros(2))])
    with pytest.raises(TypeError, match="exact_gradcheck: input 0 expects float64, got float32"):
        exact_gradcheck(lambda x: x, [Tensor([1.0], requires_grad=True)])


def test_the_command(monkeypatch):
    monkeypatch.setattr(gradient_cases, "CASES", {"relu": CASES["relu"], "exp": CASES["exp"]})
    monkeypatch.setattr(exact_kernels, "PAIRS", {"col2im": "im2col"})
    result = run("check-grads", "--exact", "--devices", "cpu", example="cifar10")
    assert result.status == 0, result.err
    rows = [line.split("  ")[0] for line in result.out.splitlines()[1:]]
    assert rows[:3] == ["conv.cu col2im", "gemm.cu gemm_naive", "gemm.cu gemm_tiled"]
    assert rows[-5:-1] == [f"cifar10 {name}" for name in ("80sec", "18pct", "13pct", "11pct")]
    monkeypatch.setattr(Exp, "backward", lambda self, dy: dy * self.saved[0] * (1 + 1e-10))
    result = run("check-grads", "--exact", "--devices", "cpu", "exp", "relu", example="cifar10")
    assert result.status == 1
    assert "exp  " in result.out and "WRONG: exp: gradient of argument 0 at index" in result.out
    assert "relu at 0" in result.out and result.out.endswith("1 wrong\n")


def test_the_command_ends_with_the_networks_of_both_examples():
    result = run("check-grads", "--exact", "--devices", "cpu", "source2012", "cifar10")
    assert result.status == 0, result.err
    rows = [line.split("  ")[0] for line in result.out.splitlines()[1:]]
    recipes = [f"cifar10 {name}" for name in ("80sec", "18pct", "13pct", "11pct")]
    assert rows == ["alexnet source2012", *recipes, "all right"]


def test_names_choose_with_and_without_exact():
    result = run("check-grads", "relu", "clip", "--devices", "cpu")
    assert result.status == 0
    assert [line.split("  ")[0] for line in result.out.splitlines()[1:]] == [
        *("relu", "clip", "all right")
    ]
    for flags in ((), ("--exact",)):
        result = run("check-grads", *flags, "--devices", "cpu", "relo")
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("error: check-grads: there is no relo, but ")
        assert result.err.count("\n") == 1 and "relu" in result.err


@pytest.mark.parametrize("devices", ["cpu,cpu", "sim:0,sim:1"])
def test_dual_numbers_compute_on_one_device(devices):
    if "sim" in devices and simulator.unavailable():
        pytest.skip(simulator.unavailable())
    result = run("check-grads", "--exact", "--devices", devices)
    assert result.status == 2
    assert result.err == f"error: --devices: --exact computes on cpu or sim:N, got {devices}\n"
