"""`prepare` beside Pillow alone, threads beside processes, and the memory it takes.

    python benchmarks/bench_prepare.py --data PHOTOS.tar [--rounds 7] [--images 600]

The photographs, repeated under other names as often as needed, are written into a .tar, and into a
folder for Pillow. Each round:

    one core     Pillow alone, plain: decode, scale, cut the centre;
                 the same with prepare's two shortcuts: only the pixels of the centre are scaled,
                 and a JPEG of more than twice the size is decoded at a half or less (`draft`);
                 the same, and encode as JPEG with prepare's quality;
                 prepare: all that, and statistics, checksums, shards on disk
    all cores    prepare; and its work on the images alone, in threads and in processes

Ratios are taken round by round. Last comes the peak memory of a separate process that prepares
1,000 images, and of one that prepares 10,000.
"""

import argparse
import io
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from tinynet.console.progress import Progress
from tinynet.data.folder import FolderDataset
from tinynet.data.preparing.images import Recipe, make
from tinynet.data.preparing.prepare import PART, open_source, prepare

CORES = os.sched_getaffinity(0)
RECIPE = Recipe()
SIZE = RECIPE.size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder or .tar of photographs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=600, help="images per round (600)")
    parser.add_argument("--prepare", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare:
        run_prepare(*args.prepare)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return 0

    dataset = FolderDataset(args.data, "train", SIZE, SIZE)
    photographs = [dataset.tree.read(file) for file in dataset.files]
    files = list(islice(cycle(photographs), args.images))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = write_source(place / "source.tar", files)
        paths = write_files(place, files)
        report([one_round(source, paths, place / "out") for _ in range(args.rounds)])
        print()
        for count in (1_000, 10_000):
            source = write_source(place / "source.tar", islice(cycle(photographs), count))
            command = [sys.executable, __file__, "--prepare", source, place / "out"]
            peak = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            print(f"most memory while preparing {count:>6,} images  {int(peak):,} MB")
            shutil.rmtree(place / "out")
    return 0


def one_round(source: Path, paths: list[Path], out: Path) -> dict[str, float]:
    def prepared() -> None:
        run_prepare(source, out)
        shutil.rmtree(out)

    def pillow(make: Callable[[Image.Image], object]) -> float:
        return per_core(count, lambda: pillow_alone(paths, make))

    count, pools = len(paths), (ThreadPoolExecutor, ProcessPoolExecutor)
    in_threads, in_processes = (kind(len(CORES)) for kind in pools)
    with in_threads, in_processes:
        for pool in (in_threads, in_processes):
            work_in(pool, source, len(CORES) * PART)  # starts them
        return {
            "Pillow, plain, 1 core": pillow(plain_square),
            "Pillow, with shortcuts, 1 core": pillow(quick_square),
            "Pillow, and encode, 1 core": pillow(lambda image: encode(quick_square(image))),
            "prepare, 1 core": per_core(count, prepared),
            "prepare, all cores": rate(count, prepared),
            "its images in threads": rate(count, lambda: work_in(in_threads, source, count)),
            "its images in processes": rate(count, lambda: work_in(in_processes, source, count)),
        }


def pillow_alone(paths: list[Path], make: Callable[[Image.Image], object]) -> None:
    for path in paths:
        with Image.open(path) as image:
            make(image)


def plain_square(image: Image.Image) -> Image.Image:
    """The shorter side scaled to SIZE, then the centre cut."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    scale = SIZE / min(rgb.size)
    width, height = round(rgb.width * scale), round(rgb.height * scale)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    scaled = rgb.resize((width, height), Image.Resampling.BILINEAR)
    return scaled.crop((left, top, left + SIZE, top + SIZE))


def quick_square(image: Image.Image) -> Image.Image:
    """The same with prepare's shortcuts."""
    image.draft(None, (2 * SIZE, 2 * SIZE))
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    gray_or_rgb = image if image.mode in ("L", "RGB") else image.convert("RGB")
    box = (left, top, left + side, top + side)
    return gray_or_rgb.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box)


def encode(square: Image.Image) -> None:
    square.save(io.BytesIO(), "JPEG", quality=RECIPE.quality, subsampling="4:4:4")


def run_prepare(source: Path, out: Path) -> None:
    progress = Progress()
    progress.line = lambda text: None
    workers = len(os.sched_getaffinity(0))
    prepare(open_source(source, progress), out, RECIPE, workers, progress)


def work_in(pool: Executor, source: Path, count: int) -> None:
    """The work on each of the first `count` images, in tasks like those of prepare."""
    starts = range(0, count, PART)
    list(pool.map(make_part, [source] * len(starts), starts, [count] * len(starts)))


opened = {}  # in each process: the source, which is listed once


def make_part(source: Path, start: int, count: int) -> int:
    if source not in opened:
        opened[source] = open_source(source, Progress())
    indices = np.arange(start, min(start + PART, count))
    return len(make(opened[source].splits["train"], indices, RECIPE, measure=True).images)


def write_source(path: Path, photographs: Iterable[bytes]) -> Path:
    """A .tar with these files in one class, and the last of them again for validation."""
    with tarfile.open(path, "w") as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for i, data in enumerate(photographs):
            add(f"train/photographs/{i:06}.jpg", data)
        add("val/photographs/last.jpg", data)
    return path


def write_files(folder: Path, photographs: Iterable[bytes]) -> list[Path]:
    """Each photograph as a file of its own."""
    paths = []
    for i, data in enumerate(photographs):
        paths.append(folder / f"{i:06}.jpg")
        paths[-1].write_bytes(data)
    return paths


def per_core(images: int, work: Callable[[], None]) -> float:
    """Images a second on one core, by the processor time of all threads together."""
    os.sched_setaffinity(0, sorted(CORES)[:1])
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    os.sched_setaffinity(0, CORES)
    return images / seconds


def rate(images: int, work: Callable[[], None]) -> float:
    """Images a second on all cores, by wall-clock time."""
    start = time.perf_counter()
    work()
    return images / (time.perf_counter() - start)


def report(rounds: list[dict[str, float]]) -> None:
    for name in rounds[0]:
        print(f"{name:<36}{statistics.median(r[name] for r in rounds):8.0f} images/s")
    for above, below in (
        ("prepare, 1 core", "Pillow, plain, 1 core"),
        ("prepare, 1 core", "Pillow, with shortcuts, 1 core"),
        ("prepare, 1 core", "Pillow, and encode, 1 core"),
        ("its images in threads", "its images in processes"),
        ("prepare, all cores", "prepare, 1 core"),
    ):
        ratios = sorted(r[above] / r[below] for r in rounds)
        middle = statistics.median(ratios)
        print(f"{above} / {below}: {middle:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")
    print(f"medians of {len(rounds)} rounds; ratios round by round, median (least-most)")


if __name__ == "__main__":
    sys.exit(main())
