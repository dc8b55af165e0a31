"""Several ranks under mpiexec: the numbers of one process, and one message whatever happens."""

import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import ranks_program
from ranks_jobs import ARGS, PROGRAM, Ended, Job, ended, in_ranks, needs_mpi
from tiny_runs import last_checkpoint, read_log, write_photos

import tinynet
from tinynet import nn
from tinynet.parallel import watch
from tinynet.parallel.divided import divide
from tinynet.parallel.ranks import Alone
from tinynet.parallel.watch import Watch
from tinynet.training.bystander import Bystander
from tinynet.training.other_logs import OtherLogs
from tinynet.training.run_folder import RunFolder


def in_float64(count: int, *argv: str | Path) -> Ended:
    return in_ranks(count, PROGRAM, "float64", "train", *ARGS, *argv)


def in_this_process(*argv: str | Path) -> None:
    assert ranks_program.main({"float64"}, ["train", *ARGS, *map(str, argv)]) == 0


def figures(folder: Path) -> np.ndarray:
    """The losses and errors of a log, line by line."""
    keys = ("loss", "top1_error", "top5_error", "val_loss", "val_top1_error", "val_top5_error")
    return np.array([[line.get(key, -1) for key in keys] for line in read_log(folder)])


def losses(folder: Path) -> dict[int, float]:
    """The loss of each step."""
    return {line["step"]: line["loss"] for line in read_log(folder) if "loss" in line}


def parameters(folder: Path) -> dict[str, np.ndarray]:
    return tinynet.load(last_checkpoint(folder))["model"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """40 for training and 12 for validation, of which one each cannot be read."""
    folder = write_photos(tmp_path_factory.mktemp("photos"))
    for split in ("train", "val"):
        next(iter(sorted((folder / split / "red").iterdir()))).write_bytes(b"not an image")
    return folder


# ------------------------------------------------------------------------------- the same numbers


@needs_mpi
@pytest.mark.parametrize(("batch", "parallel"), [(8, "data"), (7, "data"), (7, "owt")])
def test_two_ranks_have_the_numbers_of_one_process(photographs, tmp_path, batch, parallel):
    """With dropout, crops, mirror images and colour noise, and a batch that lacks an image."""
    args = ("--data", photographs, "--batch-size", batch, "--epochs", 1, "--out")
    in_this_process(*args, tmp_path / "one")
    owt = ("--parallel", parallel, "--report", "traffic")
    result = in_float64(2, *args, tmp_path / "two", *owt)
    assert result.status == 0, result.err
    shared = parameters(tmp_path / "one")
    if parallel == "owt":
        shared = {name: p for name, p in shared.items() if not name.startswith("fc")}
        assert "fc8 1 of 2 units" in result.out
    size = 8 * sum(p.size for p in shared.values())
    size += -size % 16  # two equal parts of float64
    assert f"gradients: {size:,} bytes a step from each rank" in result.out
    assert ("activations and their gradients: " in result.out) == (parallel == "owt")
    assert "ranks    2 ranks: 2 on " in result.out and result.err.count("skipped") == 2
    np.testing.assert_allclose(figures(tmp_path / "two"), figures(tmp_path / "one"), rtol=1e-12)
    one, two = parameters(tmp_path / "one"), parameters(tmp_path / "two")
    for name in one:
        scale = np.abs(one[name]).max()
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-12 * scale)


@needs_mpi
@pytest.mark.parametrize("parallel", ["data", "owt"])
def test_finetune_in_ranks_has_the_numbers_of_one_process(photographs, tmp_path, parallel):
    data = ("--data", photographs, "--batch-size", 7)
    in_this_process(*data, "--steps", 2, "--out", tmp_path / "before")
    start = ("--checkpoint", tmp_path / "before", "--devices", "cpu")
    args = ("finetune", *start, *data, "--steps", 4)
    alone = [*map(str, args), "--out", str(tmp_path / "one")]
    assert ranks_program.main({"float64"}, alone) == 0
    shared = ("--parallel", parallel, "--out", tmp_path / "two")
    result = in_ranks(2, PROGRAM, "float64", *args, *shared)
    assert result.status == 0, result.err
    assert len(figures(tmp_path / "one")) > 0
    np.testing.assert_allclose(figures(tmp_path / "two"), figures(tmp_path / "one"), rtol=1e-12)


@needs_mpi
def test_a_run_goes_on_with_another_number_of_ranks(photographs, tmp_path):
    """SIGTERM to the launcher: a step ends, a checkpoint is written, and one process goes on."""
    args = ("--data", photographs, "--batch-size", 8, "--epochs", 60, "--out", tmp_path / "run")
    with Job(2, PROGRAM, "float64", "train", *ARGS, *args) as process:
        for line in process.stderr:
            if "step 3/" in line:
                break
        process.send_signal(signal.SIGTERM)
        result = ended(process)
    assert result.status == 130, result.err
    told = [line for line in result.err.splitlines() if line.startswith("stopped after step ")]
    assert len(told) == 1 and "To resume: mpiexec -n 2 " in told[0]
    step = tinynet.load(last_checkpoint(tmp_path / "run"))["step"]
    assert f"stopped after step {step}." in told[0]
    in_this_process("--resume", "--out", tmp_path / "run", "--steps", step + 3)
    whole = (*args[:-1], tmp_path / "whole", "--steps", step + 3)
    in_this_process(*whole)
    cut, one = losses(tmp_path / "run"), losses(tmp_path / "whole")
    assert cut.keys() == one.keys() and len(one) == step + 3
    np.testing.assert_allclose([*cut.values()], [*one.values()], rtol=1e-12)


@needs_mpi
def test_a_run_goes_on_with_divided_layers_and_without(photographs, tmp_path):
    """Two ranks of a half of each go on from one process, and it from them: momentum, too."""
    args = ("--data", photographs, "--batch-size", 8, "--epochs", 3, "--out")
    in_this_process(*args, tmp_path / "run", "--steps", 3)
    again = ("--resume", "--out", tmp_path / "run", "--steps")
    result = in_float64(2, *again, 7, "--parallel", "owt")
    assert result.status == 0, result.err
    assert RunFolder(tmp_path / "run").read_config()["parallel"] == "owt"
    in_this_process(*again, 10)
    in_this_process(*args, tmp_path / "whole", "--steps", 10)
    cut, one = losses(tmp_path / "run"), losses(tmp_path / "whole")
    assert cut.keys() == one.keys() and len(one) == 10
    np.testing.assert_allclose([*cut.values()], [*one.values()], rtol=1e-12)
    cut, one = (tinynet.load(last_checkpoint(tmp_path / name)) for name in ("run", "whole"))
    for found, wanted in (
        (cut["model"], one["model"]),
        (cut["optimizer"]["velocity"], one["optimizer"]["velocity"]),
    ):
        assert found.keys() == wanted.keys()
        for name in wanted:
            scale = np.abs(wanted[name]).max()
            np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-12 * scale)


@needs_mpi
def test_the_same_ranks_give_the_same_bits(photographs, tmp_path):
    args = ("--data", photographs, "--batch-size", 7, "--epochs", 1, "--out")
    for name in ("first", "second"):
        result = in_ranks(2, PROGRAM, "float32", "train", *ARGS, *args, tmp_path / name)
        assert result.status == 0, result.err
    first, second = (last_checkpoint(tmp_path / name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


@needs_mpi
def test_gradients_are_added_in_the_order_of_the_ranks(device):
    """In pieces of two numbers, many to a parameter; and once a rank has no image."""
    result = in_ranks(2, PROGRAM.with_name("ranks_buckets.py"), device.name)
    where = "" if device.name == "cpu" else ", from pinned memory of the host"
    assert (result.status, result.out) == (0, f"the same bits{where}\n"), result.err


@needs_mpi
def test_divided_layers_have_the_numbers_of_whole_ones(device):
    """Also where a rank has no image; each rank sends what the formula says; and twice the same
    bits."""
    program = PROGRAM.with_name("ranks_divided.py")
    first, second = (in_ranks(2, program, device.name) for _ in range(2))
    assert first.status == 0 and first.out.startswith("the same numbers"), first.err
    assert second == first


def test_what_cannot_be_divided_is_refused():
    three = Alone()
    three.size = 3
    with pytest.raises(ValueError, match="3 ranks want a unit each of fc8, which has 2"):
        divide(nn.Sequential(fc7=nn.Linear(4, 3), fc8=nn.Linear(3, 2)), three)
    with pytest.raises(ValueError, match="no fully connected layer"):
        divide(nn.Sequential(nn.Conv2d(1, 1, 1)), three)


# ------------------------------------------------------------------------------------- failures


@needs_mpi
@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("raises", "RuntimeError: a planted mistake"),
        ("freezes", "not heard of"),
        ("hangs", "sends no gradients: it hangs"),
    ],
)
def test_a_rank_that_fails_ends_all_with_one_message(photographs, tmp_path, way, cause):
    args = ("--data", photographs, "--checkpoint-every", 1, "--out", tmp_path / "run")
    result = in_ranks(2, PROGRAM, way, "train", *ARGS, *args)
    assert result.status == 1
    errors = [line for line in result.err.splitlines() if not line.startswith(("epoch", "skipped"))]
    assert len(errors) == 1, result.err
    assert errors[0].startswith("error: rank 1 on ") and cause in errors[0]
    assert f"the last checkpoint is {tmp_path}" in errors[0] and "to resume: mpiexec" in errors[0]
    assert tinynet.load(last_checkpoint(tmp_path / "run"))["step"] == ranks_program.LAST - 1


def test_a_rank_that_starts_may_be_silent_for_longer():
    world, now = SimpleNamespace(rank=0, size=3, Dup=lambda: None), time.monotonic()
    here = Watch(world, None, threading.RLock(), ["rank 0", "rank 1", "rank 2"])
    here._heard, here._training = dict.fromkeys((1, 2), now), {2}
    here._look_for_silence(now + watch.SILENCE - 1)
    assert here.failure is None
    here._look_for_silence(now + watch.SILENCE + 1)
    assert here.failure == (
        "rank 2: not heard of for 16 s: frozen, or its machine or the network is gone"
    )
    here.failure, here._training = None, set()
    here._look_for_silence(now + watch.STARTING - 1)
    assert here.failure is None
    here._look_for_silence(now + watch.STARTING + 1)
    assert here.failure.startswith("rank 1, rank 2: not heard of for 121 s")


@pytest.mark.parametrize(("n", "size"), [(8, 2), (7, 2), (5, 4), (2, 3), (128, 3)])
def test_the_parts_of_a_batch_are_the_batch(n, size):
    found = []
    for rank in range(size):
        one = Alone()
        one.rank, one.size = rank, size
        found += range(n)[one.part(n)]
    assert found == [*range(n)]


def test_a_rank_that_only_computes_leaves_the_folder_alone(tmp_path):
    RunFolder(tmp_path).create()
    RunFolder(tmp_path).write_config({"network": "alexnet", "log": "csv"})
    RunFolder(tmp_path).log({"epoch": 1, "step": 1})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    folder, warnings = Bystander(tmp_path), []
    folder.create()
    folder.write_config({})
    folder.log({"epoch": 1, "step": 2})
    assert folder.rewind(0, validated=False) == folder.read_log() == folder.steps() == []
    logs = OtherLogs(folder, warnings.append)
    logs.open()
    logs.add({"epoch": 1, "step": 2})
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before and warnings == []
