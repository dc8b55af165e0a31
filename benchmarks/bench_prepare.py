"""`prepare` beside Pillow alone, its threads beside processes, and the memory it takes.

One core, in processor time: Pillow decodes, scales and cuts, plain; with prepare's two shortcuts;
and encodes as well, with prepare's quality. `prepare` does all that, and statistics, checksums and
shards on disk. All cores: `prepare` itself, and its work on the images alone in threads and in
processes. First the images it wrote must be Pillow's, as far as JPEG keeps them.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from contest import Disagreement, Session
from engine import peak_memory
from pairs import Row, Table, alternate
from photographs import (
    CORES,
    RECIPE,
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

from tinynet.console.progress import Progress
from tinynet.data import open_dataset
from tinynet.data.preparing.images import make
from tinynet.data.preparing.prepare import PART, open_source, prepare

NAME = "prepare"


def benchmark(session: Session) -> list[Table]:
    what, data = photographs(session)
    count = len(data) if session.quick else 600
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = write_source(place / "source.tar", islice(cycle(data), count))
        paths = write_files(place, islice(cycle(data), count))
        _check(source, paths, place / "out")
        times = Table(NAME, f"{__doc__.strip()}\n\n{what}")
        times.rows += _rates(session, source, paths, place / "out")
        memory = Table("prepare, memory", "The most that a process of `prepare` takes.", unit="MB")
        for images in (6,) if session.quick else (1_000, 10_000):
            source = write_source(place / "source.tar", islice(cycle(data), images))
            command = [sys.executable, __file__, source, place / "out"]
            peak = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            memory.rows.append(Row(f"{images:,} images", {"prepare": [float(peak)]}, "prepare"))
            shutil.rmtree(place / "out")
    return [times, memory]


def _check(source: Path, paths: list[Path], out: Path) -> None:
    _prepare(source, out)
    dataset = open_dataset(out, "train", RECIPE.size, store_size=RECIPE.size)
    wanted = []
    for path in paths:
        with Image.open(path) as image:
            wanted.append(np.asarray(quick_square(image).convert("RGB"), np.float32).mean())
    found = [float(dataset.load(i).mean()) for i in range(len(dataset))]  # in an order of its own
    if len(found) != len(wanted) or np.abs(np.sort(found) - np.sort(wanted)).max() > 1:
        raise Disagreement("prepare: the images it wrote have not the brightness of Pillow's")
    shutil.rmtree(out)


def _rates(session: Session, source: Path, paths: list[Path], out: Path) -> list[Row]:
    count = len(paths)

    def prepared() -> None:
        _prepare(source, out)
        shutil.rmtree(out)

    def pillow(work: Callable[[Image.Image], object]) -> Callable[[], dict[str, float]]:
        return lambda: {"one core": per_core(count, lambda: pillow_alone(paths, work))}

    # Not forked: this process has threads.
    pools = {
        "its images in threads": ThreadPoolExecutor(len(CORES)),
        "in processes": ProcessPoolExecutor(len(CORES), get_context("spawn")),
    }

    def pooled(pool: Executor) -> Callable[[], dict[str, float]]:
        return lambda: {"all cores": on_all_cores(count, lambda: _work_in(pool, source, count))}

    with pools["its images in threads"], pools["in processes"]:
        for pool in pools.values():
            _work_in(pool, source, min(count, len(CORES) * PART))  # starts them
        found = alternate(
            {
                "prepare": lambda: {
                    "one core": per_core(count, prepared),
                    "all cores": on_all_cores(count, prepared),
                },
                "Pillow, plain": pillow(plain_square),
                "Pillow, with shortcuts": pillow(quick_square),
                "Pillow, and encode": pillow(lambda image: _encode(quick_square(image))),
                **{name: pooled(pool) for name, pool in pools.items()},
            },
            session.rounds,
        )
    return [Row(label, values, "prepare", 1) for label, values in found.items()]


def _encode(square: Image.Image) -> None:
    square.save(io.BytesIO(), "JPEG", quality=RECIPE.quality, subsampling="4:4:4")


def _prepare(source: Path, out: Path) -> None:
    prepare(open_source(source, _silent()), out, RECIPE, len(CORES), _silent())


def _silent() -> Progress:
    progress = Progress()
    progress.line = lambda text: None
    return progress


def _work_in(pool: Executor, source: Path, count: int) -> None:
    """The work on each of the first `count` images, in tasks like those of prepare."""
    starts = range(0, count, PART)
    list(pool.map(_make_part, [source] * len(starts), starts, [count] * len(starts)))


_opened = {}  # in each process: the source, which is listed once


def _make_part(source: Path, start: int, count: int) -> int:
    if source not in _opened:
        _opened[source] = open_source(source, _silent())
    indices = np.arange(start, min(start + PART, count))
    return len(make(_opened[source].splits["train"], indices, RECIPE, measure=True).images)


if __name__ == "__main__":  # the process whose memory is measured
    _prepare(*map(Path, sys.argv[1:]))
    print(peak_memory())
