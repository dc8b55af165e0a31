"""The simulator speaks CUDA C, has a GPU's limits, takes arguments exactly, survives kernels."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator

SOURCE = Path(__file__).parent / "cuda" / "language.cu"
CODE = SOURCE.read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


def line_of(mark: str) -> int:
    return next(i for i, line in enumerate(CODE.splitlines(), 1) if f"// {mark}" in line)


def load(real: str = "float", mode: str | None = None) -> simulator.RawModule:
    code = f'#line 1 "language.cu"\n{CODE}'
    return simulator.RawModule(code=code, options=(f"-DREAL={real}",), mode=mode)


@pytest.fixture(scope="module", params=["run", "check"])
def language(request) -> simulator.RawModule:
    """Every part of the language means the same when it is watched."""
    return load(mode=request.param)


@pytest.fixture(scope="module")
def module() -> simulator.RawModule:
    return load(mode="run")


def ints(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int32)


# ---------------------------------------------------------------- the language


def test_indices_of_blocks_and_threads(language):
    y = ints(2 * 3 * 2 * 24)
    language.get_function("indices_kernel")((2, 3, 2), (4, 3, 2), (y, np.int32(y.size)))
    np.testing.assert_array_equal(y, [1000 * (i // 24) + i % 24 for i in range(y.size)])


def test_scalars_of_every_type(language):
    y = np.zeros(8)
    scalars = (np.float32(0.5), np.float64(0.1), np.int32(-3), np.uint32(2**32 - 1))
    longs = (np.int64(-(2**40)), np.uint64(2**63), np.uint8(200), np.bool_(True))
    language.get_function("scalars_kernel")((1,), (1,), (y, *scalars, *longs))
    np.testing.assert_array_equal(y, [0.5, 0.1, -3, 2**32 - 1, -(2**40), 2**63, 200, 1])


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("n", [1, 255, 1000])
def test_reduction_in_shared_memory(real, n):
    dtype = np.dtype(real.replace("float", "float32").replace("double", "float64"))
    x = np.arange(n, dtype=dtype)
    y = np.zeros(3, dtype)
    kernel = load(real).get_function("shared_sum_kernel")
    kernel((3,), (256,), (y, x, np.int32(n)))
    np.testing.assert_array_equal(y, x.sum())  # integers this small add exactly in any order


def test_reduction_by_shuffles_and_dynamic_shared_memory(language):
    x, y = np.arange(200, dtype=np.float32), np.zeros(1, np.float32)
    kernel = language.get_function("warp_sum_kernel")
    kernel((1,), (256,), (y, x, np.int32(200)), shared_mem=8 * 4)
    assert y[0] == x.sum()


def test_shuffles_and_votes_of_a_warp(language):
    y = ints(10, 32)
    language.get_function("shuffles_kernel")((1,), (32,), (y,))
    lane = np.arange(32)
    expected = [
        np.full(32, 5),
        np.where(lane < 3, lane, lane - 3),
        np.where(lane > 28, lane, lane + 3),
        lane ^ 1,
        np.where(lane % 8 == 7, lane, lane + 1),
        np.full(32, np.uint32(0xAAAAAAAA).astype(np.int32)),
        np.ones(32),
        np.zeros(32),
        np.where(lane < 16, 9, 0),
        31 - lane,
    ]
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("limit", "expected"), [(40, [40, 1, 0]), (64, [64, 0, 1]), (0, [0, 1, 0])]
)
def test_votes_of_a_block(language, limit, expected):
    y = ints(3)
    language.get_function("votes_kernel")((1,), (64,), (y, np.int32(limit)))
    assert y.tolist() == expected


def test_atomics(language):
    f, d, u = np.zeros(1, np.float32), np.zeros(1), np.zeros(1, np.uint32)
    i = ints(5)
    language.get_function("atomics_kernel")((3,), (50,), (f, d, i, u))
    assert (f[0], d[0], u[0], i.tolist()) == (75, 37.5, 300, [150, 49, -49, 7, 9])


@pytest.mark.parametrize("real", ["float", "double"])
def test_arithmetic_of_both_precisions(real):
    dtype = np.dtype(real.replace("float", "float32").replace("double", "float64"))
    x, y = np.array([2.25, 1.5], dtype), np.zeros(13, dtype)
    load(real).get_function("arithmetic_kernel")((1,), (1,), (y, x))
    a, b = x
    expected = [a, b, a**b, 1.5, np.exp(b), np.tanh(a), a, 1 / 1.5, 1, np.log(a), 2, b, 40]
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps)  # libm: a few ulps


def test_fast_math(language):
    y = np.zeros(8, np.float32)
    language.get_function("fast_math_kernel")((1,), (1,), (y, np.array([2.25], np.float32)))
    expected = [np.exp(2.25), np.log(2.25), 2.25**2, 1 / 1.5, 1.5, 2.25, 1.125, 2.25 + 2.25**2]
    np.testing.assert_allclose(y, expected, rtol=5e-7)  # four ulps of float32


def test_bits(language):
    y = np.zeros(6, np.uint32)
    a, b = np.uint32(0xDEADBEE0), np.uint32(0x00012345)
    language.get_function("bits_kernel")((1,), (1,), (y, a, b))
    product = int(a) * int(b)
    assert y.tolist() == [product >> 32, int(a).bit_count(), 15, 6, 0x3F800000, 3]


def test_vectors(language):
    x, y = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    language.get_function("vectors_kernel")((1,), (8,), (y, x))
    expected = x.reshape(8, 4)[:, ::-1] + [0, 0, 0, 2]
    np.testing.assert_array_equal(y.reshape(8, 4), expected)


def test_several_shared_variables_in_a_declaration(language):
    y = ints(32)
    language.get_function("two_arrays_kernel")((1,), (32,), (y,))
    t = np.arange(32)
    np.testing.assert_array_equal(y, (31 - t) + 1000 + 100 + (1 - t // 16) * 16 + t % 16)


def test_arguments_may_overlap(language):
    x = np.arange(32, dtype=np.float32)
    language.get_function("vectors_kernel")((1,), (8,), (x, x))
    expected = np.arange(32).reshape(8, 4)[:, ::-1] + [0, 0, 0, 2]
    np.testing.assert_array_equal(x.reshape(8, 4), expected)


# ---------------------------------------------------------------- orders


def turns(module, monkeypatch, order: str, blocks: int = 5, threads: int = 40) -> np.ndarray:
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    y = ints(blocks * threads)
    module.get_function("order_kernel")((blocks,), (threads,), (y, ints(1)))
    return y


def test_orders_of_threads_and_blocks(module, monkeypatch):
    forward = turns(module, monkeypatch, "forward")
    np.testing.assert_array_equal(forward, np.arange(200))
    np.testing.assert_array_equal(turns(module, monkeypatch, "reversed"), forward[::-1])
    drawn = turns(module, monkeypatch, "random:1")
    np.testing.assert_array_equal(np.sort(drawn), forward)
    np.testing.assert_array_equal(drawn, turns(module, monkeypatch, "random:1"))
    other = turns(module, monkeypatch, "random:2")
    assert (drawn != other).any()
    # Both the blocks and the threads within a block are out of order.
    assert (np.diff(drawn.reshape(5, 40).min(axis=1)) < 0).any()
    assert (np.diff(drawn.reshape(5, 40), axis=1) < 0).any()


@pytest.mark.parametrize("order", ["backward", "random", "random:x"])
def test_an_order_that_does_not_exist(module, monkeypatch, order):
    with pytest.raises(ValueError, match="TINYNET_SIM_ORDER must be forward, reversed or random"):
        turns(module, monkeypatch, order)


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((1,), (1025,), r"block\.x is 1025, must be 1 to 1024"),
        ((1,), (32, 33), r"\(32, 33, 1\) is 1056 threads, at most 1024"),
        ((1,), (1, 1, 65), r"block\.z is 65, must be 1 to 64"),
        ((2**31,), (1,), r"grid\.x is 2147483648"),
        ((1, 65536), (1,), r"grid\.y is 65536, must be 1 to 65535"),
        ((1, 1, 65536), (1,), r"grid\.z is 65536"),
        ((0,), (1,), r"grid\.x is 0"),
        ((1, 1, 1, 1), (1,), "grid must be a tuple of one to three ints"),
        (1, (1,), "grid must be a tuple of one to three ints"),
    ],
)
def test_limits_of_a_launch(module, grid, block, message):
    with pytest.raises(simulator.KernelError, match=message) as caught:
        module.get_function("indices_kernel")(grid, block, (ints(1), np.int32(1)))
    assert (caught.value.kind, caught.value.file) == ("limits", "language.cu")


def test_the_largest_block_and_a_wide_grid_run(module):
    y = ints(1024)
    module.get_function("indices_kernel")((1,), (1024,), (y, np.int32(1024)))
    np.testing.assert_array_equal(y, np.arange(1024))
    module.get_function("indices_kernel")((70000,), (1,), (y, np.int32(3)))
    assert y[2] == 2000


def test_shared_memory_of_a_block(module):
    y = np.zeros(32, np.float32)
    kernel = module.get_function("full_shared_kernel")
    kernel((1,), (32,), (y,))
    assert y.all()
    with pytest.raises(
        simulator.KernelError, match="49152 bytes declared and 4 asked for"
    ) as caught:
        kernel((1,), (32,), (y,), shared_mem=4)
    assert caught.value.kind == "shared memory"
    assert caught.value.line == 1 + CODE.split("__global__ void full_shared_kernel")[0].count("\n")
    with pytest.raises(simulator.KernelError, match="a block has 49152"):
        module.get_function("indices_kernel")((1,), (1,), (ints(1), np.int32(1)), shared_mem=49153)


@pytest.mark.parametrize("size", [-1, -(2**40), 4.0, "4"])
def test_shared_memory_of_no_size(module, size):
    kernel = module.get_function("indices_kernel")
    with pytest.raises(simulator.KernelError, match="shared_mem must be an int of 0 bytes or more"):
        kernel((1,), (1,), (ints(1), np.int32(1)), shared_mem=size)
    kernel((1,), (1,), (ints(1), np.int32(1)), shared_mem=np.int64(4))


# ---------------------------------------------------------------- arguments, exactly

X, Y = np.zeros(4, np.float32), np.zeros(4, np.float32)
READ_ONLY = np.zeros(4, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((Y, X, 4), r"argument 3, n \(int\): wants np.int32\(...\), got the Python int 4"),
        ((Y, X, 4.0), r"n \(int\): wants np.int32\(...\), got the Python float 4.0"),
        ((Y, X, np.float32(4)), r"n \(int\): wants np.int32\(...\), got np.float32\(4.0\)"),
        ((Y, X, np.int64(4)), r"n \(int\): wants np.int32\(...\), got np.int64\(4\)"),
        ((Y, X, ints(1)), r"n \(int\): wants np.int32\(...\), got a NumPy array of int32"),
        ((Y, 2.0, np.int32(4)), r"argument 2, x \(const float\*\): wants an array of float32, got"),
        (
            (Y, X.astype(np.float64), np.int32(4)),
            "x .* wants an array of float32, got one of float64",
        ),
        ((X.astype(np.int32), X, np.int32(4)), r"argument 1, y \(float\*\): .* got one of int32"),
        ((Y, np.zeros((4, 4), np.float32).T[::2], np.int32(4)), "C-contiguous array, got shape"),
        (
            (READ_ONLY, X, np.int32(4)),
            r"y \(float\*\): the kernel may write to it, but .* read-only",
        ),
        ((Y, X), r"takes 3 arguments \(y, x, n\), got 2"),
        ((Y, X, np.int32(4), np.int32(4)), r"takes 3 arguments \(y, x, n\), got 4"),
    ],
)
def test_arguments_that_cupy_would_take_for_something_else(module, args, message):
    with pytest.raises(simulator.ArgumentError, match=message) as caught:
        module.get_function("shared_sum_kernel")((1,), (4,), args)
    error = caught.value
    assert isinstance(error, TypeError)
    assert isinstance(error, simulator.KernelError)
    first = next(i for i, line in enumerate(CODE.splitlines(), 1) if "shared_sum_kernel" in line)
    assert (error.kind, error.kernel) == ("arguments", "shared_sum_kernel")
    assert (error.file, error.line) == ("language.cu", first)


def test_the_line_is_the_parameters_own(module):
    scalars = (np.float32(0), np.float64(0), np.int32(0), np.uint32(0), np.int64(0))
    with pytest.raises(simulator.ArgumentError, match="argument 8, b .unsigned char.") as caught:
        module.get_function("scalars_kernel")(
            (1,), (1,), (np.zeros(8), *scalars, np.uint64(0), np.int8(0), np.bool_(False))
        )
    assert "unsigned char b" in CODE.splitlines()[caught.value.line - 1]


def test_const_pointer_takes_a_read_only_array(module):
    module.get_function("shared_sum_kernel")((1,), (4,), (Y, READ_ONLY, np.int32(4)))


# ---------------------------------------------------------------- what must not end the process


def fails(module, name: str, threads: int, args: tuple) -> simulator.KernelError:
    with pytest.raises(simulator.KernelError) as caught:
        module.get_function(name)((1,), (threads,), args)
    y = ints(2)  # and all is well afterwards
    module.get_function("indices_kernel")((1,), (2,), (y, np.int32(2)))
    assert y.tolist() == [0, 1]
    return caught.value


def test_division_by_zero_is_an_exception(module):
    error = fails(module, "divide_kernel", 8, (ints(8), np.int32(5)))
    assert (error.kind, error.file, error.line) == ("crash", "language.cu", line_of("DIVIDE"))
    assert "division by zero" in str(error)
    assert "thread (5,0,0)" in str(error)


def test_wild_pointer_is_an_exception(module):
    error = fails(module, "wild_kernel", 1, (ints(1), np.int64(2**40)))
    assert (error.kind, error.file, error.line) == ("crash", "language.cu", line_of("WILD"))
    assert "memory that does not exist" in str(error)


def test_what_crashes_in_a_called_function_is_told_by_the_kernels_line(module):
    error = fails(module, "wild_atomic_kernel", 1, (ints(1), np.int64(2**40)))
    assert (error.kind, error.file, error.line) == ("crash", "language.cu", line_of("WILD ATOMIC"))


def test_a_kernel_that_overwrites_its_stack_is_an_exception(module):
    error = fails(module, "smash_kernel", 1, (np.zeros(4, np.int64), np.int32(10**6)))
    assert (error.kind, error.file, error.line) == ("crash", "language.cu", line_of("SMASH"))


def test_stack_overflow_is_an_exception(module):
    error = fails(module, "deep_kernel", 2, (np.ones(4, np.float32), np.int32(20000)))
    assert error.kind == "crash"
    assert "local arrays are too large" in str(error)


@pytest.mark.parametrize("mode", ["run", "check", "profile"])
def test_a_spinning_kernel_is_stopped(mode, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.02")
    spinning = load(mode=mode)
    # In run mode the clock strikes at any instruction, also in what the loop calls.
    for _ in range(20 if mode == "run" else 2):
        error = fails(spinning, "spin_kernel", 2, (ints(1),))
        assert (error.kind, error.kernel) == ("time limit", "spin_kernel")
        assert (error.file, error.line) == ("language.cu", line_of("SPIN"))
    assert "stopped after 0.02 s" in str(error)
    assert "TINYNET_SIM_TIMEOUT" in str(error)


def test_a_spinning_kernel_is_stopped_in_a_thread_too(module, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.2")
    caught = []

    def work() -> None:
        try:
            module.get_function("spin_kernel")((1,), (2,), (ints(1),))
        except simulator.KernelError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=60)
    assert [error.kind for error in caught] == ["time limit"]


def test_lanes_that_never_come_are_an_exception_in_run_mode(module):
    error = fails(module, "wait_for_lanes_kernel", 32, (ints(32),))
    assert (error.kind, error.line) == ("warp", line_of("LANES"))
    assert "16, 17, 18" in str(error)


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_a_time_limit_that_is_none(module, monkeypatch, value):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", value)
    with pytest.raises(ValueError, match="TINYNET_SIM_TIMEOUT must be a number of seconds above 0"):
        module.get_function("spin_kernel")((1,), (2,), (ints(1),))


def test_launches_from_several_threads_do_not_mix(module):
    kernel = module.get_function("shared_sum_kernel")
    results = np.zeros((8, 20), np.float32)

    def work(row: int) -> None:
        x = np.full(100, row, np.float32)
        for i in range(results.shape[1]):
            kernel((1,), (64,), (results[row, i : i + 1], x, np.int32(100)))

    threads = [threading.Thread(target=work, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(results, np.repeat(100 * np.arange(8)[:, None], 20, axis=1))


# ---------------------------------------------------------------- names and modes


def test_a_kernel_that_is_not_there(module):
    with pytest.raises(simulator.KernelError, match="no kernel has this name; there are: indices"):
        module.get_function("absent_kernel")


def test_a_kernel_in_a_macro_or_a_comment_is_none():
    code = """
    #define KERNEL(name) \\
      extern "C" __global__ void name(int* y)
    // extern "C" __global__ void commented_kernel(int* y)
    extern "C" __global__ void plain_kernel(int* y) { y[0] = 3; }"""
    y = ints(1)
    simulator.RawModule(code=code).get_function("plain_kernel")((1,), (1,), (y,))
    assert y[0] == 3
    with pytest.raises(simulator.KernelError, match="there are: plain_kernel"):
        simulator.RawModule(code=code).get_function("commented_kernel")


def test_a_kernel_without_extern_c_is_not_found_by_its_name():
    code = '#line 7 "k.cu"\n__global__ void mangled_kernel(int* y) { y[0] = 1; }'
    with pytest.raises(simulator.KernelError, match='not extern "C"') as caught:
        simulator.RawModule(code=code).get_function("mangled_kernel")
    assert (caught.value.file, caught.value.line) == ("k.cu", 7)


def test_mode_comes_from_the_environment_unless_named(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM", "check")
    assert simulator.RawModule(code="").mode == "check"
    assert simulator.RawModule(code="", mode="run").mode == "run"
    monkeypatch.delenv("TINYNET_SIM")
    assert simulator.RawModule(code="").mode == "run"
    with pytest.raises(ValueError, match="mode must be one of run, check, profile, got 'fast'"):
        simulator.RawModule(code="", mode="fast")
    monkeypatch.setenv("TINYNET_SIM", "fast")
    with pytest.raises(ValueError, match="TINYNET_SIM must be one of run, check, profile"):
        simulator.RawModule(code="")


def test_shuffles_from_other_parts_of_a_warp_and_from_lanes_that_take_no_part():
    """By xor, lanes of later parts see earlier ones; what nobody offers is a lane's own value."""
    code = """extern "C" __global__ void k(int* y) {
      int t = threadIdx.x;
      y[t] = __shfl_xor_sync(~0u, t, 16, 16);
      y[32 + t] = __shfl_xor_sync(~0u, t, 8, 8);
      y[64 + t] = t;
      if (t < 16) y[64 + t] = __shfl_down_sync(0xffffu, t, 8);
    }"""
    y, t = np.zeros(96, np.int32), np.arange(32)
    simulator.RawModule(code=code).get_function("k")((1,), (32,), (y,))
    expected = [t % 16, np.where(t & 8, t - 8, t), np.where(t < 8, t + 8, t)]
    np.testing.assert_array_equal(y.reshape(3, 32), expected)
