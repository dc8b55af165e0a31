"""The input pipeline beside Pillow alone, and beside the training that it feeds.

    python benchmarks/bench_data.py --data PHOTOS.tar [--rounds 5] [--images 512]

In turn, on the same images, none of them kept from before:

    one core     Pillow alone: open, decode, scale to 256 pixels a side, and nothing else;
                 the loader: the same, and uint8 batches with crop, mirror and colour drawn
    all cores    the pipeline: loader and the kernel `augment`, down to the network's input;
                 a training step of the full net (profile paper, batch 128), on data that lie ready

Ratios are taken round by round. Last comes the memory held after 1,000 images and after 10,000.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_alexnet import TinynetTrainer
from bench_prepare import pillow

from tinynet.data import Batch, Loader, colour_components, measure, open_dataset
from tinynet.data.folder import FolderDataset
from tinynet.data.tree import Folder, Tar
from tinynet.inputs import Inputs, centre

IMAGE_SIZE, STORE_SIZE, BATCH = 224, 256, 128
CORES = os.sched_getaffinity(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="a folder or .tar of photographs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4 * BATCH, help="a round (512)")
    args = parser.parse_args()
    dataset = open_dataset(args.data, "train", IMAGE_SIZE)
    if not isinstance(dataset, FolderDataset):
        parser.error(f"--data expects photographs, got {args.data}")
    count = min(args.images, len(dataset)) // BATCH * BATCH or len(dataset)  # whole batches
    dataset.labels = dataset.labels[:count]  # the first ones, as if there were no others
    dataset.load = dataset.read  # nothing is kept: each image is decoded each time
    files = file_bytes(args.data, count)
    statistics_ = measure(dataset, limit=count)
    inputs = Inputs(
        centre(statistics_.mean, IMAGE_SIZE),
        np.ones(3),
        components=colour_components(statistics_.covariance),
        colour_noise=0.1,
    )

    def one_core() -> None:
        load(dataset, count, 1)

    def pillow_alone() -> None:
        pillow(files, encode=False)

    def all_cores() -> None:
        load(dataset, count, len(CORES), inputs.training_batch)

    def alternate(rates: dict[str, Callable[[], float]]) -> list[dict[str, float]]:
        return [{name: measure_() for name, measure_ in rates.items()} for _ in range(args.rounds)]

    one_core()  # buffers
    report(
        alternate(
            {
                "Pillow alone, 1 core": lambda: rate(
                    count, lambda: pillow(files, encode=False), cores=1
                ),
                "loader, 1 core": lambda: rate(count, one_core, cores=1),
            }
        ),
        "loader, 1 core",
        "Pillow alone, 1 core",
    )
    # Only now, for its gigabytes and the threads of its BLAS would disturb what is above.
    trainer = TinynetTrainer(BATCH)
    trainer.step()  # buffers
    report(
        alternate(
            {
                "pipeline": lambda: rate(count, all_cores),
                "training step": lambda: rate(BATCH, trainer.step),
            }
        ),
        "pipeline",
        "training step",
    )
    for images in (1_000, 10_000):
        load(dataset, images, len(CORES), inputs.training_batch)
        print(f"resident memory after {images:>6,} images  {resident_megabytes():,} MB")
    return 0


def file_bytes(path: Path, count: int) -> list[bytes]:
    """The files of the first `count` images, as they are on the disk."""
    tree = Folder(path) if path.is_dir() else Tar(path)
    jpegs = [file for file in tree.files(tree.folders("")[0]) if "/train/" in f"/{file}"]
    return [tree.read(file) for file in jpegs[:count]]


def load(
    dataset: FolderDataset,
    images: int,
    workers: int,
    use: Callable[[Batch], object] = lambda batch: None,
) -> None:
    """At least so many images through the loader, in whole epochs, and each batch into `use`."""
    loader = Loader(dataset, min(BATCH, len(dataset)), seed=0, workers=workers, train=True)
    for epoch in range(-(-images // len(dataset))):
        for batch in loader.epoch(epoch):
            use(batch)


def rate(images: int, work: Callable[[], None], cores: int | None = None) -> float:
    """Images a second of `work`, which threads started in it too do on the first `cores` cores.

    Of one core it is its processor time that counts: other programs are not part of it.
    """
    clock = time.process_time if cores == 1 else time.perf_counter
    os.sched_setaffinity(0, sorted(CORES)[:cores])
    start = clock()
    work()
    seconds = clock() - start
    os.sched_setaffinity(0, CORES)
    return images / seconds


def report(rounds: list[dict[str, float]], above: str, below: str) -> None:
    """The rates, and the ratio of `above` to `below`."""
    for name in rounds[0]:
        print(f"{name:<22}{statistics.median(r[name] for r in rounds):8.0f} images/s")
    ratios = sorted(r[above] / r[below] for r in rounds)
    middle = statistics.median(ratios)
    print(f"{above} / {below}: {middle:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    print(f"medians of {len(rounds)} rounds; ratios round by round, median (least-most)\n")


def resident_megabytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    sys.exit(main())
