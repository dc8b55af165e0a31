"""report.html: what is in it is what the run's files say; what is missing is said, and no more."""

import base64
import json
import re
import shutil

import numpy as np
import pytest
from tiny_runs import last_checkpoint, load_example, read_log, run, train

import tinynet
from tinynet.pages import template
from tinynet.reports.page import curves, document, packing
from tinynet.reports.page.words import WORDS

SECTIONS = ("curves", "judged", "filters", "near", "layers", "settings", "live")


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    args = ("--profile", "modern", "--epochs", "2", "--lr", "0.003")
    train("--data", photos, *args, "--out", out)
    return out


@pytest.fixture
def a_copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def page_of(folder):
    """The page's HTML, and what is recorded in it."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    text = re.search(r'<script type="application/json" id="recorded">(.*?)</script>', html, re.S)
    return html, json.loads(text[1])


def made(folder, *args, status=0, **kwargs):
    result = run("report", "--run", folder, *args, **kwargs)
    assert result.status == status, result.err
    assert all(line.startswith(("error: ", "skipped ")) for line in result.err.splitlines())
    return *page_of(folder), result


def test_a_page_of_a_run_has_all_sections_and_needs_nothing_else(a_copy):
    html, page, result = made(a_copy)
    assert result.out == f"report      {a_copy / 'report.html'}\n"
    assert page.keys() >= set(SECTIONS) and page["missing"] == {}
    assert len(html.encode()) <= 5_000_000
    assert "default-src 'none'" in html
    without_pictures = re.sub(r"data:image/\w+;base64,[\w+/=]+", "", html)
    without_names = without_pictures.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"\bhref=\"(?!#)|@import|url\(|https?://", without_names)


def test_curves_are_those_of_the_log(a_copy):
    _, page, _ = made(a_copy)
    log = read_log(a_copy)
    validation = [[line["step"], line["val_loss"]] for line in log if "val_loss" in line]
    assert [p[:2] for p in page["curves"]["validation"]] == [
        [step, round(loss, 6)] for step, loss in validation
    ]
    assert [p[:2] for p in page["curves"]["training"]] == [
        [line["step"] - 0.5, round(line["loss"], 6)] for line in log if "loss" in line
    ]
    assert page["curves"]["steps_per_epoch"] == 5 and page["curves"]["last"] == 10
    (start, *drops) = page["curves"]["changes"]
    assert start["step"] == 0 and start["lr"]["weights"] == 0.003 and drops
    best = min(line["val_top1_error"] for line in log if "val_loss" in line)
    assert page["facts"]["best"]["error"] == best


def test_a_long_run_has_no_more_points_than_a_screen():
    points = [[float(step), 1.0 * (step % 3), 0.5, 0.0] for step in range(3000)]
    found = curves.fewer(points)
    assert len(found) == 1000
    assert found[0] == [1.0, 1.0, 0.5, 0.0] and found[-1] == [2998.0, 1.0, 0.5, 0.0]
    assert curves.fewer(points[:1000]) == points[:1000] and curves.fewer([]) == []
    assert len(curves.fewer(points[:1001])) == 501


def test_what_the_doctor_said_stands_at_its_step(a_copy):
    lines = read_log(a_copy)
    lines[3]["doctor"] = ["units are dead </script>"]
    (a_copy / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    html, page, _ = made(a_copy)
    said = {"step": lines[3]["step"], "text": "units are dead </script>"}
    assert said in page["curves"]["doctor"]
    assert html.count("</script>") == 3


def test_judgements_filters_neighbours_and_layers(a_copy):
    _, page, _ = made(a_copy)
    judged = page["judged"]
    counts = np.array(judged["counts"])
    assert counts.sum() == judged["images"] == 12
    assert counts.sum() - counts.trace() == judged["wrong"] == len(judged["mistakes"])
    surest = [m["probability"] for m in judged["mistakes"]]
    assert surest == sorted(surest, reverse=True)
    assert all(m["truth"] != m["said"] for m in judged["mistakes"])
    assert len(page["near"]) == 5 and all(len(row["near"]) == 6 for row in page["near"])
    state = tinynet.load(last_checkpoint(a_copy))["model"]
    assert sum(row["parameters"] for row in page["layers"]) == sum(a.size for a in state.values())
    steps = [each["step"] for each in page["filters"]["steps"]]
    assert steps == [0, 5, 10]  # before training, and the checkpoints of two epochs
    first, *_, last = (each["pixels"] for each in page["filters"]["steps"])
    assert first != last
    assert page["filters"]["count"] == len(state["conv1.weight"]) and page["filters"]["towers"] == 2


def test_on_two_devices_it_is_the_same_page(a_copy):
    _, one, _ = made(a_copy)
    _, two, _ = made(a_copy, "--devices", "cpu,cpu")
    assert one.keys() == two.keys()
    for name in ("layers", "filters", "settings"):
        assert one[name] == two[name]
    assert one["live"]["layers"] == two["live"]["layers"] and two["live"]["arrays"]


def test_settings_that_are_not_the_papers_are_marked(a_copy):
    _, page, _ = made(a_copy)
    rows = {row["name"]: row for row in page["settings"]["rows"]}
    assert (rows["image_size"]["value"], rows["image_size"]["original"]) == ("64", "224")
    assert rows["momentum"]["original"] is None and rows["seed"]["original"] is None
    assert page["settings"]["original"] == "paper"
    assert "dropout" in {point["name"] for point in page["settings"]["network"]}


# ---------------------------------------------------------------- what is missing


def missing(folder, *args, **kwargs):
    _, page, result = made(folder, *args, status=2, **kwargs)
    assert set(page["missing"]) == {
        line.split("has no section ")[1].split(":")[0]
        for line in result.err.splitlines()
        if line.startswith("error: ")
    }
    shown = {name for name in SECTIONS if page.get(name)}
    assert shown | set(page["missing"]) >= set(SECTIONS)
    return page


def test_without_checkpoints(a_copy):
    shutil.rmtree(a_copy / "checkpoints")
    page = missing(a_copy)
    assert set(page["missing"]) == {"filters", "judged", "near", "live"}
    assert "holds no checkpoint" in page["missing"]["live"]
    assert page["curves"] and page["settings"] and page["layers"]


def test_without_its_data(a_copy, tmp_path):
    page = missing(a_copy, "--data", tmp_path / "nothing")
    assert set(page["missing"]) == {"judged", "near"}
    assert "no such dataset" in page["missing"]["near"]
    assert page["live"]["images"] == [] and page["live"]["layers"] and page["filters"]


def test_data_of_other_classes(a_copy):
    page = missing(a_copy, "--data", "shapes")
    assert set(page["missing"]) == {"judged", "near"} and page["live"]["images"] == []
    assert "knows 2 classes (green, red)" in page["missing"]["judged"]


def test_another_versions_checkpoints_and_settings(a_copy):
    for path in (a_copy / "checkpoints").iterdir():
        state = tinynet.load(path)
        path.unlink()  # best is another name of it
        tinynet.save(path, {**state, "profile": "of tomorrow"})
    page = missing(a_copy)
    assert set(page["missing"]) == {"filters", "judged", "near", "live"}
    assert "of tomorrow" in page["missing"]["live"]
    config = json.loads((a_copy / "config.json").read_text())
    del config["image_size"]
    (a_copy / "config.json").write_text(json.dumps(config))
    page = missing(a_copy)
    assert set(page["missing"]) == set(SECTIONS) - {"curves"}


def test_a_damaged_checkpoint_is_left_out_of_the_filters(a_copy):
    first = min((a_copy / "checkpoints").glob("step-*"))
    first.unlink()
    first.write_bytes(b"nothing")
    result = run("report", "--run", a_copy)
    assert result.status == 0 and "note: left out of the filters: " in result.err
    _, page = page_of(a_copy)
    assert len(page["filters"]["steps"]) in (2, 3)  # the best may be the damaged one's second name


def test_a_damaged_log_and_damaged_settings(a_copy):
    (a_copy / "log.jsonl").write_text("nothing\n")
    (a_copy / "config.json").write_text("{")
    page = missing(a_copy)
    assert set(page["missing"]) == {"curves", "settings"} and page["live"]["images"]


def test_without_a_log_and_without_training_images(a_copy, photos, tmp_path):
    (a_copy / "log.jsonl").unlink()
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    for path in data.glob("train/*/*"):
        path.write_bytes(b"no image")
    page = missing(a_copy, "--data", data)
    assert set(page["missing"]) == {"curves", "near"}
    assert page["missing"]["curves"] == f"{a_copy / 'log.jsonl'} is missing"
    assert page["judged"]["images"] == 12


def test_a_run_that_was_trained_elsewhere_has_no_curves(a_copy):
    """What `import` leaves is best.safetensors alone."""
    for path in (*a_copy.glob("checkpoints/step-*"), *a_copy.glob("*.json*")):
        path.unlink()
    _, page, _ = made(a_copy)
    assert page["curves"] is None and page["settings"]["rows"] and page["near"]


@pytest.mark.parametrize("what", ["nothing", "a file", "an empty folder", "another example's"])
def test_no_run(a_copy, tmp_path, what):
    path, example = tmp_path / "other", "alexnet"
    if what == "a file":
        path.write_text("")
    if what == "an empty folder":
        path.mkdir()
    if what == "another example's":
        path, example = a_copy, "cifar10"
    result = run("report", "--run", path, example=example)
    assert result.status == 2
    assert result.err.count("\n") == 1 and result.err.startswith("error: ")
    assert not (path / "report.html").exists()


def test_where_it_cannot_be_written(a_copy):
    (a_copy / "report.html").mkdir()
    result = run("report", "--run", a_copy)
    assert result.status == 2
    assert result.err == f"error: {a_copy / 'report.html'}: Is a directory\n"


NAMES = (
    "</script><img src=x onerror=alert(1)>",
    "ברוש \u202eתחתית",
    "한글 고양이",
    "&lt;b&gt; 猫 \x07",
)


def test_class_names_in_any_script(photos, tmp_path):
    data = tmp_path / "data"
    for split in ("train", "val"):
        for old, new in zip(("green", "red"), (NAMES[1], NAMES[2])):
            shutil.copytree(photos / split / old, data / split / new)
    out = tmp_path / "run"
    train("--data", data, "--profile", "modern", "--steps", "1", "--epochs", "1", "--out", out)
    names = out / "names"
    names.write_text(f"{NAMES[0]}\n{NAMES[3]}\n", encoding="utf-8")
    html, page, _ = made(out)
    assert page["live"]["classes"] == ["ברוש \\u202eתחתית", NAMES[2]]
    html, page, _ = made(out, "--names", names)
    assert page["live"]["classes"] == [NAMES[0], "&lt;b&gt; 猫 \\x07"]
    assert html.count("</script>") == 3 and "onerror=alert(1)>" in html


def test_half_a_letter_can_be_written():
    text = template.in_script({"name": "caf\udce9</b>"})
    assert json.loads(text) == {"name": "caf\udce9</b>"}
    assert text.encode() and "<" not in text


# ---------------------------------------------------------------- large networks


def test_a_large_network_has_the_rest_of_the_page_and_says_why(a_copy, monkeypatch):
    monkeypatch.setattr(document, "MOST", 300_000)
    html, page, _ = made(a_copy)
    assert "weights do not fit: at 4 bits each they take" in page["live"]["why"]
    assert "layers" not in page["live"] and page["judged"] and page["missing"] == {}
    assert len(html.encode()) <= 300_000


def test_what_takes_most_is_rounded_first():
    counts = {"small": 10, "large": 1000, "less": 500}
    assert packing.bits_for(counts, 6040) == {"small": 32, "large": 32, "less": 32}
    assert packing.bits_for(counts, 6039) == {"small": 32, "large": 16, "less": 32}
    assert packing.bits_for(counts, 4039) == {"small": 32, "large": 16, "less": 16}
    assert packing.bits_for(counts, 3039) == {"small": 32, "large": 15, "less": 16}
    assert packing.bits_for(counts, 789) == {"small": 16, "large": 4, "less": 4}
    assert packing.bits_for(counts, 755) == {"small": 4, "large": 4, "less": 4}
    assert packing.bits_for(counts, 754) is None


@pytest.mark.parametrize("bits", packing.BITS)
def test_packing(bits):
    """By a decoder of whole numbers; the error is half a step of each row at most."""
    weight = np.random.default_rng(0).normal(0, [[1], [100], [0]], (3, 7)).astype(np.float32)
    found = packing.rounded(weight.reshape(3, 7, 1), bits).reshape(3, 7)
    data = packing.packed(weight.reshape(3, 7, 1), bits)
    if bits == 32:
        assert data == weight.tobytes() and (found == weight).all()
        return
    scales, rest = np.frombuffer(data[:12], "<f4"), int.from_bytes(data[12:], "big")
    last = 8 * (len(data) - 12) - bits
    most = 2 ** (bits - 1) - 1
    whole = [(rest >> last - bits * i & 2**bits - 1) - most for i in range(21)]
    assert (np.float32(whole).reshape(3, 7) * scales[:, None] == found).all()
    assert (np.abs(found - weight) <= 0.501 * np.abs(weight).max(1, keepdims=True) / most).all()


def test_bytes_as_letters():
    """By Python's own base 85, which has other letters: ours skip what HTML or JSON would see."""
    data = np.random.default_rng(0).bytes(1000) + b"\xff\xff\xff\xff\0\0\0\0\1"
    text = packing.as_text(data)
    others = (
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    )
    same = base64.b85decode(text.encode().translate(bytes.maketrans(packing.LETTERS, others)))
    assert same == data + bytes(-len(data) % 4)
    assert len(packing.LETTERS) == 85 and not set(packing.LETTERS.decode()) & set("<&\\\"' ")


# ---------------------------------------------------------------- words


def test_the_words_are_the_same_in_each_language():
    english = WORDS["en"]
    for lang, words in WORDS.items():
        assert words.keys() == english.keys(), lang
        for key, word in words.items():
            names = re.findall(r"\{(\w+)\}", english[key])
            assert set(re.findall(r"\{(\w+)\}", word)) <= set(names), key


def test_every_word_is_used_and_none_is_missing():
    scripts = "\n".join(template.texts(document.WEB, document.SCRIPTS))
    (html,) = template.texts(document.WEB, ("report.html",))
    calls = " ".join(re.findall(r"(?:say|help)\(([^,)]*)", scripts))  # say(one ? "a" : "b", ...)
    used = set(re.findall(r'"(\w+)"', calls)) | set(re.findall(r"{{(\w+)}}", html))
    filled = {"lang", "heading", "run", "style", "recorded", "weights", "script"}
    assert used - filled <= WORDS["en"].keys()
    made_up = re.compile(
        ".*_1$|head_|kind_|view_|patch_|red$|green$|blue$|training|validation|top5|loss|error"
    )
    plain = {key for key in WORDS["en"] if not made_up.match(key)}
    unused = {key for key in plain - used if f'"{key}"' not in scripts}
    assert unused == set()


def test_a_page_in_korean(a_copy):
    html, page, _ = made(a_copy, "--lang", "ko")
    assert '<html lang="ko">' in html and page["words"]["curves"] == "학습 곡선"


@pytest.mark.parametrize(
    ("example", "args"), [("cifar10", ("--recipe", "18pct", "--width", "0.2")), ("lenet", ())]
)
def test_of_the_other_examples(photos, tmp_path, example, args):
    out = tmp_path / "run"
    size = ("--image-size", "16") if example == "cifar10" else ()
    common = ("--steps", "1", "--epochs", "1", "--batch-size", "8", "--data", photos, "--out", out)
    assert run("train", *size, *args, *common, example=example).status == 0
    _, page, _ = made(out, example=example)
    assert page["settings"]["original"] == load_example(example).EXAMPLE.original or "18pct"
    assert page["settings"]["network"] is None and page["judged"] and page["near"]
