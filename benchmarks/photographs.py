"""JPEG files to load and to prepare: those of --data, or some that are drawn; and Pillow by itself.

Drawn ones are shapes on a ground with grain, 500 x 375 pixels as most of ImageNet's are. Real ones
take longer to decode.
"""

import io
import os
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from contest import Session
from PIL import Image

from tinynet.data import Shapes
from tinynet.data.folder import FolderDataset
from tinynet.data.preparing.images import Recipe

RECIPE = Recipe()
SIZE = RECIPE.size
CORES = os.sched_getaffinity(0)


def photographs(session: Session) -> tuple[str, list[bytes]]:
    """What they are, in words, and the files."""
    if session.data:
        dataset = FolderDataset(session.data, "train", SIZE, SIZE)
        files = [dataset.tree.read(file) for file in dataset.files]
        return f"Photographs: {len(files):,} of {session.data.name}.", files
    rng = np.random.default_rng(0)
    shapes = Shapes("train", 500, 500, count=6 if session.quick else 120)
    files = []
    for i in range(len(shapes)):
        pixels = shapes.read(i)[:, 60:435].astype(np.int16) + rng.integers(-12, 13, (3, 375, 500))
        file = io.BytesIO()
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8).transpose(1, 2, 0))
        image.save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return f"Drawn images, {len(files)} of 500 x 375 pixels; photographs with --data.", files


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
    """The same with two shortcuts: only the pixels of the centre are scaled, and a JPEG of more
    than twice the size is decoded at a half or less (`draft`)."""
    image.draft(None, (2 * SIZE, 2 * SIZE))
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    gray_or_rgb = image if image.mode in ("L", "RGB") else image.convert("RGB")
    box = (left, top, left + side, top + side)
    return gray_or_rgb.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box)


def write_source(path: Path, files: Iterable[bytes]) -> Path:
    """A .tar with these files in one class, and the last of them again for validation."""
    with tarfile.open(path, "w") as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for i, data in enumerate(files):
            add(f"train/photographs/{i:06}.jpg", data)
        add("val/photographs/last.jpg", data)
    return path


def write_files(folder: Path, files: Iterable[bytes]) -> list[Path]:
    """Each photograph as a file of its own."""
    paths = []
    for i, data in enumerate(files):
        paths.append(folder / f"{i:06}.jpg")
        paths[-1].write_bytes(data)
    return paths


def per_core(images: int, work: Callable[[], object]) -> float:
    """Seconds an image on one core, by the processor time of all threads together."""
    os.sched_setaffinity(0, sorted(CORES)[:1])
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    os.sched_setaffinity(0, CORES)
    return seconds / images


def on_all_cores(images: int, work: Callable[[], object]) -> float:
    """Seconds an image on all cores, by wall-clock time."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / images
