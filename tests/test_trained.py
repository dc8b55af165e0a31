"""The trained network that comes with tinynet: where it is from, and what it makes of any image."""

import importlib.util
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
from imports import ROOT
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file
from test_data_real import real
from tiny_runs import load_example, percentages, read_log, run

import tinynet
from tinynet.training.run_folder import find_checkpoint

TRAINED = load_example("cifar10").EXAMPLE.trained
CARD = (TRAINED.parent / "README.md").read_text(encoding="utf-8")
CHECKPOINT = find_checkpoint(TRAINED)


def header():
    """All but the arrays, read as any safetensors reader can."""
    with safe_open(CHECKPOINT, framework="numpy") as file:
        return json.loads(file.metadata()["tinynet"])


def made():
    """Where the network is from."""
    return header()["made"]


# --------------------------------------------------------------------------------- where it is from


def test_it_is_small_and_in_float32():
    files = [path for path in TRAINED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    arrays = load_file(CHECKPOINT)
    weights = [array for name, array in arrays.items() if name.startswith("model/")]
    assert {array.dtype for array in weights} == {np.dtype(np.float32)}
    assert sum(array.size for array in weights) == 145_578  # all that 80sec has


def test_it_says_where_it_is_from():
    """In the file, on its card and in its log the same."""
    about = made()
    python, program, *argv = shlex.split(about["command"])
    assert (python, program) == ("python", "examples/cifar10.py")
    assert argv == ["train", "--recipe", "80sec"]  # nothing but the recipe
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])
    last = read_log(TRAINED)[-1]
    assert (last["step"], last["val_top1_error"]) == (3900, about["val_top1_error"])
    state = tinynet.load(CHECKPOINT)
    assert (state["seed"], state["step"], state["trained_on"]) == (
        *(0, 3900, "cifar10, 50,000 images in 10 classes"),
    )
    for text in (about["command"], about["version"], f"{about['val_top1_error']:.2%}", "seed 0"):
        assert text in CARD.replace(" %", "%")


def test_it_keeps_what_its_recipe_promises():
    assert made()["val_top1_error"] <= 0.265
    result = run("compare", TRAINED, example="cifar10")
    assert result.status == 0, result.out
    assert "80sec, 10 of 10 epochs" in result.out and "differs" not in result.out
    assert result.out.endswith("inside the band to the end, 10 validations\n")


def test_no_path_of_the_machine_that_made_it_is_in_it():
    config, log = ((TRAINED / name).read_text() for name in ("config.json", "log.jsonl"))
    for text in (json.dumps(header()), config, log):
        assert not re.search(r'"[/~]|file:', text)


def test_its_error_on_the_test_images_is_what_its_card_says():
    result = run("eval", "--data", real("cifar-10-binary.tar.xz"), example="cifar10")
    assert result.status == 0, result.err
    assert "10,000 validation images, centre crop" in result.out
    error = float(percentages(result.out)[0].rstrip("%")) / 100
    # Logits that are equal but for their last bits may be ordered otherwise on another machine.
    assert abs(error - made()["val_top1_error"]) < 2.5 / 10_000


# ----------------------------------------------------------------------------- what it makes of any


def picture(h=32, w=32):
    """A few colours in blocks, uint8 (h, w, 3): a palette, too, can hold them."""
    rows, columns = np.arange(h)[:, None] * 4 // h, np.arange(w) * 5 // w
    return np.random.default_rng(2).integers(0, 256, (9, 3), np.uint8)[rows + columns]


def turned():
    """The same picture as a camera stores it that was held upright: on its side, with a note."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    return Image.fromarray(picture()).transpose(Image.Transpose.ROTATE_90), {"exif": exif}


def written(folder):
    """The picture in many ways, of which the network is to say the same; and the same in gray."""
    rgb = Image.fromarray(picture())
    gray, noise = rgb.convert("L"), Image.effect_noise((32, 32), 90).convert("RGB")
    on_its_side, note = turned()
    sixteen = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    rows = {
        "rgb.png": (rgb, {}),
        "rgb.bmp": (rgb, {}),
        "rgb.tiff": (rgb, {}),
        "rgb.ppm": (rgb, {}),
        "rgb.no_ending": (rgb, {"format": "PNG"}),
        "rgb_alpha.png": (rgb.convert("RGBA"), {}),
        "rgb_palette.png": (rgb.quantize(), {}),
        "rgb_animated.gif": (rgb.quantize(), {"save_all": True, "append_images": [noise]}),
        "rgb_animated.png": (rgb, {"save_all": True, "append_images": [noise]}),
        "rgb_turned.png": (on_its_side, note),
        "gray.png": (gray, {}),
        "gray_alpha.png": (gray.convert("LA"), {}),
        "gray_16_bits.png": (sixteen, {}),
        "gray_16_bits.tiff": (sixteen, {}),
    }
    for name, (image, options) in rows.items():
        image.save(folder / name, **options)
    return [folder / name for name in rows]


def answers(out):
    """What `predict` printed of each image: the lines of its classes by the image's name."""
    told, *rest = re.split(r"^(?=\S)", out, flags=re.MULTILINE)[1:]
    assert told.startswith("network  the trained 80sec that comes with tinynet, ")
    return {Path(lines[0]).name: lines[1:] for lines in (text.splitlines() for text in rest)}


def test_the_same_picture_in_any_form_gets_the_same_answer(tmp_path):
    result = run("predict", *written(tmp_path), example="cifar10")
    assert (result.status, result.err) == (0, "")
    found = answers(result.out)
    assert len(found) == 14 and found["rgb.png"] != found["gray.png"]
    for name, lines in found.items():
        assert lines == found["rgb.png" if name.startswith("rgb") else "gray.png"], name


def test_pictures_of_any_size_and_mode_get_an_answer(tmp_path):
    images = {
        **{f"{h}x{w}.png": Image.fromarray(picture(h, w)) for h, w in ((1, 1), (1, 900), (700, 2))},
        "large.jpg": Image.fromarray(picture(1500, 2000)),
        "cmyk.jpg": Image.fromarray(picture(90, 70)).convert("CMYK"),
        "bits.png": Image.fromarray(picture(90, 70)).convert("1"),
        "clear.png": Image.new("RGBA", (50, 40), (200, 0, 0, 0)),
    }
    for name, image in images.items():
        image.save(tmp_path / name)
    paths = [tmp_path / name for name in images]
    result = run("predict", *paths, "--top", 10, example="cifar10")
    assert (result.status, result.err) == (0, "")
    for lines in answers(result.out).values():
        assert {line.split("%  ")[1] for line in lines} == set(tinynet.load(CHECKPOINT)["classes"])
        assert abs(sum(float(line.split("%")[0]) for line in lines) - 100) < 0.06


def test_what_is_no_image_is_one_clear_line(tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(picture()).save(good)
    bad = {
        "empty.jpg": b"",
        "words.jpg": b"a cat, sitting",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "cut.png": good.read_bytes()[:100],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(np.ones((9, 9), np.float32)).save(tmp_path / "measured.tiff")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = [*bad, "measured.tiff", "folder.png", "pipe.png", "none.png"]
    paths = [tmp_path / name for name in names]
    result = run("predict", *paths, good, example="cifar10")
    assert result.status == 2
    lines = result.err.splitlines()
    assert len(lines) == len(paths)
    for line, path in zip(lines, paths):
        assert line.startswith(f"error: {path}: ") and "Traceback" not in line
    assert answers(result.out).keys() == {"good.png"}


def test_the_readme_shows_what_it_says(monkeypatch):
    spec = importlib.util.spec_from_file_location("ci", ROOT / ".ci" / "readme_commands.py")
    ci = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ci)
    blocks = ci.blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    ((text, shown),) = ((text, shown) for _, text, shown in blocks if "predict docs/" in text)
    monkeypatch.chdir(ROOT)
    python, program, *argv = text.split()
    assert (python, program) == ("python", "examples/cifar10.py")
    result = run(*argv, example="cifar10")
    assert (result.status, result.err) == (0, "")
    assert ci.difference(shown, result.out) is None
