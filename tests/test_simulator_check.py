"""Check mode finds each seeded bug, at its line, and has nothing to say about the right twin."""

import re
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator

SOURCE = Path(__file__).parent / "cuda" / "seeded_bugs.cu"
CODE = SOURCE.read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


def marked(name: str) -> tuple[int, str]:
    """The line of the kernel's BUG mark, and the kind that the mark promises."""
    lines = CODE.splitlines()
    start = next(i for i, line in enumerate(lines) if f"void {name}(" in line)
    for number, line in enumerate(lines[start:], start + 1):
        mark = re.search(r"// BUG (.+)", line)
        if mark:
            return number, mark[1]
    raise AssertionError(f"{name} has no BUG mark")


def bugs() -> list[str]:
    return re.findall(r"void (\w+)_bug\(", CODE)


@pytest.fixture(scope="module")
def module() -> simulator.RawModule:
    return simulator.RawModule(code=f'#line 1 "seeded_bugs.cu"\n{CODE}', mode="check")


# What each kernel is launched with: threads, n, and the rest by keyword.
LAUNCHES = {
    "past_the_end": (48, 40),
    "before_the_start": (32, 32),
    "shared_past_the_end": (32, 32),
    "dynamic_past_the_end": (32, 31),
    "warp_sync": (32, 32),
    "missing_barrier": (64, 64),
    "tree": (64, 64),
    "tile_reused": (64, 128),
    "uninitialised": (8, 40),
    "shared_uninitialised": (32, 32),
    "early_return": (64, 40),
    "two_barriers": (64, 64),
    "lanes_missing": (32, 32),
}


def run(module: simulator.RawModule, kernel: str) -> None:
    function = module.get_function(kernel)
    name = kernel.rsplit("_", 1)[0]
    if name == "scatter":
        argmax = np.array(
            [2, 0, 1, 0, 2, 0], np.int32
        )  # windows 0 and 1, 4 and 5 choose one element
        dx, dy = np.zeros(13, np.float32), np.ones(6, np.float32)
        function((2,), (4,), (dx, dy, argmax, np.int32(6)))
        np.testing.assert_array_equal(dx, [0, 0, 2, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0])
        return
    threads, n = LAUNCHES[name]
    y = np.zeros(40 if name == "past_the_end" else threads, np.float32)
    x = np.arange(n, dtype=np.float32)
    shared = 4 * 31 if name.startswith("dynamic") else 0
    function((1,), (threads,), (y, x, np.int32(n)), shared_mem=shared, uninitialised=("y",))


@pytest.mark.parametrize("order", ["forward", "reversed", "random:7"])
@pytest.mark.parametrize("name", bugs())
def test_seeded_bug_is_found_at_its_line(module, name, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    with pytest.raises(simulator.KernelError) as caught:
        run(module, f"{name}_bug")
    line, kind = marked(f"{name}_bug")
    error = caught.value
    assert (error.kind, error.file, error.line) == (kind, "seeded_bugs.cu", line), str(error)
    assert error.kernel == f"{name}_bug"
    assert "block (" in str(error) and "thread (" in str(error)


@pytest.mark.parametrize("order", ["forward", "reversed", "random:7"])
@pytest.mark.parametrize("name", bugs())
def test_right_twin_is_silent(module, name, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    run(module, f"{name}_right")
