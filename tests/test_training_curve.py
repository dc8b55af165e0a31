"""A short training run whose losses are known: every part of the engine at once.

Two convolutions (uneven padding, stride, two groups), LRN inside the groups, overlapping pooling,
the paper's dropout, two fully connected layers, cross-entropy, and SGD with biases at twice the
rate and without decay; the rate falls on the way, where the paper's momentum rule shows. The losses
below come from the same run written in PyTorch 2.13, float64, with the Philox masks computed
separately: a change that moves them changes what tinynet computes.
"""

import numpy as np
import pytest

import tinynet
from tinynet import Tensor, nn
from tinynet.devices import threads
from tinynet.optim import SGD

STEPS, BATCH, CLASSES = 20, 10, 5
LOSSES = [
    1.809091569517801,
    1.565299854244493,
    1.433617097242942,
    1.1849413356142473,
    1.1386814375491743,
    1.0642175318743303,
    0.9315955695024979,
    0.8964928294055904,
    0.7709442350803377,
    0.6505196568000685,
    0.6368058149100191,
    0.5178953796126586,
    0.4771337478959178,
    0.37743903779947924,
    0.3797356829216435,
    0.25642348425097494,
    0.3614943434563524,
    0.1928233822400408,
    0.26757284372789847,
    0.17913228027622669,
]


def spread(seed, *shape):
    """Numbers from -1/2 to 1/2, the same to the bit on any machine (splitmix64 of their index)."""
    z = (np.arange(np.prod(shape), dtype=np.uint64) + seed * 100_003) * 0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    return ((z >> 11) / 2.0**53 - 0.5).reshape(shape)


def images_and_labels():
    """20 images of 3 x 19 x 17: the colour of their class under noise."""
    labels = np.arange(20) * 7 % CLASSES
    return 4 * spread(1, CLASSES, 3, 1, 1)[labels] + spread(2, 20, 3, 19, 17), labels


class Net(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.layers = nn.Sequential(
            conv1=nn.Conv2d(3, 12, 5, stride=2, padding=(1, 2, 1, 2), dtype=dtype),
            relu1=nn.ReLU(),
            norm1=nn.LocalResponseNorm(size=3, alpha=0.5, groups=2),
            pool1=nn.MaxPool2d(3, 2),
            conv2=nn.Conv2d(12, 24, 3, padding=1, groups=2, dtype=dtype),
            relu2=nn.ReLU(),
            norm2=nn.LocalResponseNorm(size=4, alpha=0.5, groups=2),
            pool2=nn.MaxPool2d(3, 2, ceil_mode=True),
            flatten=nn.Flatten(),
            fc3=nn.Linear(48, 40, dtype=dtype),
            relu3=nn.ReLU(),
            drop3=nn.Dropout(0.25, mode="paper", seed=2012),
            fc4=nn.Linear(40, CLASSES, dtype=dtype),
        )
        for i, p in enumerate(self.parameters()):
            p.data[...] = spread(10 + i, *p.shape) * (p.ndim > 1) * 6 / np.sqrt(p[0].size)

    def forward(self, x):
        return self.layers(x)


def run(dtype, device, steps=STEPS):
    """The loss of each step, and the net."""
    net = Net(dtype).to(device)
    images, labels = images_and_labels()
    weights = [p for p in net.parameters() if p.ndim > 1]
    biases = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": weights}, {"params": biases, "lr": 0.2, "weight_decay": 0}]
    optimizer = SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01)
    losses = []
    for step in range(steps):
        batch = slice(step % 2 * BATCH, step % 2 * BATCH + BATCH)
        x = Tensor(images[batch].astype(dtype), device=device)
        loss = tinynet.functional.cross_entropy(net(x), labels[batch])
        loss.backward()
        if step == 15:
            optimizer.scale_lr(0.1)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, net


def test_the_curve_in_float64(device):
    losses, _ = run(np.float64, device)
    # another BLAS adds in another order, 1e-16 of each value; 20 steps let that grow a little
    np.testing.assert_allclose(losses, LOSSES, rtol=1e-12)


def test_the_curve_in_float32(device):
    losses, _ = run(np.float32, device)
    # float32 rounds to 6e-8 of a value; here its losses lie within 4e-7 of float64's
    np.testing.assert_allclose(losses, LOSSES, rtol=1e-5)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_same_bits_for_any_number_of_workers(workers, monkeypatch):
    cpu = tinynet.device("cpu")
    losses, net = run(np.float32, cpu, steps=6)
    monkeypatch.setattr(threads, "workers", lambda: workers)
    again, other = run(np.float32, cpu, steps=6)
    assert losses == again
    for p, q in zip(net.parameters(), other.parameters()):
        assert np.array_equal(p.numpy().view(np.int32), q.numpy().view(np.int32))


def test_the_same_bits_every_time(device):
    (first, net), (second, other) = (run(np.float32, device, steps=3) for _ in range(2))
    assert first == second
    assert all(
        np.array_equal(p.numpy(), q.numpy()) for p, q in zip(net.parameters(), other.parameters())
    )


def test_it_learns():
    assert LOSSES[0] > 1.5
    assert max(LOSSES[-4:]) < 0.4
