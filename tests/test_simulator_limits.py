"""The simulator has a GPU's limits, takes arguments exactly, and survives kernels."""

import threading

import numpy as np
import pytest
from language_cu import CODE, ints, line_of, load

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def module() -> simulator.RawModule:
    return load(mode="run")


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


@pytest.mark.parametrize("bounds", ["(48)", "(48, 2)"])
def test_launch_bounds_are_kept(bounds):
    """On a GPU such a launch fails: the compiler has counted on fewer threads."""
    code = (
        f'extern "C" __global__ void __launch_bounds__{bounds} k(int* y) {{ y[threadIdx.x] = 1; }}'
    )
    kernel, y = simulator.RawModule(code=code).get_function("k"), ints(64)
    kernel((1,), (48,), (y,))
    assert y.sum() == 48
    with pytest.raises(simulator.KernelError, match=r"is 64 threads, __launch_bounds__\(48\)"):
        kernel((1,), (64,), (y,))


def test_launch_bounds_that_have_a_name_are_not_looked_into():
    code = """#define MOST 48
    extern "C" __global__ void __launch_bounds__(MOST) k(int* y) { y[threadIdx.x] = 1; }"""
    y = ints(64)
    simulator.RawModule(code=code).get_function("k")((1,), (64,), (y,))
    assert y.all()


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
