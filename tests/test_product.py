"""Matrix products by BLAS, and by the kernels of gemm.cu where TINYNET_GEMM says so."""

import numpy as np
import pytest
from inputs import normal
from threadpoolctl import threadpool_limits

from tinynet.devices import device as device_named
from tinynet.ops.product import product

SHAPES = [
    ((3, 5), (5, 4)),
    ((70, 33), (33, 65)),  # past the edges of a tile
    ((2, 1, 3, 5), (4, 5, 2)),  # stacks that broadcast
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize("gemm", ["", "naive", "tiled"])
@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_against_numpy(device, monkeypatch, gemm, a_shape, b_shape):
    monkeypatch.setenv("TINYNET_GEMM", gemm)
    a, b = normal(0, *a_shape), normal(1, *b_shape)
    c = product(device, device.asarray(a), device.asarray(b))
    # sums of 33 products of numbers near 1, in another order: 33 roundings of 1e-16
    np.testing.assert_allclose(device.to_numpy(c), a @ b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("gemm", ["", "tiled"])
def test_transposed_factors_and_a_given_result(device, monkeypatch, gemm):
    monkeypatch.setenv("TINYNET_GEMM", gemm)
    a, b = normal(0, 5, 3), normal(1, 4, 5)
    out = device.empty((3, 4), a.dtype)
    result = product(device, device.asarray(a).T, device.asarray(b).T, out=out)
    assert result is out
    np.testing.assert_allclose(device.to_numpy(out), a.T @ b.T, rtol=1e-12, atol=1e-13)


def test_the_switch_runs_the_kernel(device, monkeypatch):
    if device.name == "cpu":
        pytest.skip("the CPU runs twins")
    ran = []
    run = device.run
    monkeypatch.setattr(
        device, "run", lambda kernel, *rest: ran.append(kernel.name) or run(kernel, *rest)
    )
    monkeypatch.setenv("TINYNET_GEMM", "tiled")
    product(device, device.asarray(normal(0, 2, 2)), device.asarray(normal(1, 2, 2)))
    assert ran == ["gemm_tiled"]


def test_an_unknown_choice_is_refused(device, monkeypatch):
    monkeypatch.setenv("TINYNET_GEMM", "fast")
    with pytest.raises(ValueError, match="TINYNET_GEMM expects naive or tiled, got 'fast'"):
        product(device, device.asarray(np.eye(2)), device.asarray(np.eye(2)))


@pytest.mark.parametrize("size", [90, 400])  # below and above what one worker takes
def test_stacks_have_the_same_bits_whatever_team_blas_would_start(size):
    a, b = (normal(i, 3, size, size + 7).astype(np.float32) for i in (0, 1))
    cpu, b = device_named("cpu"), b.swapaxes(1, 2)
    teams = []
    for limit in (1, None):
        with threadpool_limits(limits=limit, user_api="blas"):
            teams.append(product(cpu, a, b))
    assert np.array_equal(teams[0], teams[1])
