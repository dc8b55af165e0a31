"""Real data: the folder in TINYNET_DATA (or ../shared/data), and Debian's Fashion-MNIST."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import DataError, Loader, fashion_mnist, measure, open_dataset

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYNET_DATA", ROOT.parent / "shared" / "data"))


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA} (set TINYNET_DATA to the folder that has it)")
    return path


def test_imagenette():
    path = real("imagenette-224-subset.tar")
    train, val = (open_dataset(path, split, 224) for split in ("train", "val"))
    assert (len(train), len(val)) == (2_000, 500)
    assert np.bincount(train.labels).tolist() == [200] * 10
    assert train.classes[0] == "n01440764 tench, Tinca tinca" and train.classes == val.classes
    loader = Loader(val, 64, seed=0, workers=2, train=False)
    images = np.concatenate([batch.images for batch in loader.epoch(0)])
    assert images.shape == (500, 3, 256, 256) and loader.skipped == {}
    mean = measure(val).mean
    assert np.array_equal(mean, images.sum(0, dtype=np.int64) / 500)
    # ImageNet's known mean is 124, 117, 104; that of ten classes is near it.
    assert abs(mean.mean((1, 2)) - (124, 117, 104)).max() < 12


def test_imagenet_in_original_sizes():
    path = real("imagenet-original-sizes.tar")
    dataset = open_dataset(path, "train", 224)
    assert len(dataset) == len(dataset.classes) == 60
    loader = Loader(dataset, 16, seed=0, workers=2, train=False)
    images = np.concatenate([batch.images for batch in loader.epoch(0)])
    assert images.shape == (60, 3, 256, 256) and loader.skipped == {}
    assert images.std(axis=(1, 2, 3)).min() > 15  # none of them is blank
    gray = (images[:, 0] == images[:, 1]).all(axis=(1, 2)) & (images[:, 0] == images[:, 2]).all(
        (1, 2)
    )
    assert gray.sum() >= 8
    with pytest.raises(DataError, match="no imagenet-original-sizes/val/: wanted train/ and val/"):
        open_dataset(path, "val", 224)


def test_cifar10():
    """The test batch only: the training batches take an xz reader nine seconds."""
    dataset = open_dataset(real("cifar-10-binary.tar.xz"), "val", 32, store_size=32)
    images = np.stack([dataset.load(i) for i in range(10_000)])
    records = np.concatenate(
        [dataset.labels[:, None].astype(np.uint8), images.reshape(10_000, -1)], 1
    )
    assert hashlib.md5(records.tobytes()).hexdigest() == "803d5f7f4d78ea53de84dbe85f74fb6d"
    mean = measure(dataset).mean.mean((1, 2))
    np.testing.assert_allclose(mean, [126.0246, 123.7085, 114.8543], atol=1e-4)  # four decimals


def test_fashion_mnist():
    if not fashion_mnist.DEBIAN_FOLDER.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    train, val = (open_dataset("fashion-mnist", s, 28, store_size=28) for s in ("train", "val"))
    assert np.bincount(train.labels).tolist() == [6_000] * 10
    assert np.bincount(val.labels).tolist() == [1_000] * 10
    assert train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert measure(train, limit=60_000).mean.mean() == pytest.approx(0.2860 * 255, abs=0.02)
