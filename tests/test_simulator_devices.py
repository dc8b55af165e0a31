"""Simulated devices: arrays know where they are, memory is counted, streams may lag behind."""

import gc
import threading

import numpy as np
import pytest

import tinynet.simulator as xp
from tinynet.simulator.devices import memory

needs_compiler = pytest.mark.skipif(bool(xp.unavailable()), reason=xp.unavailable() or "")

ADD = """#line 1 "add.cu"
extern "C" __global__ void add_kernel(float* y, const float* x, float k, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    y[i] = x[i] + k;
}
"""


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def add():
    kernel = xp.RawModule(code=ADD).get_function("add_kernel")

    def launch(y, x, k: float) -> None:
        kernel((2,), (32,), (y, x, np.float32(k), np.int32(x.size)))

    return launch


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32) + 1


# ---------------------------------------------------------------- arrays


def test_arithmetic_is_numpys():
    a, b = floats(3, 4), floats(4, 5)
    x, w = xp.asarray(a), xp.asarray(b)
    np.testing.assert_array_equal((x @ w).get(), a @ b)
    np.testing.assert_array_equal((2 * x - x / 3 + x**2).get(), 2 * a - a / 3 + a**2)
    np.testing.assert_array_equal(xp.concatenate([x, -x], axis=1).get(), np.concatenate([a, -a], 1))
    np.testing.assert_array_equal(x.sum(axis=0, keepdims=True).get(), a.sum(axis=0, keepdims=True))
    np.testing.assert_array_equal(xp.where(x > 1.5, x, 0).get(), np.where(a > 1.5, a, 0))
    np.testing.assert_array_equal(x[1:, [0, 2]].T.get(), a[1:, [0, 2]].T)
    assert x.dtype == np.float32
    assert (x.shape, x.ndim, x.size, x.nbytes, len(x)) == ((3, 4), 2, 12, 48, 3)
    assert isinstance(x.sum(), xp.ndarray)  # it stays on the device, as in CuPy
    assert float(x.sum()) == a.sum(dtype=np.float32)
    assert int(x.argmax()) == a.argmax()


def test_results_in_place():
    a = floats(2, 3)
    x, y = xp.asarray(a), xp.empty((2, 3), np.float32)
    assert xp.maximum(x, 1.5, out=y) is y
    x += 1
    y[0, 1:] = x[1, :2]
    y[1] = 7
    expected = np.maximum(a, 1.5)
    expected[0, 1:] = a[1, :2] + 1
    expected[1] = 7
    np.testing.assert_array_equal(y.get(), expected)
    np.testing.assert_array_equal(x.get(), a + 1)


def test_views_share_memory():
    x = xp.zeros((2, 6), np.float32)
    x.reshape(3, 4)[1:, 2] = 5
    x.T[0] += 1
    np.testing.assert_array_equal(x.get(), [[1, 0, 0, 0, 0, 0], [6, 0, 0, 0, 5, 0]])


def test_creation():
    np.testing.assert_array_equal(xp.arange(2, 8, 2).get(), [2, 4, 6])
    np.testing.assert_array_equal(xp.zeros((2, 2)).get(), np.zeros((2, 2)))
    assert np.isnan(xp.empty(3, np.float32).get()).all()  # unwritten memory does not pass for data
    host = floats(2)
    x = xp.asarray(host)
    host[0] = 0
    assert x.dtype == np.float32 and (x.get() >= 1).all()  # a copy
    assert xp.ascontiguousarray(xp.zeros((3, 2)).T).flags.c_contiguous


def test_the_host_is_another_place():
    x, host = xp.asarray(floats(2, 3)), floats(2, 3)
    for mix in (lambda: x + host, lambda: host + x, lambda: xp.concatenate([x, host])):
        with pytest.raises(
            TypeError, match="a NumPy array of shape .2, 3. among arrays of a device"
        ):
            mix()
    with pytest.raises(TypeError, match="an array of sim:0 is not a NumPy array: use .get()"):
        np.asarray(x)
    assert not isinstance(x, np.ndarray)
    assert isinstance(xp.asnumpy(x), np.ndarray)
    x.set(host)
    np.testing.assert_array_equal(x.get(), host)
    with pytest.raises(TypeError, match="set: wants a NumPy array of float32 and shape"):
        x.set(host.astype(np.float64))
    with pytest.raises(AttributeError, match="has no 'tolist'"):
        x.tolist()
    with pytest.raises(AttributeError, match="the simulator has no 'einsum_path'"):
        _ = xp.einsum_path


def test_two_devices_do_not_mix():
    x = xp.asarray(floats(2, 3))
    with xp.cuda.Device(1):
        z = xp.asarray(floats(2, 3))
        assert z.device == xp.cuda.Device(1)
        with pytest.raises(ValueError, match="add: arrays of sim:0 and sim:1 in one operation"):
            x + z
        with pytest.raises(ValueError, match="add: the array is on sim:0, the current device is"):
            x + 1
        assert (x.device.id, (z + 1).device.id) == (0, 1)
        z.data.copy_from_device_async(x.data, x.nbytes)
    np.testing.assert_array_equal(z.get(), x.get())
    assert xp.cuda.Device().id == 0


def test_a_device_that_does_not_exist():
    count = xp.cuda.runtime.getDeviceCount()
    with pytest.raises(ValueError, match=f"sim:{count} does not exist: there are sim:0 to sim:7"):
        xp.cuda.Device(count)


def test_each_thread_has_its_own_current_device():
    seen = []
    with xp.cuda.Device(3):
        thread = threading.Thread(target=lambda: seen.append(xp.cuda.Device().id))
        thread.start()
        thread.join()
        assert (seen, xp.cuda.Device().id) == ([0], 3)


def test_peers(monkeypatch):
    assert xp.cuda.runtime.deviceCanAccessPeer(0, 1) == 1
    assert xp.cuda.runtime.deviceCanAccessPeer(1, 1) == 0
    monkeypatch.setenv("TINYNET_SIM_PEERS", "0")
    assert xp.cuda.runtime.deviceCanAccessPeer(0, 1) == 0


# ---------------------------------------------------------------- memory


@pytest.fixture
def pool():
    """The pool of a device that no other test uses."""
    gc.collect()
    with xp.cuda.Device(6):
        xp.get_default_memory_pool().free_all_blocks()
        yield xp.get_default_memory_pool()


def test_memory_is_counted_until_its_last_user_goes(pool):
    assert pool.used_bytes() == 0
    x = xp.zeros(1000, np.float32)
    view = x.reshape(10, 100)[2:]
    y = x + 1
    assert pool.used_bytes() == 2 * 4096  # whole multiples of 512
    del x, y
    assert pool.used_bytes() == 4096
    del view
    assert pool.used_bytes() == 0
    with xp.cuda.Device(7):
        other = xp.zeros(1000)
    assert (pool.used_bytes(), other.device.id) == (0, 7)


def test_memory_has_a_limit(pool, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_MEMORY", "10000B")
    x = xp.zeros(1024, np.float32)
    assert xp.cuda.Device().mem_info == (10_000 - 4096, 10_000)
    with pytest.raises(memory.OutOfMemoryError, match="sim:6 is out of memory: 8,192 bytes"):
        xp.empty(2048, np.float32)
    with pytest.raises(MemoryError):
        xp.concatenate([x, x, x])
    assert pool.used_bytes() == 4096
    xp.zeros(1024, np.float32)  # memory that fits is available again


def test_the_pool_keeps_what_was_freed(pool):
    x = xp.zeros(1000, np.float32)
    del x
    assert (pool.used_bytes(), pool.total_bytes()) == (0, 4096)
    pool.free_all_blocks()
    assert pool.total_bytes() == 0


# ---------------------------------------------------------------- kernels


@needs_compiler
def test_a_kernel_runs_on_arrays_of_its_device(add):
    x, y = xp.asarray(floats(5, 20)), xp.empty((5, 20), np.float32)
    add(y, x, 2.5)
    np.testing.assert_array_equal(y.get(), x.get() + np.float32(2.5))


@needs_compiler
def test_a_kernel_refuses_arrays_of_elsewhere(add):
    x, y = xp.asarray(floats(4)), xp.empty(4, np.float32)
    with pytest.raises(
        xp.ArgumentError, match="x .* wants an array of float32 of sim:0, got a NumPy"
    ):
        add(y, floats(4), 1)
    with xp.cuda.Device(1):
        z = xp.empty(4, np.float32)
        with pytest.raises(
            xp.ArgumentError, match="argument 2, x .* on sim:0, the launch is on sim:1"
        ):
            add(z, x, 1)


@needs_compiler
def test_check_mode_knows_what_an_array_holds(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM", "check")
    kernel = xp.RawModule(code=ADD).get_function("add_kernel")

    def launch(y, x, n: int) -> None:
        kernel((1,), (32,), (y, x, np.float32(1), np.int32(n)))

    x, y, z = (xp.empty((2, 3), np.float32) for _ in range(3))
    with pytest.raises(
        xp.KernelError, match=r"x\[0\], which is element \(0, 0\) of shape"
    ) as caught:
        launch(y, x, 6)
    assert (caught.value.kind, caught.value.line) == ("uninitialised read", 3)
    x[...] = 1
    launch(y, x, 5)  # leaves the last element of y as it was
    with pytest.raises(xp.KernelError, match=r"y\[5\]|x\[5\]"):
        launch(z, y, 6)
    with pytest.raises(xp.KernelError, match=r"get reads element \(1, 2\)"):
        y.get()
    with pytest.raises(xp.KernelError, match=r"add reads element \(1, 2\) .* never written"):
        y + 1
    y[1, 2] = 0
    np.testing.assert_array_equal((y + 1).get(), [[3, 3, 3], [3, 3, 1]])
    copied = xp.empty((2, 3), np.float32)
    nothing = xp.empty((2, 3), np.float32)
    copied.data.copy_from_device_async(nothing.data, nothing.nbytes)  # is nothing too
    with pytest.raises(xp.KernelError, match="get reads element"):
        copied.get()


# ---------------------------------------------------------------- streams


def two_towers(add, waits: bool) -> np.ndarray:
    """x + 1 + 10 + 100 over two devices; the copies between wait for what they copy, or do not."""
    compute, copies = {}, {}
    for device in (0, 1):
        with xp.cuda.Device(device):
            compute[device] = xp.cuda.Stream(non_blocking=True)
            copies[device] = xp.cuda.Stream(non_blocking=True)

    def move(source, to: int):
        origin = source.device.id
        ready, arrived = xp.cuda.Event(), xp.cuda.Event()
        with xp.cuda.Device(to):
            target = xp.empty(source.shape, source.dtype)
        if waits:
            ready.record(compute[origin])
            copies[to].wait_event(ready)
        target.data.copy_from_device_async(source.data, source.nbytes, copies[to])
        if waits:
            arrived.record(copies[to])
            compute[to].wait_event(arrived)
        return target

    def step(x, k: float):
        with x.device, compute[x.device.id]:
            y = xp.empty(x.shape, x.dtype)
            add(y, x, k)
        return y

    x = xp.asarray(np.arange(100, dtype=np.float32))
    a = step(x, 1)
    b = step(move(a, 1), 10)
    y = step(move(b, 0), 100)
    return y.get(stream=compute[0])


EXPECTED = np.arange(100, dtype=np.float32) + 111


@needs_compiler
@pytest.mark.parametrize("order", ["forward", "reversed", *(f"random:{i}" for i in range(30))])
def test_with_its_waits_a_program_is_right_in_every_order(add, monkeypatch, order):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    np.testing.assert_array_equal(two_towers(add, waits=True), EXPECTED)


@needs_compiler
def test_a_missing_wait_shows_as_a_wrong_result(add, monkeypatch):
    wrong = []
    for order in ("forward", "reversed", *(f"random:{i}" for i in range(30))):
        monkeypatch.setenv("TINYNET_SIM_ORDER", order)
        if not np.array_equal(two_towers(add, waits=False), EXPECTED):
            wrong.append(order)
    assert "forward" not in wrong  # in the order of issue nothing shows: that is the trap
    assert "reversed" in wrong
    assert len(wrong) > 10


@needs_compiler
@pytest.mark.parametrize("order", ["reversed", "random:5"])
def test_host_and_device_meet_at_synchronize(add, monkeypatch, order):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    stream, event = xp.cuda.Stream(non_blocking=True), xp.cuda.Event()
    x = xp.zeros(10, np.float32)
    host = np.full(10, -1, np.float32)
    with stream:
        assert xp.cuda.get_current_stream() is stream
        for _ in range(5):
            add(x, x, 1)
        event.record()
        x.get(out=host, blocking=False)
        add(x, x, 1)
    event.synchronize()
    assert event.done
    stream.synchronize()
    assert stream.done
    np.testing.assert_array_equal(host, 5)
    np.testing.assert_array_equal(x.get(), 6)
    assert xp.cuda.get_current_stream() is not stream


@needs_compiler
def test_reversed_runs_as_late_as_is_legal(add, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", "reversed")
    stream, x = xp.cuda.Stream(non_blocking=True), xp.zeros(4, np.float32)
    with stream:
        add(x, x, 1)
    assert not stream.done
    np.testing.assert_array_equal(x.get(), 0)  # on the null stream, which does not wait for it
    xp.cuda.Device(0).synchronize()
    np.testing.assert_array_equal(x.get(), 1)


@needs_compiler
def test_the_null_stream_waits_for_blocking_streams(add, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", "reversed")
    blocking, x = xp.cuda.Stream(), xp.zeros(4, np.float32)
    with blocking:
        add(x, x, 1)
    np.testing.assert_array_equal(x.get(), 1)


@needs_compiler
def test_numpys_operations_come_after_what_their_stream_was_given(add, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", "reversed")
    x, y = xp.zeros(4, np.float32), xp.empty(4, np.float32)
    with xp.cuda.Stream(non_blocking=True):
        add(x, x, 1)
        view = x[1:]
        np.multiply(x, 3, out=y)
        add(x, y, 1)
        np.testing.assert_array_equal((view + 0).get(), 4)


def test_an_event_that_was_never_recorded_is_passed():
    event = xp.cuda.Event()
    assert event.done
    event.synchronize()
    xp.cuda.Stream().wait_event(event)
    with pytest.raises(RuntimeError, match="both events must have been recorded"):
        xp.cuda.get_elapsed_time(event, event)


def test_time_between_events():
    first, second = xp.cuda.Event(), xp.cuda.Event()
    first.record()
    second.record()
    assert 0 <= xp.cuda.get_elapsed_time(first, second) < 60_000


@needs_compiler
def test_an_error_of_a_kernel_comes_when_it_runs(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", "reversed")
    kernel = xp.RawModule(code=ADD, mode="check").get_function("add_kernel")
    stream, x = xp.cuda.Stream(non_blocking=True), xp.zeros(4, np.float32)
    with stream:
        kernel((1,), (32,), (x, x, np.float32(0), np.int32(5)))
    with pytest.raises(xp.KernelError) as caught:
        stream.synchronize()
    assert caught.value.kind == "out of bounds"
    stream.synchronize()  # the queue is left in order


def test_memory_may_come_back_in_the_middle_of_an_allocation(monkeypatch):
    """The garbage collector may free an array while the pool is updating its records."""
    dying = [xp.zeros((1000,), np.float32)]
    before = xp.get_default_memory_pool().used_bytes()
    looked_up = memory.chosen_memory

    def collector_comes_by():
        dying.clear()
        return looked_up()

    monkeypatch.setattr(memory, "chosen_memory", collector_comes_by)
    kept = xp.zeros((500,), np.float32)
    assert xp.get_default_memory_pool().used_bytes() == before - 4096 + 2048
    assert kept.size == 500
