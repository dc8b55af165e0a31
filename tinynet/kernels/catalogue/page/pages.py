"""The pages of tinynet's own kernels, of a .cu file each, and the index of a folder of them."""

import inspect
from functools import partial
from itertools import takewhile
from pathlib import Path

from tinynet.kernels import KERNELS, definitions
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.ahead import Ahead
from tinynet.kernels.catalogue.headers import opening
from tinynet.kernels.catalogue.page.document import Beside, Card, Text, index, write_page
from tinynet.kernels.catalogue.page.shown import shown
from tinynet.pages import template


def write_pages(kernels: list[str], path: Path, lang: str) -> tuple[list[Path], list[str]]:
    """Write the page of these kernels; into a folder, one for each of their files, and an index.

    Returns what was written, and what check mode found. ValueError if it cannot be.
    """
    files = list(dict.fromkeys(KERNELS[kernel].file for kernel in kernels))
    folder = path.is_dir() or path.suffix != ".html"
    if not folder and len(files) > 1:
        raise ValueError(
            f"--page {path}: a page is of one file, such as lrn: name it, or give a folder"
        )
    jobs = [partial(trials.compiled, real="float", mode=mode) for mode in ("profile", "check")]
    try:
        if folder:
            path.mkdir(parents=True, exist_ok=True)
        pages, found = [], []
        with Ahead(kernels, jobs) as ahead:
            for file in files:
                of_file = [kernel for kernel in kernels if KERNELS[kernel].file == file]
                ahead.wait_for(of_file[0])
                launches = [shown(kernel) for kernel in of_file]
                found += [str(each) for launch in launches for each in launch.findings or ()]
                pages.append(path / _name(file) if folder else path)
                write_page(pages[-1], text_of(of_file), launches, lang)
        return ([*pages, _write_index(path, lang)] if folder else pages), found
    except OSError as error:
        raise ValueError(f"--page {path}: {error.strerror or error}") from None


def text_of(kernels: list[str]) -> Text:
    """What the page of these kernels, of one file, is about."""
    kernel = KERNELS[kernels[0]]
    of_file = [name for name, other in KERNELS.items() if other.file == kernel.file]
    title = _stem(kernel.file) if kernels == of_file else " ".join(kernels)
    header = takewhile(lambda line: line.startswith("//"), kernel.source.splitlines())
    twin = Path(inspect.getsourcefile(kernel.twin)).read_text(encoding="utf-8")
    beside = [Beside("twin", twin)]
    if defined := _definition(kernels):
        beside.append(Beside("definition", defined))
    texts = {kernel.file: kernel.source.splitlines()}
    return Text(title, texts, tuple(header), tuple(opening(KERNELS[kernels[0]])), tuple(beside))


def _definition(kernels: list[str]) -> str:
    functions = dict(inspect.getmembers(definitions, inspect.isfunction))
    return "\n\n".join(inspect.getsource(functions[name]) for name in kernels if name in functions)


def _write_index(folder: Path, lang: str) -> Path:
    """The index lists all files; those that have no page in the folder, with how to make it."""
    cards = []
    for file in dict.fromkeys(kernel.file for kernel in KERNELS.values()):
        kernels = [name for name, kernel in KERNELS.items() if kernel.file == file]
        lines = tuple(opening(KERNELS[kernels[0]]))
        there = (folder / _name(file)).exists()
        cards.append(Card(_stem(file), tuple(kernels), lines, _name(file) if there else None))
    path = folder / "index.html"
    template.write(path, index(cards, lang))
    return path


def _stem(file: str) -> str:
    return file.removesuffix(".cu")


def _name(file: str) -> str:
    return f"{_stem(file)}.html"
