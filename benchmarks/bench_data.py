"""The input pipeline beside Pillow alone, and beside the training that it feeds; without a cache.

One core, in processor time: Pillow opens, decodes, scales to 256 pixels a side, cuts the centre,
plain and with the loader's shortcuts; the loader does the same, and draws crop, mirror and colour.
All cores: the pipeline is the loader and the kernel `augment`, down to the network's input. It is
compared with a training step of the full net (profile `paper`, batch 128) on data at hand. First
the loader's pixels must be Pillow's.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_alexnet import FULL, SMALL
from contest import Disagreement, Session, files
from nets import Net
from pairs import Row, Table, alternate
from photographs import (
    CORES,
    SIZE,
    on_all_cores,
    per_core,
    photographs,
    pillow_alone,
    plain_square,
    quick_square,
    write_files,
    write_source,
)
from PIL import Image

from tinynet.data import Batch, Loader, colour_components, measure
from tinynet.data.folder import FolderDataset
from tinynet.training.inputs import Inputs, centre

NAME = "data"
IMAGE_SIZE, BATCH = 224, 128


def benchmark(session: Session) -> list[Table]:
    what, data = photographs(session)
    table = Table(NAME, f"{__doc__.strip()}\n\n{what}")
    with tempfile.TemporaryDirectory() as folder:
        source = write_source(Path(folder) / "source.tar", data)
        dataset = FolderDataset(source, "train", IMAGE_SIZE, SIZE)
        dataset.load = dataset.read  # no cache: each image is decoded each time
        paths = write_files(Path(folder), data)
        _check_pixels(dataset, paths)
        _one_core(session, table, dataset, paths)
        _all_cores(session, table, dataset)
    return [table]


def _check_pixels(dataset: FolderDataset, paths: list[Path]) -> None:
    for i in range(min(6, len(paths))):
        with Image.open(paths[i]) as image:
            pillow = np.asarray(quick_square(image).convert("RGB"), np.float32).transpose(2, 0, 1)
        apart = float(np.abs(dataset.read(i) - pillow).mean())
        if not apart < 1:
            raise Disagreement(f"data: image {i} is {apart:.1f} of 255 off Pillow's, on average")


def _one_core(session: Session, table: Table, dataset: FolderDataset, paths: list[Path]) -> None:
    count, loader = len(dataset), _loader(dataset, workers=1)

    def pillow(make: Callable[[Image.Image], object]) -> Callable[[], dict[str, float]]:
        return lambda: {"one core": per_core(count, lambda: pillow_alone(paths, make))}

    _load(loader, count)  # buffers
    found = alternate(
        {
            "loader": lambda: {"one core": per_core(count, lambda: _load(loader, count))},
            "Pillow, with shortcuts": pillow(quick_square),
            "Pillow, plain": pillow(plain_square),
        },
        session.rounds,
    )
    table.rows += [Row(label, values, "loader", 1) for label, values in found.items()]


def _all_cores(session: Session, table: Table, dataset: FolderDataset) -> None:
    count, statistics = len(dataset), measure(dataset, limit=len(dataset))
    components = colour_components(statistics.covariance)
    mean = centre(statistics.mean, IMAGE_SIZE)
    inputs = Inputs(mean, np.ones(3), components=components, colour_noise=0.1)
    loader = _loader(dataset, workers=len(CORES))
    work = Net("step", "alexnet", *((SMALL, 2) if session.quick else (FULL, BATCH))).work()
    engine = session.engine("tinynet")
    with files(work.arrays) as place:
        engine.make(work.case, place)
    engine.time(1)  # buffers

    def pipeline() -> dict[str, float]:
        load = on_all_cores(count, lambda: _load(loader, count, inputs.training_batch))
        return {"all cores": load}

    step = {"training step": lambda: {"all cores": engine.time(1)["step"] / work.items}}
    found = alternate({"pipeline": pipeline, **step}, session.rounds)
    table.rows += [
        Row(
            label,
            {"loader": values["pipeline"], "training step": values["training step"]},
            "loader",
            1,
        )
        for label, values in found.items()
    ]


def _loader(dataset: FolderDataset, workers: int) -> Loader:
    return Loader(dataset, min(BATCH, len(dataset)), seed=0, workers=workers, train=True)


def _load(loader: Loader, images: int, use: Callable[[Batch], object] = lambda batch: None) -> None:
    """Load at least so many images, in whole epochs, and hand each batch to `use`."""
    for epoch in range(-(-images // len(loader.dataset))):
        for batch in loader.epoch(epoch):
            use(batch)
