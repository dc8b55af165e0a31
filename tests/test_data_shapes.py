"""The drawn shapes: seeded, balanced, and told apart by nothing but their form."""

import numpy as np
import pytest

from tinynet.data import open_dataset
from tinynet.data.dataset import Sample
from tinynet.data.shapes import CONTRAST, OUTLINES, Shapes, draw


def drawn(split, count, size=32, seed=0):
    dataset = Shapes(split, size, size, seed, count)
    return np.stack([dataset.read(i) for i in range(count)]), dataset.labels


def test_the_default_dataset():
    train, val = (open_dataset("shapes", split, 64) for split in ("train", "val"))
    assert (len(train), len(val)) == (6_000, 1_000)
    assert train.classes == val.classes and len(set(train.classes)) == 10
    assert np.bincount(train.labels).tolist() == [600] * 10
    assert np.bincount(val.labels).tolist() == [100] * 10
    assert train.labels.dtype == np.int64
    image = train.load(5_999)
    assert image.shape == (3, 73, 73) and image.dtype == np.uint8  # round(64 * 256 / 224)


def test_an_image_depends_on_seed_split_and_index_only():
    first, _ = drawn("train", 20)
    later = Shapes("train", 32, 32, seed=0, count=1_000)
    np.testing.assert_array_equal(first[17], later.load(17))
    np.testing.assert_array_equal(first[3], later.load(3))
    assert len(np.unique(first.reshape(20, -1), axis=0)) == 20
    for other, _ in (drawn("val", 20), drawn("train", 20, seed=1)):
        assert (other != first).any(axis=(1, 2, 3)).all()


def test_a_sample_has_as_many_of_each_class():
    """Though labels go round, so that every sixth image is of every other class."""
    train = open_dataset("shapes", "train", 32)
    sample = Sample(train, 1_000)
    assert np.bincount(sample.labels).tolist() == [100] * 10
    places = [int(sample.describe(i).rsplit("/", 1)[1]) for i in range(1_000)]
    assert places == sorted(set(places))
    assert all(train.labels[place] == label for place, label in zip(places, sample.labels))
    np.testing.assert_array_equal(sample.load(7), train.load(places[7]))


@pytest.mark.parametrize("size", [2, 8, 13, 16, 20])
def test_small_images_hold_their_shapes(size):
    drawn("train", 200, size)


def test_a_larger_image_shows_the_same_scene():
    small, large = (drawn("train", 30, size)[0].astype(float) for size in (32, 96))
    averaged = large.reshape(30, 3, 32, 3, 32, 3).mean(axis=(3, 5))
    # Ground and shape agree to a level or two; along the edge a pixel's coverage is known to 1/16.
    assert abs(averaged - small).mean() < 2


def test_the_random_numbers_used_do_not_depend_on_the_class():
    states = set()
    for outline in OUTLINES.values():
        rng = np.random.default_rng(4)
        draw(outline, 40, rng)
        states.add(rng.bit_generator.state["state"]["state"])
    assert len(states) == 1


def test_every_shape_is_whole_and_stands_out():
    for i in range(200):
        image = Shapes("train", 64, 64, 0, 200).read(i).astype(int)
        border = np.concatenate(
            [image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1
        )
        # The ground is a blend of its four corners: no shape has touched the border.
        corners = image[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert (border.min(1) >= corners.min(1) - 1).all()
        assert (border.max(1) <= corners.max(1) + 1).all()
        distance = np.sqrt(((image[:, :, :, None] - corners[:, None, None]) ** 2).sum(0)).min(-1)
        # Some pixels, 2 % of the image at least, have the shape's full colour (rounding: 1 level).
        assert (distance > CONTRAST - 2).mean() > 0.02


def test_edges_are_smooth():
    images = [draw(OUTLINES["circle"], 64, np.random.default_rng(k)).astype(int) for k in range(40)]
    plain = [image for image in images if (image[:, :3, :3] == image[:, -3:, -3:]).all()]
    assert len(plain) > 10
    for image in plain:
        ground = image[:, :1, :1]
        distance = np.sqrt(((image - ground) ** 2).sum(0))
        between = (distance > 0.05 * distance.max()) & (distance < 0.95 * distance.max())
        # A circle passes through 8 pixels for each of its radius, here 16 to 28; some of them are
        # covered by less than 5 % or more than 95 %. A jagged edge would have none.
        assert 80 < between.sum() < 240


@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_fill_the_unit_circle(name):
    assert np.hypot(*OUTLINES[name].T).max() == pytest.approx(1)


def test_no_class_is_another_one_turned():
    """Masks of all classes, rotated to the best fit, still differ in a good part of their area."""
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    grid = np.linspace(-1, 1, 41)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)

    def covered(outline, turn):
        cos, sin = np.cos(turn), np.sin(turn)
        x, y = (points @ np.array([[cos, -sin], [sin, cos]])).T
        inside = np.zeros(len(points), bool)
        for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0)):
            crosses = (y0 > y) != (y1 > y)
            with np.errstate(divide="ignore", invalid="ignore"):
                inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return inside

    upright = {name: covered(outline, 0.0) for name, outline in OUTLINES.items()}
    for name, outline in OUTLINES.items():
        turned = np.stack([covered(outline, turn) for turn in turns])
        for other, mask in upright.items():
            overlap = (turned & mask).sum(1) / (turned | mask).sum(1)
            if name == other:
                assert overlap.max() > 0.99
            else:
                assert overlap.max() < 0.8, (name, other)


def test_a_linear_classifier_on_the_pixels_fails():
    """Ridge regression to one-hot labels stays near 90 % error over a wide range of penalties."""
    x, y = drawn("train", 1_500)
    x_val, y_val = drawn("val", 500)
    mean = x.reshape(1_500, -1).mean(0)
    x, x_val = ((images.reshape(len(images), -1) - mean) / 64 for images in (x, x_val))
    kernel, one_hot = x @ x.T, np.eye(10)[y] - 0.1
    for penalty in (1e0, 1e2, 1e4):
        dual = np.linalg.solve(kernel + penalty * np.eye(1_500), one_hot)
        error = ((x_val @ x.T @ dual).argmax(1) != y_val).mean()
        assert error > 0.6, penalty  # measured: 0.84 to 0.87; the class by chance: 0.9
