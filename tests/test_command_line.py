"""The commands as a user types them: what they print, and how they end as programs."""

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios

import pytest
from tiny_runs import (
    EXAMPLES,
    TINY,
    arguments,
    last_checkpoint,
    load_example,
    percentages,
    read_log,
    run,
    start,
    train,
)

from tinynet.commands import gradient_cases
from tinynet.gradient_check import GradcheckError
from tinynet.ops.conv import Conv2d
from tinynet.reports import summary
from tinynet.tensor import Tensor
from tinynet.training.run_folder import find_checkpoint

# ---------------------------------------------------------------- what is printed


def test_train_tells_what_it_does_and_what_to_type_next(photos, tmp_path):
    result = train("--profile", "owt", "--data", photos, "--epochs", 2, "--out", tmp_path / "run")
    assert "photos" in result.out and "40 images in 2 classes; 12 for validation" in result.out
    lines = [line for line in result.out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    validation = [line for line in read_log(tmp_path / "run") if "val_loss" in line]
    for shown, logged in zip(lines, validation):
        assert f"val loss {logged['val_loss']:.4f}" in shown
        assert f"top-1 error {logged['val_top1_error']:.2%}" in shown
        assert "lr 0.01" in shown
    *_, evaluation, prediction, figures, report = result.out.splitlines()
    assert f"eval --checkpoint {tmp_path / 'run'}" in evaluation
    assert f"predict --checkpoint {tmp_path / 'run'}" in prediction
    assert f"figures --run {tmp_path / 'run'}" in figures
    assert f"report --run {tmp_path / 'run'}" in report
    assert str(tmp_path / "run" / "log.jsonl") in result.out
    assert str(last_checkpoint(tmp_path / "run")) in result.out
    # Not a terminal: plain lines, one per interval.
    assert "\r" not in result.err and "\x1b" not in result.err
    progress = [line for line in result.err.splitlines() if line.startswith("epoch")]
    assert len(progress) == 10
    for word in ("loss", "top-1 error", "images/s", "waiting for data", "left"):
        assert word in progress[0]


def test_run_folder_gets_a_name_of_its_own(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train("--profile", "modern", "--data", photos, "--steps", 1)
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(rf"{photos.name}-modern-\d{{8}}-\d{{6}}", folder.name)


@pytest.mark.parametrize("columns", [150, 40])
def test_terminal_gets_a_bar(photos, tmp_path, columns):
    """A narrow one gets what matters: the step, and the time left."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))  # 40 rows
    args = ("--profile", "modern", "--data", str(photos), "--epochs", "1", "--out", "run")
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "alexnet.py", *arguments(("train", *TINY, *args))],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=tmp_path,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)
    assert process.wait(timeout=60) == 0
    shown = shown.decode()
    bars = [bar for bar in shown.split("\r") if re.match(r"epoch 1/1  \d/5  \d:\d\d left \|", bar)]
    assert bars  # not one for each step, where steps are short
    assert max(map(len, bars)) <= columns
    for text in ("loss", "images/s", "waiting for data"):
        assert (text in shown) == (columns == 150)


def test_predict_names_classes_with_probabilities(trained, photos):
    pictures = [photos / "val" / "red" / "0.png", photos / "val" / "green" / "1.png"]
    result = run("predict", "--checkpoint", trained, *pictures)
    assert result.status == 0
    lines = result.out.splitlines()
    assert [lines[0], lines[3]] == list(map(str, pictures))
    assert lines[1].endswith("red") and lines[4].endswith("green")
    for first, second in (lines[1:3], lines[4:6]):
        p, q = (float(line.split("%")[0]) for line in (first, second))
        assert p >= q and abs(p + q - 100) < 0.02  # two numbers rounded to hundredths
    assert len(run("predict", "--checkpoint", trained, "--top", 1, *pictures).out.splitlines()) == 4


def test_predict_goes_on_after_a_picture_that_cannot_be_read(trained, photos, tmp_path):
    bad, good = tmp_path / "bad.jpg", photos / "val" / "red" / "0.png"
    bad.write_bytes(b"no image")
    result = run("predict", "--checkpoint", trained, bad, tmp_path / "none.png", good)
    assert result.status == 2
    assert str(good) in result.out and str(bad) not in result.out
    errors = result.err.splitlines()
    assert len(errors) == 2 and all(line.startswith("error: ") for line in errors)
    assert str(bad) in errors[0] and "none.png" in errors[1]


def test_figure_that_cannot_be_written_is_one_line(trained, photos, tmp_path):
    picture = photos / "val" / "red" / "0.png"
    (tmp_path / "figure.png").mkdir()
    figure = ("--save-figure", tmp_path / "figure.png")
    result = run("predict", "--checkpoint", trained, picture, *figure)
    assert result.status == 2
    assert result.err.startswith("error: ") and result.err.count("\n") == 1


def test_eval_with_ten_views_and_of_an_ensemble(trained, photos, tmp_path):
    one = run("eval", "--checkpoint", trained, "--data", photos)
    assert one.status == 0 and "12 validation images, centre crop" in one.out
    assert len(percentages(one.out)) == 2
    ten = run("eval", "--checkpoint", trained, "--views", 10)
    assert "10 views" in ten.out
    lines = dict(line.split(maxsplit=1) for line in one.out.splitlines())
    assert f"1 view   {lines['val']}" in ten.out.splitlines()  # to compare with
    copy = shutil.copy(trained / "checkpoints" / "best.safetensors", tmp_path)
    twice = run("eval", "--checkpoint", trained, "--checkpoint", copy)
    assert percentages(twice.out) == 3 * percentages(one.out)  # together, and each alone
    assert twice.out.count("network ") == 2
    alone = [line for line in twice.out.splitlines() if line.startswith("alone ")]
    assert [line.split()[-1] for line in alone] == [str(find_checkpoint(trained)), str(copy)]


def test_summary_counts_the_published_network():
    result = run("summary")
    assert result.status == 0
    total = next(line for line in result.out.splitlines() if line.startswith("total"))
    # 290,400 + 186,624 + 2 x 64,896 + 43,264 + 2 x 4,096 + 1,000 neurons
    assert total.split()[1:3] == ["659,272", "60,965,224"]
    # 55x55x96x363 + 27x27x256x1200 + 13x13x(384x2304 + 384x1728 + 256x1728)
    # + 9216x4096 + 4096x4096 + 4096x1000 multiply-adds, two operations each
    assert total.split()[3:] == ["100.0%", "724,406,816", "1,448,813,632"]
    # 4096 x 9216 + 4096 parameters in fc6, of 60,965,224; 96 x 363 + 96 in conv1
    shares = {
        line.split()[0]: re.findall(r"\d+\.\d%", line) for line in result.out.splitlines() if line
    }
    assert (shares["fc6"], shares["conv1"], shares["relu1"]) == (["61.9%"], ["0.1%"], [])
    sides = re.findall(r"^(?:conv|pool)\d +\d+ x (\d+) x \d+", result.out, re.MULTILINE)
    assert sides == ["55", "27", "27", "13", "13", "13", "13", "6"]
    assert "650,000" in result.out and "253,440" in result.out


def test_summary_of_227_pixels_without_padding():
    model = load_example("alexnet").AlexNet(10, "caffe", image_size=227, width=0.02)
    assert model.conv1.padding == (0, 0, 0, 0)
    sides = {row.name: row.output[1] for row in summary.rows(model, 227) if len(row.output) == 3}
    windows = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
    assert [sides[name] for name in windows] == [55, 27, 27, 13, 13, 13, 13, 6]


# ---------------------------------------------------------------- check-grads


@pytest.mark.parametrize("profile", load_example("alexnet").PROFILES)
def test_gradients_of_a_small_alexnet(profile):
    example = load_example("alexnet").EXAMPLE
    model = example.build(5, profile, **example.small, dtype="float64")
    assert gradient_cases.check_network(model, 64, samples=3, seed=1) <= gradient_cases.TOLERANCE


def test_wrong_gradient_in_a_network_is_found(monkeypatch):
    example = load_example("alexnet").EXAMPLE
    model = example.build(5, "modern", **example.small, dtype="float64")
    backward = Conv2d.backward

    def without_bias_of_one_map(self, dy):
        dx, dweight, dbias = backward(self, dy)
        dbias[0] *= 1.001
        return dx, dweight, dbias

    monkeypatch.setattr(Conv2d, "backward", without_bias_of_one_map)
    with pytest.raises(GradcheckError, match=r"conv1\.bias at index \(0,\)"):
        gradient_cases.check_network(model, 64, samples=40)


def square_with_half_its_gradient(x: Tensor) -> Tensor:
    return x * Tensor(x.data, device=x.device)


def test_check_grads_prints_each_and_fails_where_one_is_wrong(monkeypatch):
    wrong = gradient_cases.Case(square_with_half_its_gradient, gradient_cases.normal(2, 3))
    few = {"relu": gradient_cases.CASES["relu"], "linear": gradient_cases.CASES["linear"]}
    monkeypatch.setattr(gradient_cases, "CASES", few)
    result = run("check-grads", example="cifar10")
    assert result.status == 0
    assert re.findall(r"^(.+?) +\d\.\de-\d\d$", result.out, re.MULTILINE) == [
        *("relu", "linear", *(f"cifar10 {name}" for name in ("80sec", "18pct", "13pct", "11pct")))
    ]
    monkeypatch.setitem(gradient_cases.CASES, "square", wrong)
    result = run("check-grads", example="cifar10")
    assert result.status == 1
    assert re.search(r"^square +WRONG: .*argument 0 at index", result.out, re.MULTILINE)


# ---------------------------------------------------------------- as programs


def test_reader_that_has_seen_enough_is_no_error():
    process = start("check-grads")
    assert process.stdout.readline()
    process.stdout.close()  # as `| head -1` does
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert errors == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_named_once(photos, tmp_path, unbuffered):
    out = tmp_path / "run"
    training = ("train", *TINY, "--data", photos, "--steps", "1", "--out", out)
    for command in (("summary",), training):
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                [sys.executable, EXAMPLES / "alexnet.py", *arguments(command)],
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        errors = [line for line in result.stderr.splitlines() if "waiting for" not in line]
        assert errors == ["error: standard output: No space left on device"]
        assert result.returncode == 2


def test_closed_streams_take_what_is_printed(trained, photos, tmp_path):
    out = tmp_path / "run"
    training = ("train", *TINY, "--data", photos, "--steps", "1", "--out", out)
    for closed, command in (
        (">&-", ("summary", "--width", "0.1")),
        ("2>&-", ("eval", "--checkpoint", trained)),
        ("<&- >&- 2>&-", training),
    ):
        program = (sys.executable, str(EXAMPLES / "alexnet.py"))
        words = map(shlex.quote, (*program, *arguments(command)))
        shell = ["sh", "-c", f"{' '.join(words)} {closed}"]
        result = subprocess.run(shell, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        assert bool(result.stdout) == (closed == "2>&-")
    assert last_checkpoint(out).exists() and (out / "figures" / "curves.png").exists()


IMPORTING = """
import runpy, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["alexnet.py", "summary"]
runpy.run_path({!r}, run_name="__main__")
"""


@pytest.mark.parametrize("example", ["alexnet.py", "cifar10.py"])
def test_ctrl_c_while_importing(example):
    code = IMPORTING.format(str(EXAMPLES / example))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_signal_before_training(number):
    process = start("check-grads")
    assert process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "stopped\n"
