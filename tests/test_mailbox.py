"""What the host sends to a device arrives in time and whole, whenever queued work runs."""

import numpy as np
import pytest

from tinynet.kernels import launch


@pytest.fixture(params=["forward", "reversed", "random:1", "random:2"])
def any_order(request, monkeypatch):
    """When work that is issued runs on sim:0."""
    monkeypatch.setenv("TINYNET_SIM_ORDER", request.param)


def relu_of(device, x):
    y = device.empty(x.shape, x.dtype)
    launch(device, "relu_forward", y, x, x.size)
    return y


def test_each_step_reads_its_own(device, any_order):
    """Nothing is read back between the steps, so the host is steps ahead of the device."""
    sent = np.empty((3, 5), np.float32)
    results = []
    for step in range(5):
        sent[...] = step
        with device.delivered(sent) as (x,):
            results.append(relu_of(device, x))
        sent[...] = -1  # the host may do so: what it sent has been taken
    got = [device.to_numpy(y)[0, 0] for y in results]
    assert got == [0, 1, 2, 3, 4]


def test_arrays_of_any_kind_and_size_arrive(device, any_order):
    rng = np.random.default_rng(0)
    for n in (2, 7, 3):  # a larger batch takes a new buffer, and a smaller one a part of it
        arrays = [
            rng.integers(0, 256, (n, 3, 5), dtype=np.uint8),
            rng.integers(0, 9, n, dtype=np.int32),
            rng.standard_normal((4, n)).T,  # not contiguous
            np.zeros(0, np.float32),
        ]
        with device.delivered(*arrays) as there:
            for array, copy in zip(arrays, there):
                assert device.owns(copy)
                back = device.to_numpy(copy)
                assert back.dtype == array.dtype and np.array_equal(back, array)


def test_a_larger_buffer_waits_for_those_who_read_its_memory_before(device, any_order):
    """The memory pool gives out what was given back, though kernels that read it are yet to run."""
    if device.name == "cpu":
        pytest.skip("nothing is copied to the cpu")
    with device.delivered(np.zeros(1, np.float32)):
        pass
    before = device.asarray(np.full(1 << 18, 7, np.float32))
    y = relu_of(device, before)
    del before
    with device.delivered(np.full(1 << 18, 3, np.float32)):
        pass
    device.copies.synchronize()  # a copy may well be ahead of the kernels
    assert device.to_numpy(y)[0] == 7


def test_arrays_of_the_device_itself_arrive_too(device):
    x = device.asarray(np.arange(6.0))
    with device.delivered(x, np.arange(3.0)) as (a, b):
        assert device.to_numpy(a).tolist() == [0, 1, 2, 3, 4, 5]
        assert device.to_numpy(b).tolist() == [0, 1, 2]
