"""What the simulator takes beyond its own kernels: half precision, groups, votes, what they say."""

from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.kernels.__main__ import main
from tinynet.simulator.kernels.device_part import CudaFile

FILE = Path(__file__).parent / "cuda" / "wide.cu"
LINES = FILE.read_text(encoding="utf-8").splitlines()

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", params=["run", "check"])
def launched(request):
    """launched(kernel, grid, block, *args): a launch in each mode; all kernels in one module."""
    file = CudaFile(FILE, name="wide.cu")
    names = tuple(kernel.name for kernel in file.kernels if kernel.template is None)
    names += ("tile_ranks<4>", "tile_ranks<32>")
    code, _ = file.part(names)
    module = simulator.RawModule(code=code, name_expressions=names, mode=request.param)

    def launch(name, grid, block, *args, shared_mem=0):
        module.get_function(name)((grid,), (block,), args, shared_mem)

    return launch


def line_of(mark):
    return next(i for i, line in enumerate(LINES, 1) if f"// {mark}" in line)


def ints(size):
    return np.zeros(size, np.int32)


# ------------------------------------------------------------------------------- half precision


def test_every_half_becomes_its_float_and_back(launched):
    bits = np.arange(1 << 16).astype(np.uint16)
    x, floats, back = bits.view(np.float16), np.zeros(1 << 16, np.float32), bits * 0
    launched("widen", 64, 1024, floats, x)
    np.testing.assert_array_equal(floats, x.astype(np.float32))
    launched("narrow", 64, 1024, back.view(np.float16), floats, np.int32(1 << 16))
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(back[numbers], bits[numbers])
    assert np.isnan(back.view(np.float16)[~numbers]).all()


def test_a_float_is_rounded_to_the_nearest_half(launched):
    rng = np.random.default_rng(0)
    halfs = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middles = (halfs[:-1] + halfs[1:]) / 2
    x = [middles, np.nextafter(middles, np.float32(0)), np.nextafter(middles, np.float32(np.inf))]
    x += [
        rng.standard_normal(5000).astype(np.float32) * np.float32(10) ** rng.integers(-9, 6, 5000)
    ]
    x += [np.array([65519, 65520, 65536, 1e30, np.inf, 1e-30], np.float32)]
    x = np.concatenate(x)
    x = np.concatenate([x, -x]).astype(np.float32)
    y = np.zeros(x.size, np.float16)
    launched("narrow", -(-x.size // 1024), 1024, y, x, np.int32(x.size))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y.view(np.uint16), x.astype(np.float16).view(np.uint16))


def test_half_arithmetic_is_rounded_once(launched):
    rng = np.random.default_rng(1)
    a, b, c = rng.integers(0, 1 << 16, (3, 20000)).astype(np.uint16).view(np.float16)
    y = np.zeros((6, 20000), np.float16)
    launched("half_arithmetic", 20, 1000, y, a, b, c)
    with np.errstate(all="ignore"):
        wide = [v.astype(np.float64) for v in (a, b, c)]
        exact = [wide[0] + wide[1], wide[0] - wide[1], wide[0] * wide[1], wide[0] / wide[1]]
        exact += [wide[0] * wide[1] + wide[2], np.sqrt(wide[0])]
        for got, want in zip(y, exact):
            np.testing.assert_array_equal(got, want.astype(np.float16))


def test_two_halfs_at_once(launched):
    y = np.zeros(64, np.float16)
    launched("half2_pairs", 1, 32, y, np.arange(64, dtype=np.float16), np.float16(0.5))
    pairs = np.arange(64).reshape(32, 2)
    np.testing.assert_array_equal(y.reshape(32, 2), pairs[:, ::-1] * 0.5 + pairs)


# ------------------------------------------------------------------------------- groups and votes


def test_active_lanes_are_those_that_came_together(launched):
    y = np.zeros(40, np.uint32)
    launched("active", 1, 40, y)
    odd, even = 0xAAAAAAAA, 0x55555555
    np.testing.assert_array_equal(y, [even, odd] * 16 + [0x55, 0xAA] * 4)


def test_reductions_and_matches_of_a_warp(launched):
    y = ints((8, 32))
    launched("warp_wide", 1, 32, y)
    lanes = np.arange(32)
    expected = [lanes.sum(), 0, 31, 0, 31, 0]
    for row, value in zip(y, expected):
        np.testing.assert_array_equal(row, value)
    same = [sum(1 << k for k in range(32) if k % 3 == lane % 3) for lane in range(32)]
    np.testing.assert_array_equal(y[6].view(np.uint32), same)
    np.testing.assert_array_equal(y[7], [1] * 32)


@pytest.mark.parametrize("size", [4, 32])
def test_tiles_of_a_block(launched, size):
    y = ints((6, 64))
    launched(f"tile_ranks<{size}>", 1, 64, y)
    t = np.arange(64)
    tile = t // size
    np.testing.assert_array_equal(y[0], t % size)
    np.testing.assert_array_equal(y[1], tile)
    np.testing.assert_array_equal(y[2], [t[tile == k].sum() for k in tile])
    np.testing.assert_array_equal(y[3], [t[(tile == tile[i]) & (t <= i)].sum() for i in t])
    np.testing.assert_array_equal(y[4], np.minimum(t + 1, tile * size + size - 1))
    np.testing.assert_array_equal(y[5], tile * size)


def test_the_lanes_that_took_a_branch_are_a_group(launched):
    kept, count = ints(128), ints(1)
    x = np.random.default_rng(0).integers(-5, 5, 100).astype(np.int32)
    launched("compact", 2, 64, kept, count, x, np.int32(100))
    assert count[0] == (x > 0).sum()
    np.testing.assert_array_equal(np.sort(kept[: count[0]]), np.sort(x[x > 0]))


def test_the_grid_is_a_group_where_it_is_one_block(launched):
    y = ints(64)
    launched("grid_wide", 1, 64, y)
    np.testing.assert_array_equal(y, np.arange(64)[::-1])
    with pytest.raises(simulator.KernelError, match="launch one block") as caught:
        launched("grid_wide", 2, 32, y)
    assert (caught.value.kind, caught.value.line) == ("unsupported", line_of("GRID"))


# ------------------------------------------------------------------------------- the rest


def test_integer_functions(launched):
    y = np.zeros(12, np.int64)
    launched("integers", 1, 1, y, np.uint32(0x12345678), np.uint32(0x9ABCDEF0))
    brev = int(f"{0x12345678:032b}"[::-1], 2)
    np.testing.assert_array_equal(y, [
        brev, 0x78 << 24 | 0xF0 << 16 | 0x12 << 8 | 0x56, 0x23456789, 0x01234567 | 0, 3, -4, -3, -4,
        2**31 - 1, 0, 5, 2,
    ])  # fmt: skip


def test_assertion(launched):
    launched("asserts", 1, 4, np.int32(4))
    with pytest.raises(simulator.KernelError, match='threadIdx.x < n && "too many"') as caught:
        launched("asserts", 1, 4, np.int32(3))
    assert (caught.value.kind, caught.value.file) == ("assertion", "wide.cu")
    assert caught.value.line == line_of("ASSERT")
    assert "thread (3,0,0)" in str(caught.value)


def test_what_kernels_print_comes_in_order(capfd):
    assert main(["run", str(FILE), "speaks<<<2, 2>>>(7)", "speaks<<<1, 1>>>(8)"]) == 0
    said = [
        f"block {b} thread {t}: {n}, 0.50"
        for n, b, t in [(7, 0, 0), (7, 0, 1), (7, 1, 0), (7, 1, 1), (8, 0, 0)]
    ]
    assert capfd.readouterr().out.splitlines() == said


def test_a_loop_without_end_tells_where_its_threads_stand(monkeypatch, launched):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.3")
    with pytest.raises(simulator.KernelError) as caught:
        launched("endless", 1, 48, ints(1))
    assert (caught.value.kind, caught.value.line) == ("time limit", line_of("ENDLESS"))
    stand = f"16 at the barrier of line {line_of('WAITING')}, 31 not begun, 1 running"
    assert f"; of its block's threads {stand}. " in str(caught.value)


def test_who_spins_on_a_volatile_lets_others_run(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.3")
    (tmp_path / "spin.cu").write_text(
        "__global__ void spin(volatile int *flag, int by) {\n"
        "  if (threadIdx.x == by) flag[0] = 1;\n"
        "  if (threadIdx.x == 0)\n    while (flag[0] == 0);\n}\n"
    )
    code, _ = CudaFile(tmp_path / "spin.cu", name="spin.cu").part(("spin",))
    module = simulator.RawModule(code=code, name_expressions=("spin",), mode="run")
    module.get_function("spin")((1,), (64,), (ints(1), np.int32(33)))
    with pytest.raises(simulator.KernelError, match="in step with its warp") as caught:
        module.get_function("spin")((1,), (64,), (ints(1), np.int32(99)))
    assert (caught.value.kind, caught.value.line) == ("time limit", 4)


def test_a_misaligned_vector_is_a_finding(capfd):
    launch = "shifted<<<1, 4>>>(empty(4), arange(20), {})"
    assert main(["run", str(FILE), launch.format(4), "--check"]) == 0
    capfd.readouterr()
    assert main(["run", str(FILE), launch.format(1), "--check"]) == 1
    found = capfd.readouterr().out
    assert (
        f"wide.cu:{line_of('SHIFTED')}: shifted: misaligned: read of 16 bytes at byte 4 of x"
        in found
    )
