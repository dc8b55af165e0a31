"""What figures are drawn on: the same picture whatever the user's matplotlib is set to, and letters
that its own font lacks."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from PIL import Image

from tinynet.reports import canvas, plot

DRAW = """
import sys
from pathlib import Path
import numpy as np
from tinynet.reports import plot
plot.neighbours([[np.zeros((3, 8, 8), np.uint8)]], [["cat"]], Path(sys.argv[1]))
"""


def draw(file, name="cat"):
    plot.neighbours([[np.zeros((3, 8, 8), np.uint8)]], [[name]], file)
    return file.read_bytes()


def draw_predictions(file, name):
    image = np.full((3, 8, 8), 128, np.uint8)
    plot.predictions([image], [name], [[(name, 0.5)]], file, [name])


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "no such backend", "qtagg"]
)
def test_a_backend_that_is_not_here(tmp_path, backend, monkeypatch):
    """As every command gets that is started from a notebook."""
    monkeypatch.setenv("MPLBACKEND", backend)
    result = subprocess.run(
        [sys.executable, "-c", DRAW, tmp_path / "a.png"], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "a.png").read_bytes() == draw(tmp_path / "b.png")


@pytest.mark.parametrize(
    "settings", [b"text.usetex: True\nfigure.dpi: 30", b"no.such.key: 1", b"\xff\xfe: 3"]
)
def test_the_users_settings_file(tmp_path, settings, monkeypatch):
    (tmp_path / "matplotlibrc").write_bytes(settings)
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    draws_as_usual(tmp_path)


def draws_as_usual(tmp_path, directory="/"):
    result = subprocess.run(
        [sys.executable, "-c", DRAW, tmp_path / "a.png"],
        capture_output=True,
        text=True,
        cwd=directory,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "a.png").read_bytes() == draw(tmp_path / "b.png")


@pytest.mark.parametrize(
    "settings", [b"text.usetex: True", b"no.such.key: 1", b"\xff\xfe: 3", None]
)
def test_a_settings_file_in_the_current_directory(tmp_path, settings):
    """It comes before all others; a FIFO of this name would be waited for."""
    if settings is None:
        os.mkfifo(tmp_path / "matplotlibrc")
    else:
        (tmp_path / "matplotlibrc").write_bytes(settings)
    draws_as_usual(tmp_path, tmp_path)


def test_settings_made_in_this_process_stay_and_do_not_count(tmp_path):
    usual = draw(tmp_path / "a.png")
    theirs = {"text.usetex": True, "font.size": 40, "axes.titlecolor": "red"}
    with matplotlib.rc_context(theirs):
        assert draw(tmp_path / "b.png") == usual
        assert all(matplotlib.rcParams[key] == value for key, value in theirs.items())


def test_the_environment_stays_as_it_was(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "mine")
    monkeypatch.delenv("MATPLOTLIBRC", raising=False)
    before = dict(canvas.os.environ)
    exists = os.path.exists
    with canvas.without_settings():
        assert canvas.os.environ["MPLBACKEND"] == "agg"
    assert dict(canvas.os.environ) == before and os.path.exists is exists


def test_dollar_signs_are_no_mathematics(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, file, dpi: drawn.append(figure))
    draw_predictions(tmp_path / "a.png", "$x^2$")
    texts = {text.get_text(): text.get_parse_math() for text in drawn[0].findobj(canvas.Text)}
    assert texts["truth: $x^2$"] is texts["\N{CHECK MARK} $x^2$  50.0 %"] is False
    monkeypatch.undo()
    draw_predictions(tmp_path / "a.png", "$\\no$")  # as mathematics, an error


@pytest.mark.parametrize("name", ["caf\udce9", "\x1b[2J", "a\nb", "\u202egnp.tac", "\0", ""])
def test_names_that_are_no_text(tmp_path, name):
    draw(tmp_path / "a.png", name)
    draw_predictions(tmp_path / "b.png", name)


# ---------------------------------------------------------------- letters


@pytest.fixture
def font_of(tmp_path):
    """Installs a font whose letters are all filled squares, beside matplotlib's usual one alone."""
    installed = fontManager.ttflist
    fontManager.ttflist = [font for font in installed if font.name == canvas.USUAL]

    def install(family, letters):
        pen = TTGlyphPen(None)
        for move, point in zip(
            (pen.moveTo, *[pen.lineTo] * 3), ((0, 0), (0, 1000), (1000, 1000), (1000, 0))
        ):
            move(point)
        pen.closePath()
        names = [".notdef", *(f"u{ord(letter):x}" for letter in letters)]
        font = FontBuilder(1000, isTTF=True)
        font.setupGlyphOrder(names)
        font.setupCharacterMap(dict(zip(map(ord, letters), names[1:])))
        font.setupGlyf(dict.fromkeys(names, pen.glyph()))
        font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
        font.setupHorizontalHeader(ascent=1000, descent=0)
        font.setupNameTable({"familyName": family, "styleName": "Regular"})
        font.setupOS2()
        font.setupPost()
        font.save(tmp_path / f"{family}.ttf")
        fontManager.addfont(tmp_path / f"{family}.ttf")

    yield install
    fontManager.ttflist = installed


def test_letters_that_the_usual_font_lacks_come_from_one_that_has_them(tmp_path, font_of):
    before = draw(tmp_path / "before.png", "\u6771\u4eac")
    font_of("Squares", "\u6771\u4eac")
    assert canvas.families_for(["cat", "\u6771\u4eac"]) == ["DejaVu Sans", "Squares"]
    assert draw(tmp_path / "after.png", "\u6771\u4eac") != before
    with Image.open(tmp_path / "after.png") as image:  # filled: more of the title is black
        title = np.asarray(image.convert("L"))[30:60]
    with Image.open(tmp_path / "before.png") as image:
        boxes = np.asarray(image.convert("L"))[30:60]
    assert (title < 50).sum() > 1.5 * (boxes < 50).sum()


def test_few_fonts_are_taken(font_of):
    font_of("Kana", "\u3042")
    font_of("Kana and Kanji", "\u3042\u6771")
    font_of("Hangul", "\uac00")
    usual = ["DejaVu Sans"]
    assert canvas.families_for(["abc \xe9 \u0416"]) == usual
    assert canvas.families_for(["\u3042\u6771"]) == [*usual, "Kana and Kanji"]
    assert canvas.families_for(["\uac00", "\u3042\u6771"]) == [*usual, "Kana and Kanji", "Hangul"]


def test_letters_that_no_font_has_are_boxes(tmp_path):
    """And no warning: the tests turn those into errors."""
    draw(tmp_path / "a.png", "\U00013000 \u6771")
    assert "\U00013000" not in canvas.families_for(["\U00013000"])
