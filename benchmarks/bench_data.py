"""The input pipeline beside Pillow alone, and beside the training that it feeds.

    python benchmarks/bench_data.py --data PHOTOS.tar [--rounds 5] [--images 512]

In turn, on the same images, with none of them cached:

    one core     Pillow alone, files of a folder: open, decode, scale to 256 pixels a side, cut the
                 centre; plain, and with the loader's shortcuts (see bench_prepare.py);
                 the loader: the same, and uint8 batches with crop, mirror and colour drawn
    all cores    the pipeline: loader and the kernel `augment`, down to the network's input;
                 a training step of the full net (profile paper, batch 128), on data at hand

Ratios are taken round by round. Last comes the memory held after 1,000 images and after 10,000.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_alexnet import TinynetTrainer
from bench_prepare import (
    CORES,
    per_core,
    pillow_alone,
    plain_square,
    quick_square,
    rate,
    write_files,
)
from PIL import Image

from tinynet.data import Batch, Loader, colour_components, measure, open_dataset
from tinynet.data.folder import FolderDataset
from tinynet.training.inputs import Inputs, centre

IMAGE_SIZE, BATCH = 224, 128


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="a folder or .tar of photographs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=15 * BATCH, help="images per round (1920)")
    args = parser.parse_args()
    dataset = open_dataset(args.data, "train", IMAGE_SIZE)
    if not isinstance(dataset, FolderDataset):
        parser.error(f"--data expects photographs, got {args.data}")
    count = min(args.images, len(dataset)) // BATCH * BATCH or len(dataset)  # whole batches
    dataset.labels = dataset.labels[:count]  # the first ones, as if there were no others
    dataset.load = dataset.read  # no cache: each image is decoded each time
    compare_on_one_core(dataset, args.rounds)
    # Only now: its gigabytes and its BLAS threads would disturb the measurements above.
    compare_with_training(dataset, args.rounds)
    return 0


def compare_on_one_core(dataset: FolderDataset, rounds: int) -> None:
    count, loader = len(dataset), load_with(dataset, workers=1)
    with tempfile.TemporaryDirectory() as folder:
        files = (dataset.tree.read(file) for file in dataset.files[:count])
        paths = write_files(Path(folder), files)

        def pillow(make: Callable[[Image.Image], object]) -> float:
            return per_core(count, lambda: pillow_alone(paths, make))

        one_round = {
            "loader": lambda: per_core(count, lambda: load(loader, count)),
            "Pillow, with shortcuts": lambda: pillow(quick_square),
            "Pillow, plain": lambda: pillow(plain_square),
        }
        load(loader, count)  # buffers
        print("one core:")
        report([measured(one_round) for _ in range(rounds)])


def compare_with_training(dataset: FolderDataset, rounds: int) -> None:
    count = len(dataset)
    statistics_ = measure(dataset, limit=count)
    inputs = Inputs(
        centre(statistics_.mean, IMAGE_SIZE),
        np.ones(3),
        components=colour_components(statistics_.covariance),
        colour_noise=0.1,
    )

    loader = load_with(dataset, workers=len(CORES))

    def pipeline(images: int) -> None:
        load(loader, images, inputs.training_batch)

    trainer = TinynetTrainer(BATCH)
    one_round = {
        "pipeline": lambda: rate(count, lambda: pipeline(count)),
        "training step": lambda: rate(BATCH, trainer.step),
    }
    trainer.step()  # buffers
    print("all cores:")
    report([measured(one_round) for _ in range(rounds)])
    for images in (1_000, 10_000):
        pipeline(images)
        print(f"resident memory after {images:>6,} images  {resident_megabytes():,} MB")


def measured(rates: dict[str, Callable[[], float]]) -> dict[str, float]:
    return {name: work() for name, work in rates.items()}


def load_with(dataset: FolderDataset, workers: int) -> Loader:
    return Loader(dataset, min(BATCH, len(dataset)), seed=0, workers=workers, train=True)


def load(loader: Loader, images: int, use: Callable[[Batch], object] = lambda batch: None) -> None:
    """Load at least so many images, in whole epochs, and hand each batch to `use`."""
    for epoch in range(-(-images // len(loader.dataset))):
        for batch in loader.epoch(epoch):
            use(batch)


def report(rounds: list[dict[str, float]]) -> None:
    """Print the rates, and the ratios of the first one to the others."""
    above, *others = rounds[0]
    for name in rounds[0]:
        print(f"{name:<26}{statistics.median(r[name] for r in rounds):6.0f} images/s")
    for below in others:
        ratios = sorted(r[above] / r[below] for r in rounds)
        middle = statistics.median(ratios)
        print(f"{above} / {below}: {middle:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    print(f"medians of {len(rounds)} rounds; ratios round by round, median (least-most)\n")


def resident_megabytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    sys.exit(main())
