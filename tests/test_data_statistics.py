"""What is known about all training images, and whether their random changes are as they should be.

The augmentation of the paper's section 4.1: crops of 224 at 33 x 33 places of a 256 image, half of
them mirrored, each with a colour shift along the principal components of all pixels' colours.
"""

import threading

import numpy as np
import pytest

from tinynet.data import (
    BadImage,
    DataError,
    Dataset,
    Loader,
    Statistics,
    colour_components,
    measure,
)
from tinynet.data.statistics import Sums

SIZE = 12


class Noise(Dataset):
    """`count` random images whose channels vary together; those in `bad` are broken."""

    def __init__(self, count, bad=()):
        super().__init__("noise", "train", ["a"], np.zeros(count), 8, SIZE)
        self.bad = set(bad)
        self.reads = []

    def read(self, i):
        self.reads.append(int(i))
        if i in self.bad:
            raise BadImage(self.describe(i), "broken")
        rng = np.random.default_rng(i)
        gray = rng.integers(0, 180, (1, SIZE, SIZE))
        return (gray + rng.integers(0, [[[20]], [[40]], [[70]]], (3, SIZE, SIZE))).astype(np.uint8)


class Blank(Dataset):
    """`count` images of 256 pixels a side, seen at 224, with nothing on them."""

    def __init__(self, count):
        super().__init__("blank", "train", ["a"], np.zeros(count), 224, 256)

    def read(self, i):
        return np.broadcast_to(np.uint8(0), (3, 256, 256))


def all_images(data) -> np.ndarray:
    return np.stack([data.read(i) for i in range(len(data))]).astype(np.int64)


def test_mean_and_covariance_are_exact_for_any_number_of_threads():
    data = Noise(203)
    images = all_images(data)
    pixels = images.transpose(1, 0, 2, 3).reshape(3, -1)
    found = [measure(data, workers=workers) for workers in (1, 2, 5)]
    for statistics in found:
        assert statistics.mean.dtype == np.float64
        assert np.array_equal(statistics.mean, images.sum(0) / 203)
        assert np.array_equal(statistics.covariance, found[0].covariance)
    assert not any(thread.name.startswith("tinynet-data") for thread in threading.enumerate())
    # float64, added in another order: products of 1e4 have errors of 1e-12
    np.testing.assert_allclose(found[0].covariance, np.cov(pixels, bias=True), rtol=1e-10)


@pytest.mark.parametrize("size", [64, 127, 257, 258, 259, 300])  # in float32 up to 258
@pytest.mark.parametrize("limit", [3, 257, 2**24])  # in 16 bits up to 257
def test_sums_are_exact_for_the_brightest_images(size, limit):
    sums = Sums(size, limit)
    image = np.full((3, size, size), 255, np.uint8)
    image[1, ::5], image[2, :, 1::3] = 254, 253
    count = min(limit, 257)
    for _ in range(count):
        sums.add(image)
    pixels = image[:, :: size // 64].reshape(3, -1).astype(np.int64)  # of 64 rows, or some more
    assert np.array_equal(sums.products, count * (pixels @ pixels.T))
    assert np.array_equal(sums.total, count * image.astype(np.int64))
    # float64: the two terms of a covariance are 6e4, rounded to 1e-11
    expected = np.cov(pixels, bias=True)
    np.testing.assert_allclose(sums.statistics().covariance, expected, rtol=0, atol=1e-10)


def test_colours_of_some_rows_are_those_of_all():
    """A photograph-like image that gets brighter towards one side and redder downwards."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:256, :256] / 256
    image = np.stack([200 * y * x, 150 * x, 80 * (1 - y)]) + rng.integers(0, 50, (3, 256, 256))
    sums = Sums(256)
    sums.add(image.astype(np.uint8))
    everything = np.cov(image.astype(np.uint8).reshape(3, -1), bias=True)
    # the 192 rows in between follow the others except for noise: a hundredth of the variances
    error = abs(sums.statistics().covariance - everything)
    assert error.max() < 0.01 * everything.diagonal().max()


def test_of_many_images_a_sample_is_taken():
    data, calls = Noise(500), []
    mean = measure(data, limit=100, progress=lambda *pair: calls.append(pair)).mean
    sample = list(data.reads)
    assert len(set(sample)) == 100 and max(sample) > 400
    assert np.array_equal(mean, np.stack([data.read(i) for i in sample]).astype(int).sum(0) / 100)
    assert np.array_equal(mean, measure(data, limit=100).mean)
    assert calls == [(64, 100), (100, 100)]


def test_bad_images_are_left_out():
    good = all_images(Noise(4))[[0, 2, 3]]
    assert np.array_equal(measure(Noise(4, bad={1})).mean, good.sum(0) / 3)
    with pytest.raises(DataError, match="noise: no image of train could be read for the mean"):
        measure(Noise(4, bad=range(4)))


def test_what_is_known_beforehand_is_not_measured():
    data = Noise(3)
    data.statistics = Statistics(np.ones((3, SIZE, SIZE)), np.eye(3))
    assert measure(data) is data.statistics and not data.reads


def test_the_components_make_up_the_covariance():
    covariance = measure(Noise(50)).covariance
    components = colour_components(covariance)
    np.testing.assert_allclose(components.T @ components, covariance, rtol=1e-10)
    lengths = np.linalg.norm(components, axis=1)
    assert (np.diff(lengths) < 0).all()  # the largest first
    np.testing.assert_allclose(lengths**2, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-10)
    products = components @ components.T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-8 * products.max())
    assert (np.take_along_axis(components, abs(components).argmax(1)[:, None], 1) > 0).all()


def test_gray_images_have_one_component():
    components = colour_components(np.full((3, 3), 400.0))
    np.testing.assert_allclose(components[0], 20.0)
    np.testing.assert_allclose(components[1:], 0, atol=1e-5)  # square roots of 1e-13


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """What 60,000 images were given, over two epochs of 30,000."""
    loader = Loader(Blank(30_000), 30_000, seed=1, workers=1, train=True)
    batches = [loader.draw(epoch) for epoch in range(2)]
    names = ("order", "top", "left", "flip", "colour")
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*batches))}


def test_all_33_by_33_offsets_are_equally_likely(drawn):
    counts = np.histogram2d(drawn["top"], drawn["left"], np.arange(34))[0]
    expected = 60_000 / 33**2
    assert drawn["top"].min() == drawn["left"].min() == 0 and counts.min() > 0
    chi2 = ((counts - expected) ** 2 / expected).sum()
    # Chi-squared with 1,088 degrees of freedom: 1,088 +- 46.6; 4 deviations leave the seed room.
    assert abs(chi2 - 1088) < 4 * 46.6


def test_half_of_the_images_are_mirrored(drawn):
    assert abs(drawn["flip"].mean() - 0.5) < 4 * 0.5 / np.sqrt(60_000)
    # and whether one is does not depend on its crop
    assert abs(np.corrcoef(drawn["flip"], drawn["top"])[0, 1]) < 4 / np.sqrt(60_000)


def test_the_colour_shift_varies_like_the_data_a_tenth_as_far(drawn):
    covariance = measure(Noise(50)).covariance
    shift = 0.1 * drawn["colour"] @ colour_components(covariance)
    # A variance from 60,000 draws is right to sqrt(2 / 60,000) = 0.6 %; four times that.
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    error = np.cov(shift.T) / 0.01 - covariance
    assert (abs(error) < 4 * np.sqrt(2 / 60_000) * scale).all()
    assert (abs(shift.mean(0)) < 4 * 0.1 * np.sqrt(np.diag(covariance) / 60_000)).all()


def test_each_epoch_draws_anew():
    loader = Loader(Blank(50), 50, seed=1, workers=1, train=True)
    for first, second in zip(loader.draw(0), loader.draw(1)):
        assert (first != second).any()
