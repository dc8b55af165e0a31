"""Sources for `prepare` as the tests need them: ILSVRC's archives, and folders, only small."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tinynet.console.progress import Progress
from tinynet.data.preparing.devkit import GROUND_TRUTH, IDS
from tinynet.data.preparing.ilsvrc import TRAIN, VAL
from tinynet.data.preparing.images import Recipe
from tinynet.data.preparing.prepare import open_source, prepare

WNIDS = ("n01440764", "n02102040", "n03000684")
# The ids of the development kit go by another order than the classes.
ID_OF = {"n01440764": 3, "n02102040": 1, "n03000684": 2, "n03888257": 4}
WORDS = "n01440764 tench\nn02102040 English springer\nn03000684 chain saw\nn03888257 parachute\n"


def photograph(seed: int, size=(90, 64), mode="RGB", form="JPEG", **options) -> bytes:
    """Smooth colours with some noise, another for each seed, width and height `size`."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8)).resize(size)
    noise = rng.integers(-12, 13, (size[1], size[0], 3))
    pixels = (np.asarray(coarse, np.int64) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **options)
    return file.getvalue()


def tar_of(files: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    """A plain tar with these files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in files.items() if isinstance(files, dict) else files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def train_files(wnid: str, count: int, start: int = 0) -> dict[str, bytes]:
    return {f"{wnid}_{start + i}.JPEG": photograph(start + i) for i in range(count)}


def write_ilsvrc(folder: Path, per_class: int = 4, val_wnids=WNIDS * 2, val_images=None) -> Path:
    """The four files that `prepare` wants, and synset_words.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    inner = {f"{w}.tar": tar_of(train_files(w, per_class, 100 * k)) for k, w in enumerate(WNIDS)}
    (folder / TRAIN).write_bytes(tar_of(inner))
    val_images = val_images or [photograph(900 + i) for i in range(len(val_wnids))]
    val = {f"ILSVRC2012_val_{i:08}.JPEG": data for i, data in enumerate(val_images, 1)}
    (folder / VAL).write_bytes(tar_of(val))
    (folder / GROUND_TRUTH).write_text("".join(f"{ID_OF[wnid]}\n" for wnid in val_wnids))
    rows = [f"{k}\t{wnid}\t{ID_OF[wnid]}\n" for k, wnid in enumerate(ID_OF)]
    (folder / IDS[0]).write_text("class_index\twnid\tilsvrc2012_id\n" + "".join(rows))
    (folder / "synset_words.txt").write_text(WORDS)
    return folder


def write_folder(folder: Path, train: int = 5, val: int = 2, classes=("cat", "dog")) -> Path:
    """A folder a class, with so many images in each."""
    for split, count in (("train", train), ("val", val)):
        for k, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                seed = 1000 * k + 100 * (split == "val") + i
                (place / f"{name}_{i}.jpg").write_bytes(photograph(seed))
    return folder


class Quiet(Progress):
    """Keeps what it is told: `lines` and `warnings`."""

    def __init__(self):
        super().__init__()
        self.lines, self.warnings = [], []

    def line(self, text):
        self.lines.append(text)

    def warn(self, text):
        self.warnings.append(text)


def prepare_quietly(source: Path, path: Path, shard_images=4, workers=2, **recipe) -> Quiet:
    """Prepare with small shards; `made` of what is returned is the number of shards made."""
    quiet = Quiet()
    recipe = Recipe(shard_images=shard_images, **recipe)
    _, quiet.made = prepare(open_source(source, quiet), path, recipe, workers, quiet)
    return quiet


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, hidden ones too."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}
