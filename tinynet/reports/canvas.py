"""What the figures are drawn on: matplotlib's Agg canvas with its own defaults, and a PNG file.

The user's settings of matplotlib are left out, since they may ask for what is not here: a window,
a notebook, LaTeX. A letter that the usual font lacks is drawn with one of the system's that has it.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

from tinynet.console.printable import printable
from tinynet.files.whole_file import whole_file


@contextmanager
def without_settings() -> Iterator[None]:
    """Inside `with`, `import matplotlib` reads no settings: some it refuses with an error.

    Those in the current directory come before those that the environment names, so they are hidden.
    To leave the directory instead would mislead other threads that work in it.
    """
    ours = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    exists = os.path.exists
    os.path.exists = lambda path: path != "matplotlibrc" and exists(path)
    try:
        yield
    finally:
        os.path.exists = exists
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


with without_settings():
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager, get_font
    from matplotlib.text import Text

USUAL = "DejaVu Sans"  # comes with matplotlib
BOXES = "Last Resort"  # so does a font that has a box for every letter there is


def with_defaults(draw: Callable) -> Callable:
    """Decorates a function that draws a figure: in it, matplotlib's defaults hold.

    Dollar signs in names are dollar signs, and begin no mathematics.
    """

    @wraps(draw)
    def drawn(*args, **kwargs):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams["text.parse_math"] = False
            return draw(*args, **kwargs)

    return drawn


def save(figure: Figure, file: Path, dpi: int) -> None:
    """Write a PNG, whatever the file is called. If that fails, OSError names the file."""
    texts = figure.findobj(Text)
    for text in texts:
        text.set_text("\n".join(map(printable, text.get_text().split("\n"))))
    families = families_for(text.get_text() for text in texts)
    for text in texts:
        text.set_fontfamily(families)
    FigureCanvasAgg(figure)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as whole, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a letter that no font has is a box
            figure.savefig(whole, dpi=dpi, format="png")
    except OSError as error:
        wanted = "wanted disk space and permission to write this figure"
        reason = f"{error.strerror or error}: {wanted}"
        raise OSError(error.errno, reason, str(file)) from error


def families_for(texts: Iterable[str]) -> list[str]:
    """The usual font, then those others of this system that have the letters it lacks: few."""
    files = _font_files()
    families = [USUAL]
    missing = {ord(letter) for text in texts for letter in text} - {ord("\n")}
    missing -= _letters(files.pop(USUAL))
    found = {name: missing & _letters(file) for name, file in files.items()} if missing else {}
    while missing and found:
        best = max(found, key=lambda name: len(found[name] & missing))
        if not found[best] & missing:
            break  # what is left, no font has
        families.append(best)
        missing -= found[best]
    return families


def _font_files() -> dict[str, str]:
    """Of each upright font, the file whose letters are of the most usual weight."""
    upright = [f for f in fontManager.ttflist if f.style == "normal" and BOXES not in f.name]
    upright.sort(key=lambda f: (f.name, -abs(f.weight - 400), f.fname))
    return {f.name: f.fname for f in upright}


def _letters(file: str) -> set[int]:
    """The letters that a font has, by their numbers in Unicode."""
    try:
        return set(get_font(file).get_charmap())
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or a font of bitmaps
        return set()
