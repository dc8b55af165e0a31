"""Parts of the GPU report that run whole programs: the tests, training, PyTorch beside it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from contest import Session, Work, files, timed
from engine import Engine, EngineError
from gpu_sheet import BATCH, FULL, SMALL, Sheet, Training, milliseconds
from nets import Net
from pairs import spread
from photographs import photographs

from tinynet import simulator
from tinynet.console.sentences import megabytes
from tinynet.training.memory_table import watch_training
from tinynet.training.plan import Plan, total

ROOT = Path(__file__).parents[1]
ALEXNET = ROOT / "examples" / "alexnet.py"
TINY = ["--image-size", "64", "--width", "0.03", "--batch-size", "4"]


def suite(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """The project's tests on this kind of device."""
    kind = devices[0].partition(":")[0]
    which = [ROOT / "tests" / "test_activation.py"] if quick else [ROOT / "tests"]
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "-k", f"{kind}:", *which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    summary = lines[-1].strip("= ") if lines else done.stderr.strip()[-200:]
    sheet = Sheet("the tests", f"`pytest -k {kind}:`: {summary}.", ["failed"])
    sheet.rows = [[line[:160].replace("|", "/")] for line in failed]
    yield sheet
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with status {done.returncode}: {summary}")


def train(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """300 steps of `train` with its loader threads, beside the step on data at hand."""
    training = Training(devices[:1], quick)
    bare = float(np.median(milliseconds(training.devices[0], training.step, 1 if quick else 7)))
    steps, batch = (2 if quick else 300), training.batch
    del training
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _write_images(place / "data", steps * batch, quick)
        flags = ["--data", place / "data", "--devices", devices[0], "--out", place / "run"]
        flags += ["--profile", "source2012", "--epochs", "1", "--log-every", max(1, steps // 6)]
        _example("train", *flags, *(TINY if quick else ["--batch-size", BATCH]))
        lines = [json.loads(line) for line in (place / "run" / "log.jsonl").open()]
    sheet = Sheet(
        "training with the loader",
        f"`train`, {steps} steps of {batch}. The bare step is {batch / bare * 1e3:,.0f} images/s. "
        "The images are drawn, JPEGs of 500 x 375 pixels.",
        ["step", "images/s", "% waiting for data", "% of the bare step"],
    )
    for line in lines:
        if "images_per_s" in line and "data_wait" in line:
            rate = line["images_per_s"]
            share = 100 * rate / (batch / bare * 1e3)
            sheet.rows.append([line["step"], rate, 100 * line["data_wait"], share])
    yield sheet


def checkpoints(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """Two runs of one seed must leave the same bytes."""
    steps, found = (2 if quick else 20), []
    with tempfile.TemporaryDirectory() as folder:
        _write_images(Path(folder) / "data", steps * (4 if quick else BATCH), quick)
        for name in ("a", "b"):
            out = Path(folder) / name
            flags = ["--data", Path(folder) / "data", "--devices", devices[0], "--out", out]
            flags += ["--profile", "source2012", "--epochs", "1"]
            _example("train", *flags, *(TINY if quick else []))
            last = max((out / "checkpoints").glob("step-*.safetensors"))
            found.append(last.read_bytes())
    same = found[0] == found[1]
    text = f"Two runs of {steps} steps with one seed: their last checkpoints are "
    text += "the same to the byte." if same else "**not the same**."
    yield Sheet("two runs", text, [])


def memory(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """What a step takes, and what `plan` says that it takes."""
    sheet = Sheet("memory", "By `plan`, and measured.", ["images", "planned, MB", "measured, MB"])
    arguments = SMALL if quick else FULL
    with simulator.dry_run():
        from tinynet.models.alexnet import EXAMPLE

        planned = EXAMPLE.build(**arguments, devices=("sim:0",))
    side = arguments["image_size"]
    plan = Plan(planned, side, round(side * 256 / 224))
    training = Training(devices[:1], quick)
    # First: it plans with the ledger of sim:0, which may be the device that is measured.
    expected = total(plan.peak(training.batch)["sim:0"])
    device = training.devices[0]
    device.ledger.forget()
    watch_training(training.model, training.optimizer)
    for _ in range(2):
        training.step()
    held = total(device.ledger.peak)
    sheet.rows.append([training.batch, megabytes(expected), megabytes(held)])
    with device.active():
        pool = device.xp.get_default_memory_pool()
        if hasattr(pool, "total_bytes"):
            sheet.notes.append(f"the pool holds {megabytes(pool.total_bytes())} MB of the device")
    yield sheet


def torch(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """The same step in PyTorch with cuDNN: both with TF32 off, and on."""
    python = os.environ.get("TORCH_PYTHON", sys.executable)
    net = Net("step", "alexnet", SMALL if quick else FULL, 4 if quick else BATCH)
    work: Work = net.work(device=devices[0])
    session = Session([], 1 if quick else 7, 0.0 if quick else 0.5, quick)
    sheet = Sheet(
        "beside PyTorch",
        f"The training step, batch {net.batch}, the images already there, in turn.",
        ["", "ms", "images/s"],
    )
    engines = {"tinynet": Engine("tinynet", sys.executable, ["engine_tinynet.py"])}
    if not devices[0].startswith("cuda"):
        sheet.notes.append(f"PyTorch left out: it has no {devices[0]}")
    else:
        engines["tinynet, TF32"] = Engine(
            "tinynet", sys.executable, ["engine_tinynet.py", "--tf32"]
        )
        engines["torch"] = Engine("torch", python, ["engine_torch.py"])
        engines["torch, TF32"] = Engine("torch", python, ["engine_torch.py", "--tf32"])
    losses = {}
    with files(work.arrays) as place:
        for name, engine in [*engines.items()]:
            try:
                engine.make(work.case, place)
                losses[name] = float(engine.check()["loss"])
            except EngineError as error:
                sheet.notes.append(f"left out: {error}")
                engines.pop(name).end()
        for name, values in timed(session, engines).get("step", {}).items():
            middle = float(np.median(values))
            times = spread((1e3 * value for value in values), lambda ms: f"{ms:.2f}")
            sheet.rows.append([name, times, net.batch / middle])
    for engine in engines.values():
        engine.end()
    first = ", ".join(f"{name} {loss:.5f}" for name, loss in losses.items())
    sheet.notes.append(f"first losses, from the same weights: {first}")
    yield sheet


def _write_images(folder: Path, count: int, quick: bool) -> None:
    """A data set of `count` drawn images, most of them links to others."""
    _, data = photographs(Session([], 1, 0.0, quick))
    for split, images in (("train", count), ("val", len(data))):
        (folder / split / "drawn").mkdir(parents=True)
        for i in range(images):
            image = folder / split / "drawn" / f"{i:06}.jpg"
            if i < len(data):
                image.write_bytes(data[i])
            else:
                os.link(image.with_name(f"{i % len(data):06}.jpg"), image)


def _example(*argv: object) -> None:
    command = [sys.executable, str(ALEXNET), *map(str, argv)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = re.sub(r"\s+", " ", done.stderr.strip().splitlines()[-1] if done.stderr else "")
        raise RuntimeError(f"{' '.join(command[1:3])} ended with {done.returncode}: {last}")
