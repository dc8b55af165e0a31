"""TF32: every product of a layer takes rounded factors, in each thread and on each device."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from imports import ROOT
from tiny_runs import TINY, run

import tinynet
from tinynet import Tensor
from tinynet import functional as F

SHAPES = {
    "conv2d": ((5, 4, 6, 7), (6, 2, 3, 3)),
    "linear": ((5, 12), (7, 12)),
}
OPTIONS = {"conv2d": {"groups": 2, "padding": 1}, "linear": {}}


def rounded(x: np.ndarray) -> np.ndarray:
    """The nearest float32 whose last 13 bits are 0."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.rint(mantissa * 2**11) / 2**11, exponent).astype(np.float32)


def bits(name: str, device: str, take=lambda x: x) -> list[bytes]:
    """y, dx and dweight of an operation on random numbers, each taken through `take` first."""
    rng = np.random.default_rng(0)

    def drawn(*shape):
        return take(rng.standard_normal(shape, dtype=np.float32))

    x, weight = (Tensor(drawn(*shape), True, device) for shape in SHAPES[name])
    y = getattr(F, name)(x, weight, **OPTIONS[name])
    y.backward(drawn(*y.shape))
    return [a.numpy().tobytes() for a in (y, x.grad, weight.grad)]


@pytest.fixture
def tf32(monkeypatch):
    for name in ("cuda:0", "cuda:1"):
        monkeypatch.setattr(tinynet.device(name), "tf32", True)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
@pytest.mark.parametrize("name", SHAPES)
def test_all_products_take_rounded_factors(name, device, monkeypatch):
    exact, expected = bits(name, device), bits(name, device, rounded)
    monkeypatch.setattr(tinynet.device(device), "tf32", True)
    assert bits(name, device) == expected
    assert all(a != b for a, b in zip(exact, expected))
    monkeypatch.undo()
    assert bits(name, device) == exact


def test_each_thread_has_a_handle_in_this_mode(tf32):
    """A handle is its thread's own, and so is its mode."""
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(bits, "conv2d", "cuda:0").result()
    assert there == bits("conv2d", "cuda:0", rounded)


def test_double_precision_stays_what_it_is(tf32):
    x = np.random.default_rng(0).standard_normal((5, 5))
    y = F.linear(Tensor(x, device="cuda:0"), Tensor(x, device="cuda:0"))
    np.testing.assert_allclose(y.numpy(), x @ x.T, rtol=1e-12)


RUN = "import sys, runpy, fakegpu; del sys.argv[0]; runpy.run_path(sys.argv[0], None, '__main__')"


def test_train_says_so_where_there_is_tf32(photos, tmp_path):
    program = [ROOT / "examples" / "alexnet.py", "train", *TINY, "--data", photos, "--steps", 1]
    flags = ["--devices", "cuda:0", "--tf32", "--out", tmp_path / "run"]
    command = [sys.executable, "-c", RUN, *map(str, (*program, *flags))]
    environment = {**os.environ, "FAKE_CC": "80"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\ndevices  cuda:0; products in TF32\n" in done.stdout


def test_train_refuses_where_there_is_none(photos):
    done = run("train", "--data", photos, "--devices", "cuda:0", "--tf32")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: --tf32: cuda:0 has no TF32: ")
