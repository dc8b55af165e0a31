"""The simulator speaks CUDA C."""

import numpy as np
import pytest
from language_cu import ints, load

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", params=["run", "check"])
def language(request) -> simulator.RawModule:
    """Every part of the language means the same when it is watched."""
    return load(mode=request.param)


@pytest.fixture(scope="module")
def module() -> simulator.RawModule:
    return load(mode="run")


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


@pytest.mark.parametrize("before", ["", "extern "])
@pytest.mark.parametrize(
    "declared",
    ["{}__shared__ __align__(16) float s[{}];", "{}__align__(16) __shared__ float s[{}];"],
)
def test_shared_memory_is_aligned_on_either_side_of_its_word(declared, before):
    code = f"""extern "C" __global__ void k(float* y) {{
      {declared.format(before, "" if before else "32")}
      s[threadIdx.x] = threadIdx.x;
      __syncthreads();
      if (threadIdx.x < 8) ((float4*)y)[threadIdx.x] = ((float4*)s)[threadIdx.x];
    }}"""
    y = np.zeros(32, np.float32)
    size = 128 if before else 0
    simulator.RawModule(code=code).get_function("k")((1,), (32,), (y,), size)
    np.testing.assert_array_equal(y, np.arange(32))
