"""From a batch of bytes to the network's input: crop, mirror, colour, mean and scale."""

import numpy as np
import pytest

from tinynet.data import Batch
from tinynet.training.inputs import Inputs, centre, flat_mean

COMPONENTS = np.array([[30.0, 28.0, 25.0], [9.0, 1.0, -12.0], [2.0, -4.0, 3.0]])


def batch(n: int = 3) -> Batch:
    """Images of side 9, each with a crop of its own, to be seen at side 6."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 3, 9, 9), np.uint8)
    top, left, flip = (np.array(v, np.int32) for v in ([0, 3, 1], [2, 0, 3], [0, 1, 0]))
    colour = rng.standard_normal((n, 3), np.float32)
    return Batch(images, np.zeros(n, np.int64), top, left, flip, colour, np.arange(n), 0)


def crops(b: Batch) -> np.ndarray:
    """What the crops hold, float64 (n, 3, 6, 6)."""
    cut = [
        image[:, top : top + 6, left : left + 6][:, :, :: -1 if flip else 1]
        for image, top, left, flip in zip(b.images, b.top, b.left, b.flip)
    ]
    return np.stack(cut).astype(float)


def mean_and_std() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(1).uniform(0, 255, (3, 6, 6)), np.array([1.0, 2.0, 4.0])


def test_crop_mirror_subtract_and_divide():
    b, (mean, std) = batch(), mean_and_std()
    x = Inputs(mean, std)(b.images, b.top, b.left, b.flip).numpy()
    # float32 numbers up to 255 have errors of about 255 * 6e-8
    np.testing.assert_allclose(x, (crops(b) - mean) / std[:, None, None], atol=5e-5)


def test_training_adds_a_colour_to_each_image_and_nothing_else_does():
    b, (mean, std) = batch(), mean_and_std()
    inputs = Inputs(mean, std, components=COMPONENTS, colour_noise=0.1)
    # the paper's formula: alpha_1 p_1 sqrt(lambda_1) + ..., with alpha from N(0, 0.1)
    colour = 0.1 * sum(b.colour[:, k, None] * COMPONENTS[k] for k in range(3))
    expected = (crops(b) + colour[:, :, None, None] - mean) / std[:, None, None]
    np.testing.assert_allclose(inputs.training_batch(b).numpy(), expected, atol=5e-5)
    plain = (crops(b) - mean) / std[:, None, None]
    seen = inputs(b.images, b.top, b.left, b.flip).numpy()
    np.testing.assert_allclose(seen, plain, atol=5e-5)
    inputs.colour_noise = 0.0  # as a schedule may set it in mid-run
    np.testing.assert_allclose(inputs.training_batch(b).numpy(), plain, atol=5e-5)


def test_rescaled_training_images_are_a_little_paler():
    b, (mean, std) = batch(), mean_and_std()
    options = {"components": COMPONENTS, "colour_noise": 0.1}
    x = Inputs(mean, std, **options).training_batch(b).numpy().copy()
    rescaled = Inputs(mean, std, **options, rescale=True).training_batch(b).numpy()
    np.testing.assert_allclose(rescaled, x / 1.1, rtol=1e-6)  # two roundings of float32


def test_centre_and_flat_mean():
    image = np.arange(3 * 5 * 5).reshape(3, 5, 5)
    assert centre(image, 3)[0].tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    assert flat_mean((1.0, 2.0, 3.0), 2).tolist() == [[[c] * 2] * 2 for c in (1.0, 2.0, 3.0)]


@pytest.mark.parametrize("name, value", [("mean", np.zeros((3, 4, 5))), ("components", np.eye(2))])
def test_wrong_shapes_are_refused(name, value):
    options = {"mean": np.zeros((3, 4, 4)), "std": np.ones(3), name: value}
    with pytest.raises(ValueError, match=f"Inputs: {name} expects"):
        Inputs(**options)


@pytest.mark.parametrize("name, value", [("top", 4), ("left", -1), ("flip", 2)])
def test_crops_beside_the_image_are_refused(name, value):
    """A kernel would read there, whatever it finds."""
    b = batch()
    getattr(b, name)[1] = value
    most = 1 if name == "flip" else 3
    with pytest.raises(ValueError, match=f"Inputs: {name} expects 0 to {most} for crops of 6 x 6"):
        Inputs(*mean_and_std())(b.images, b.top, b.left, b.flip)
