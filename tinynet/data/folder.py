"""A folder or a `.tar` with one sub-folder per class, as ImageNet is usually kept:

    [top/] train/ n01440764/ *.JPEG          [top/] val/ n01440764/ *.JPEG
                  n01443537/ *.JPEG                      n01443537/ *.JPEG

Classes are numbered in the order of their folders' names. If there is a `synset_words.txt` in the
folder or archive, or beside it, WordNet ids get their words: "n01440764 tench, Tinca tinca".
"""

import os
from pathlib import Path

import numpy as np

from tinynet.data.dataset import Dataset
from tinynet.data.errors import BadImage, DataError
from tinynet.data.images import decode_image
from tinynet.data.synsets import class_names, read_synset_words
from tinynet.data.tree import Folder, Tar, Tree

SPLITS = ("train", "val")
# A file's ending decides only whether it is tried; one without an ending is tried too.
JPEG, PORTABLE = (".jpg", ".jpeg", ".jfif"), (".ppm", ".pgm")
NOT_NAMED = "not named like an image"
ENDINGS = (*JPEG, ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", *PORTABLE, "")


class FolderDataset(Dataset):
    """The images of `split` below `path`, a folder or a plain `.tar`.

    Also has `tree`, the folder or tar; `files`, the images' paths in it, all below `parent`;
    `folders`, the names of the class folders; `synset_words`, that file's text and its place.
    """

    prepared = False  # photographs of any size

    def __init__(
        self,
        path: Path,
        split: str,
        image_size: int,
        store_size: int,
        tree: Tree | None = None,  # of another split, already listed
    ) -> None:
        self.tree = tree or (Folder(path) if path.is_dir() else Tar(path))
        top = _find_top(self.tree, path)
        self.folders = _class_folders(self.tree, path, top, split)
        self.parent = top + split
        self.files, labels, ignored = _list_images(self.tree, path, self.parent, self.folders)
        self.synset_words = read_synset_words(self.tree, path, top)
        super().__init__(
            path.resolve().name.removesuffix(".tar"),
            split,
            class_names(self.folders, self.synset_words[0]),
            labels,
            image_size,
            store_size,
        )
        self.ignored = {self.tree.describe(file): reason for file, reason in ignored.items()}

    def read(self, i: int) -> np.ndarray:
        try:
            data = self.tree.read(self.files[i])
        except OSError as error:
            raise BadImage(self.describe(i), error.strerror or str(error)) from error
        return decode_image(data, self.store_size, self.describe(i))

    def describe(self, i: int) -> str:
        return self.tree.describe(self.files[i])


def _wanted(path: Path) -> str:
    return (
        f"wanted train/ and val/, each with one sub-folder per class, in {path} or in a folder "
        "directly below it"
    )


def _instead(tree: Tree, *paths: str) -> str:
    """What stands where one of these folders should be: " (train is a file)"; "" if nothing."""
    found = ((path, tree.odd(path)) for path in paths)
    return next((f" ({path} is {what})" for path, what in found if what), "")


def _find_top(tree: Tree, path: Path) -> str:
    """What precedes train/ and val/: "", or the one top folder with its "/"."""
    tops = tree.folders("")
    if any(split in tops for split in SPLITS):
        return ""
    found = [top for top in tops if any(split in tree.folders(top) for split in SPLITS)]
    if len(found) > 1:
        raise DataError(f"{path}: {', '.join(found)} all have train/ or val/: give one of them")
    if not found:
        instead = _instead(tree, *SPLITS)
        raise DataError(f"{path}: neither train/ nor val/{instead}: {_wanted(path)}")
    return found[0] + "/"


def _class_folders(tree: Tree, path: Path, top: str, split: str) -> list[str]:
    """The names of the class folders of `split`; those of val must be those of train."""
    there = [name for name in SPLITS if name in tree.folders(top.rstrip("/"))]
    if split not in there:
        instead = _instead(tree, top + split)
        raise DataError(f"{path}: no {top}{split}/{instead}: {_wanted(path)}")
    classes = {name: tree.folders(top + name) for name in there}
    if not classes[split]:
        raise DataError(f"{path}: no class folders in {top}{split}/: {_wanted(path)}")
    if split == "val" and "train" in there:
        for name in sorted(set(classes["train"]) ^ set(classes["val"])):
            lacks = "val" if name in classes["train"] else "train"
            raise DataError(
                f"{path}: no class folder {name} in {top}{lacks}/"
                f"{_instead(tree, f'{top}{lacks}/{name}')}: train/ and val/ must have the same "
                "classes"
            )
    return classes[split]


def _list_images(
    tree: Tree, path: Path, parent: str, folders: list[str]
) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """The image files below `parent`, their labels, and what is left out for what reason."""
    label_of = {folder: label for label, folder in enumerate(folders)}
    files, labels = [], []
    found, ignored = tree.files(parent)
    for file in found:
        folder, _, inner = file[len(parent) + 1 :].partition("/")
        if inner and os.path.splitext(inner)[1].lower() in ENDINGS:
            files.append(file)
            labels.append(label_of[folder])
        else:
            ignored[file] = NOT_NAMED
    counts = np.bincount(np.array(labels, np.int64), minlength=len(folders))
    if not counts.all():
        raise DataError(
            f"{path}: no images in the class folder {parent}/{folders[counts.argmin()]}"
        )
    return files, np.array(labels), ignored
