"""Dual numbers: each operation's slope, in kernels and in arrays; and what must not lose one."""

import numpy as np
import pytest

import tinynet
import tinynet.functional as F
from tinynet import Tensor, simulator
from tinynet.commands.exact_kernels import PAIRS
from tinynet.commands.gradient_cases import CASES
from tinynet.devices import dual
from tinynet.kernels import KERNELS, launch
from tinynet.kernels.catalogue.examples import EXAMPLES, arguments
from tinynet.tape import no_grad

needs_compiler = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)

A, DA, B, DB = 1.7, 0.3, 0.6, -1.1  # a + a'e and b + b'e
# In C, its value and its slope.
ARITHMETIC = {
    "a + b": (A + B, DA + DB),
    "a - b": (A - B, DA - DB),
    "a * b": (A * B, DA * B + A * DB),
    "a / b": (A / B, DA / B - A * DB / B**2),
    "-a": (-A, -DA),
    "2 * a": (2 * A, 2 * DA),
    "REAL(3)": (3, 0),
    "exp(a)": (np.exp(A), np.exp(A) * DA),
    "log1p(a)": (np.log1p(A), DA / (1 + A)),
    "tanh(a)": (np.tanh(A), DA / np.cosh(A) ** 2),
    "pow(a, b)": (A**B, A**B * (DB * np.log(A) + B * DA / A)),
    "pow(a, REAL(3))": (A**3, 3 * A**2 * DA),
    "pow(REAL(-2), REAL(3)) * a": (-8 * A, -8 * DA),  # there is no log of -2
    "fmax(a, b)": (A, DA),
    "fmax(b, fmax(a, REAL(0) / REAL(0)))": (A, DA),
    "fmax(a, a * REAL(1) + REAL(2) * (a - a))": (A, DA),
    "(a += b)": (A + B, DA + DB),
    "(a -= b)": (A - B, DA - DB),
    "(a *= b)": (A * B, DA * B + A * DB),
    "(a /= b)": (A / B, DA / B - A * DB / B**2),
    "__shfl_xor_sync(0xffffffffu, threadIdx.x == 1 ? a : b, 1)": (A, DA),  # as thread 0 sees it
}
# Of numbers with one value: e is positive.
ORDER = {"a < c": 1, "c < a": 0, "c > a": 1, "a <= a": 1, "a >= c": 0, "a == c": 0, "a != c": 1}


def run(expressions, mode="run"):
    """What thread 0 of a warp gets from expressions of a, b, and c: a with a larger slope."""
    lines = "\n".join(
        f"{{ REAL a = x[0], b = x[1], c = x[2], r = {e}; if (threadIdx.x == 0) y[{i}] = r; }}"
        for i, e in enumerate(expressions)
    )
    code = f'extern "C" __global__ void all_kernel(REAL* y, const REAL* x) {{\n{lines}\n}}'
    module = simulator.RawModule(code=code, options=("-DREAL=Dual",), mode=mode)
    x, y = dual.dual([A, B, A], [DA, DB, DA + 1]), np.full(len(expressions), np.nan, dual.DUAL)
    module.get_function("all_kernel")((1,), (32,), (y, x))
    return dual.value(y), dual.slope(y)


@needs_compiler
@pytest.mark.parametrize("mode", ["run", "check"])
def test_what_a_kernel_may_compute(mode):
    values, slopes = run(ARITHMETIC, mode)
    expected_values, expected_slopes = zip(*ARITHMETIC.values())
    np.testing.assert_allclose(values, expected_values, rtol=1e-15)
    np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-15)


@needs_compiler
def test_of_equal_values_the_one_with_the_larger_slope_is_larger():
    assert run(ORDER)[0].tolist() == [*ORDER.values()]
    values, slopes = run(["fmax(a, c)", "fmax(c, a)", "fmax(-a, -c)"])
    assert values.tolist() == [A, A, -A]
    np.testing.assert_allclose(slopes, [DA + 1, DA + 1, -DA])
    x = dual.dual([A, A, A], [DA, DA + 1, DA])  # NumPy's order is the same
    assert x.argmax() == 1 and np.maximum(x[0], x[1]) == x[1] and np.less(x[0], x[1])


@needs_compiler
@pytest.mark.parametrize("lost", ["log(a)", "(double)a", "fabs(a)", "a % b"])
def test_what_would_lose_a_slope_does_not_compile(lost):
    with pytest.raises(simulator.KernelError) as caught:
        run([lost])
    assert caught.value.kind == "compile"


@needs_compiler
def test_a_read_out_of_bounds_of_dual_numbers_is_seen():
    with pytest.raises(simulator.KernelError, match=r"x\[3\], past its 3 elements") as caught:
        run(["x[3]"], mode="check")
    assert caught.value.kind == "out of bounds"


def outputs(forward, device, moving):
    """All arrays after a launch of a forward kernel, in one of the catalogue's shapes."""
    rng = np.random.default_rng(0)
    given = arguments(KERNELS[forward], EXAMPLES[forward].checked[0], np.dtype(np.float64), rng)
    there = []
    for argument in given:
        if isinstance(argument, np.ndarray) and moving and argument.dtype == np.float64:
            argument = dual.dual(argument, rng.standard_normal(argument.shape))
        there.append(device.asarray(argument) if isinstance(argument, np.ndarray) else argument)
    launch(device, forward, *there)
    return [device.to_numpy(x) for x in there if hasattr(x, "shape")]


@needs_compiler
@pytest.mark.parametrize("forward", [*dict.fromkeys(PAIRS.values()), "gemm_tiled"])
def test_values_have_the_bits_that_doubles_give(forward):
    device = tinynet.device("sim:0")
    if forward == "max_pool_forward":
        pytest.skip("its argmax goes by the slopes where values are equal")
    plain, moving = outputs(forward, device, False), outputs(forward, dual.of(device), True)
    assert all(np.array_equal(a, b.real) for a, b in zip(plain, moving))
    assert any(dual.slope(x).any() for x in moving if x.dtype == dual.DUAL)


def test_every_operation_gives_the_values_that_floats_give(device):
    if device.name.startswith("cuda"):
        pytest.skip("dual numbers are for cpu and sim")
    for name, case in CASES.items():
        arrays = case.arrays()
        with no_grad():
            plain = case.fn(*(Tensor(x, device=device) for x in arrays))
            moving = case.fn(*(Tensor(x, device=dual.of(device)) for x in arrays))
        assert moving.dtype == dual.DUAL and not dual.slope(moving.numpy()).any(), name
        np.testing.assert_allclose(
            dual.value(moving.numpy()), plain.numpy(), rtol=1e-14, atol=1e-15, err_msg=name
        )


def test_a_slope_through_operations(device):
    """d/dt of tanh(|x + t|) at a negative x, and of a sum that nothing moves in."""
    if device.name.startswith("cuda"):
        pytest.skip("dual numbers are for cpu and sim")
    x = Tensor(dual.dual([-0.7, 2.0], [1.0, 0.0]), device=dual.of(device))
    y = F.tanh(x.abs()).numpy()
    np.testing.assert_allclose(dual.value(y), np.tanh([0.7, 2.0]), rtol=1e-15)
    np.testing.assert_allclose(dual.slope(y), [-1 / np.cosh(0.7) ** 2, 0], rtol=1e-15)
    assert dual.slope((x * 0 + 3).sum().numpy()) == 0


# --------------------------------------------------------------------------------- what is refused


def test_a_tensor_of_dual_numbers_lives_on_a_device_of_its_own(device):
    numbers = dual.dual([1.0], [1.0])
    with pytest.raises(TypeError, match="data expects numbers in float32 or float64, got complex"):
        Tensor(numbers, device=device)
    if device.name.startswith("cuda"):
        with pytest.raises(ValueError, match="dual numbers: expected cpu or sim:N, got cuda:0"):
            dual.of(device)
        return
    assert dual.of(device) is dual.of(device) and dual.of(device).name == f"dual {device.name}"
    with pytest.raises(TypeError, match="requires_grad expects float data, got complex128"):
        Tensor(numbers, requires_grad=True, device=dual.of(device))
    there = device.asarray(numbers)
    with pytest.raises(TypeError, match="relu_forward: y expects float32 or 64, got complex128"):
        launch(device, "relu_forward", there, there, 1)


@needs_compiler
def test_a_block_has_room_for_as_many_duals_as_doubles():
    code = 'extern "C" __global__ void k(REAL* y) { __shared__ REAL all[N]; y[0] = all[0] = 1; }'
    y = np.zeros(1, dual.DUAL)
    module = simulator.RawModule(code=code, options=("-DREAL=Dual", "-DN=6144"))  # 48 KiB of double
    module.get_function("k")((1,), (1,), (y,))
    assert y[0] == 1
    module = simulator.RawModule(code=code, options=("-DREAL=Dual", "-DN=6145"))
    with pytest.raises(simulator.KernelError, match="a block has 98304"):
        module.get_function("k")((1,), (1,), (y,))
