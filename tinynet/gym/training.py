"""A solution in the place of tinynet's own kernel, in a small network that learns on sim:0."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tinynet import manual_seed, nn, optim
from tinynet.gym.exercise import Exercise
from tinynet.kernels import KERNELS
from tinynet.training.inputs import Inputs

STEPS, BATCH, SIDE, MARGIN = 50, 32, 12, 2  # the images are larger by a margin, and cropped
# What makes the engine use the kernel (tinynet/ops/product.py): else its products are cuBLAS's.
CHOICE = "TINYNET_GEMM"
PRODUCTS = {"gemm_naive": "naive", "gemm_tiled": "tiled"}


def losses(steps: int = STEPS) -> Iterator[float]:
    """The loss of each step: two convolutions learn to tell horizontal bars from vertical ones."""
    manual_seed(0)
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(8, 8, 3), nn.Tanh(), nn.LocalResponseNormWithin(3, 1e-3, 0.75)),
        *(nn.AvgPool2d(3), nn.Dropout(0.1), nn.LocallyConnected2d(8, 2, 1, 1), nn.Flatten()),
    ).to("sim:0")  # it has something of everything, so that each exercise's kernel takes part
    inputs = Inputs(np.full((1, SIDE, SIDE), 128), np.array([64]), "sim:0")
    loss_of, optimizer = nn.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.2)
    for _ in range(steps):
        labels = rng.integers(0, 2, BATCH)
        images = rng.normal(128, 16, (BATCH, 1, SIDE + MARGIN, SIDE + MARGIN))
        for image, label, place in zip(images, labels, rng.integers(MARGIN, SIDE, BATCH)):
            image[0, place, :] += 64 * (1 - label)  # in each crop, wherever it lies
            image[0, :, place] += 64 * label
        top, left = rng.integers(0, MARGIN + 1, (2, BATCH), np.int32)
        flip = rng.integers(0, 2, BATCH, np.int32)
        x = inputs(images.clip(0, 255).astype(np.uint8), top, left, flip)
        loss = loss_of(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


@contextmanager
def in_place_of_ours(exercise: Exercise, text: str, file: str) -> Iterator[None]:
    """Inside `with`, the engine launches the kernel of this .cu text, called `file` in messages."""
    ours, products = KERNELS[exercise.kernel], os.environ.get(CHOICE)
    KERNELS[exercise.kernel] = exercise.solution(text, file)
    if exercise.kernel in PRODUCTS:
        os.environ[CHOICE] = PRODUCTS[exercise.kernel]
    try:
        yield
    finally:
        KERNELS[exercise.kernel] = ours
        os.environ.pop(CHOICE, None)
        if products is not None:
            os.environ[CHOICE] = products
