"""ImageNet's own photographs: from ILSVRC's archives to a network that is trained and evaluated.

The archives are made here from the photographs in TINYNET_DATA (or ../shared/data).
"""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from imagenet_shaped import contents, prepare_quietly, tar_of
from PIL import Image
from tiny_runs import percentages, run, train

from tinynet.data import open_dataset
from tinynet.data.preparing.devkit import (
    GROUND_TRUTH,
    IDS,
    KitFile,
    read_classes,
    read_ground_truth,
)
from tinynet.data.preparing.ilsvrc import TRAIN, VAL

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYNET_DATA", ROOT.parent / "shared" / "data"))
CLASSES, PER_CLASS, VAL_PER_CLASS = 10, 8, 4


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA} (set TINYNET_DATA to the folder that has it)")
    return path


def kit_file(path):
    return KitFile(str(path), path.read_bytes())


def photographs(name, split):
    """WordNet id -> the files of this class, name and bytes."""
    found = {}
    with tarfile.open(real(name)) as tar:
        for member in tar:
            parts = member.name.split("/")
            if member.isreg() and split in parts:
                found.setdefault(parts[-2], []).append((parts[-1], tar.extractfile(member).read()))
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Ten classes in ILSVRC's archives, with the real tables of ids and words."""
    folder = tmp_path_factory.mktemp("ilsvrc")
    train_of, val_of = (photographs("imagenette-224-subset.tar", s) for s in ("train", "val"))
    originals = photographs("imagenet-original-sizes.tar", "train")
    inner = {
        f"{wnid}.tar": tar_of(originals.get(wnid, []) + files[:PER_CLASS])
        for wnid, files in train_of.items()
    }
    (folder / TRAIN).write_bytes(tar_of(inner))
    id_of = {row.wnid: row.number for row in read_classes(kit_file(real(IDS[0])))}
    # class after class, then class after class again: the numbers say nothing about the class
    chosen = [(w, files[i][1]) for i in range(VAL_PER_CLASS) for w, files in val_of.items()]
    names = [f"ILSVRC2012_val_{i:08}.JPEG" for i in range(1, len(chosen) + 1)]
    (folder / VAL).write_bytes(tar_of({name: data for name, (_, data) in zip(names, chosen)}))
    (folder / GROUND_TRUTH).write_text("".join(f"{id_of[wnid]}\n" for wnid, _ in chosen))
    for name in (IDS[0], "synset_words.txt"):
        (folder / name).write_bytes(real(name).read_bytes())
    return folder


def test_the_real_tables_agree():
    table = kit_file(real(IDS[0]))
    wnid_of = {row.number: row.wnid for row in read_classes(table)}
    assert sorted(wnid_of) == list(range(1, 1001))
    lines = real("synset_words.txt").read_text().splitlines()
    assert sorted(wnid_of.values()) == [line.split(" ")[0] for line in lines]
    truth = read_ground_truth(kit_file(real(GROUND_TRUTH)), wnid_of, table)
    assert truth[:5] == [490, 361, 171, 822, 297]
    assert np.bincount(truth, minlength=1001)[1:].tolist() == [50] * 1000


def test_from_the_archives_to_ten_views(source, tmp_path):
    out = tmp_path / "set"
    result = run("prepare", source, out, "--workers", 2)
    assert result.status == 0, result.err
    assert "images in 10 classes; 40 for validation; 2 shards" in result.out
    assert "skipped  nothing" in result.out
    assert f"train --data {out}" in result.out
    again = run("prepare", source, out)
    assert again.status == 0 and again.out.startswith("nothing left to do\n")

    dataset = open_dataset(out, "train", 224)
    assert dataset.classes[0] == "n01440764 tench, Tinca tinca" and len(dataset) >= 80
    # ImageNet's known mean is 124, 117, 104; that of ten classes is near it.
    assert abs(dataset.statistics.mean.mean((1, 2)) - (124, 117, 104)).max() < 25
    images = np.stack([dataset.load(i) for i in range(len(dataset))])
    assert images.std(axis=(1, 2, 3)).min() > 5  # none of them is blank, though some are pale

    trained = train("--data", out, "--epochs", 1, "--out", tmp_path / "run")
    assert "40 for validation" in trained.out
    for views, lines in ((1, 1), (10, 2)):  # beside ten views, one
        evaluated = run("eval", "--checkpoint", tmp_path / "run", "--views", views)
        assert evaluated.status == 0, evaluated.err
        assert "40 validation images" in evaluated.out
        assert len(percentages(evaluated.out)) == 2 * lines  # top-1 and top-5 error


def test_a_folder_of_classes_gives_the_same_set_as_the_archives(source, tmp_path):
    folder = tmp_path / "photos"
    with tarfile.open(source / TRAIN) as outer:
        for member in outer:
            place = folder / "train" / member.name.removesuffix(".tar")
            place.mkdir(parents=True)
            with tarfile.open(fileobj=outer.extractfile(member)) as inner:
                for file in inner:
                    (place / file.name).write_bytes(inner.extractfile(file).read())
    wnid_of = {row.number: row.wnid for row in read_classes(kit_file(source / IDS[0]))}
    truth = (source / GROUND_TRUTH).read_text().split()
    with tarfile.open(source / VAL) as tar:
        for number, member in zip(truth, tar):
            place = folder / "val" / wnid_of[int(number)]
            place.mkdir(parents=True, exist_ok=True)
            (place / member.name).write_bytes(tar.extractfile(member).read())
    (folder / "synset_words.txt").write_bytes((source / "synset_words.txt").read_bytes())
    for path, out in ((source, "archives"), (folder, "folder")):
        prepare_quietly(path, tmp_path / out, shard_images=50)
    archives, folders = contents(tmp_path / "archives"), contents(tmp_path / "folder")
    same = {name for name in archives if archives[name] == folders[name]}
    # except for the order of the validation images, which the archives number
    others = {"val-000000.tar", "val.index", "dataset.json", ".progress.npz"}
    assert {*archives} - same == others
    assert archives.keys() == folders.keys()


def test_photographs_of_all_sizes_look_as_they_did(tmp_path):
    files = photographs("imagenet-original-sizes.tar", "train")
    chosen = [item for wnid in sorted(files) for item in files[wnid]]
    named = {f"{s}/{name[:9]}/{name}": data for s in ("train", "val") for name, data in chosen}
    (tmp_path / "photos.tar").write_bytes(tar_of(named))
    quiet = prepare_quietly(tmp_path / "photos.tar", tmp_path / "set", shard_images=25)
    assert quiet.warnings == [] and (tmp_path / "set" / "skipped.txt").read_bytes() == b""
    original = open_dataset(tmp_path / "photos.tar", "val", 224)
    prepared = open_dataset(tmp_path / "set", "val", 224)
    pairs = [(original.read(i).astype(int), prepared.read(i)) for i in range(len(original))]
    errors = np.array([np.sqrt(((a - b) ** 2).mean()) for a, b in pairs])
    assert 2 < np.sqrt((errors**2).mean()) < 3.5  # 2.8 is what the recipe promises
    with tarfile.open(tmp_path / "set" / "val-000000.tar") as tar:
        modes = {
            Image.open(io.BytesIO(tar.extractfile(m).read())).mode for m in tar.getmembers()[::2]
        }
    assert modes == {"RGB", "L"}
