"""Several threads of the host use one device: each gets what it would get alone, to the bit."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
from inputs import leaf, normal
from test_gradient_check import every_operation, example

import tinynet
import tinynet.functional as F
from tinynet import Tensor, nn, optim
from tinynet.devices import threads
from tinynet.devices.memory import Scratch

THREADS = 4


def at_once(task, count=THREADS):
    """What `task(i)` gives in each of `count` threads that start together."""
    barrier = Barrier(count)

    def started(i):
        barrier.wait()
        return task(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


def bits(fn, arrays, device):
    """Result and gradients of an operation."""
    leaves = [leaf(array, device) for array in arrays]
    y = fn(*leaves)
    y.backward(np.ones(y.shape))
    return [tensor.numpy() for tensor in (y, *(x.grad for x in leaves if x.grad is not None))]


@every_operation
def test_every_operation_in_four_threads(name, device):
    fn, arrays = example(name)
    different = [[array * (1 + i / 8) for array in arrays] for i in range(THREADS)]
    alone = [bits(fn, each, device) for each in different]
    together = at_once(lambda i: [bits(fn, different[i], device) for _ in range(3)])
    for expected, rounds in zip(alone, together):
        for found in rounds:
            assert all(np.array_equal(a, b) for a, b in zip(expected, found))


def small_net(seed, device):
    tinynet.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.LocalResponseNorm(),
        nn.Flatten(),
        nn.Dropout(0.5, seed=seed),
        nn.Linear(8 * 16, 5),
    ).to(device)


def steps(model, seed, device):
    """The weights after five steps."""
    x = Tensor(normal(seed, 20, 3, 9, 9).astype(np.float32), device=device)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(model(x), np.arange(20) % 5).backward()
        optimizer.step()
    return [p.numpy().copy() for p in model.parameters()]


def test_two_models_trained_in_two_threads(device):
    alone = [steps(small_net(seed, device), seed, device) for seed in range(2)]
    models = [small_net(seed, device) for seed in range(2)]
    together = at_once(lambda seed: steps(models[seed], seed, device), 2)
    for expected, found in zip(alone, together):
        assert all(np.array_equal(a, b) for a, b in zip(expected, found))


# ------------------------------------------------------------------------------ buffers of threads


def test_the_buffers_of_a_thread_die_with_it(device):
    gc.collect()
    before = sum(buffer.nbytes for _, buffer in device.buffers())

    def convolve():
        x = Tensor(normal(0, 1, 4, 40, 40).astype(np.float32), device=device)
        F.conv2d(x, Tensor(np.ones((4, 4, 3, 3), np.float32), device=device), stride=2)

    for _ in range(20):
        thread = threading.Thread(target=convolve)
        thread.start()
        thread.join()
    gc.collect()
    after = sum(buffer.nbytes for _, buffer in device.buffers())
    one = 4 * 9 * 19 * 19 * 4  # bytes of the columns
    assert after - before <= threads.workers() * one


def test_a_buffer_is_kept_for_its_thread_alone():
    scratch = Scratch(lambda size: np.empty(size, np.uint8))
    first = scratch("a", (4, 2), np.dtype(np.float32))
    assert np.shares_memory(first, scratch("a", (3,), np.dtype(np.float64)))
    assert not np.shares_memory(first, scratch("b", (4, 2), np.dtype(np.float32)))
    others = []
    thread = threading.Thread(
        target=lambda: others.append(scratch("a", (4, 2), np.dtype(np.float32)))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(first, others[0])
    assert [name for name, _ in scratch.buffers()] == ["a", "b"]
    scratch.drop()
    assert scratch.buffers() == []
