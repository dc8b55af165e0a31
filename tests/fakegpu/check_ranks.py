"""Ranks on GPUs: the same numbers from memory of the GPUs and of the host, whenever work runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_runs import write_photos

RANKS = Path(__file__).with_name("ranks.py")
MPIEXEC = Path(sys.executable).with_name("mpiexec")
WHERE = {"direct": "from the memory of the GPUs", "staged": "from pinned memory of the host"}


def two_ranks(*argv: str | Path, **fake: str) -> subprocess.CompletedProcess:
    """What becomes of two ranks with these variables, FAKE_..., set."""
    environment = {**os.environ, **{f"FAKE_{name}": value for name, value in fake.items()}}
    command = [MPIEXEC, "-n", "2", sys.executable, RANKS, *argv]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def printed(order: str, *argv: str | Path) -> str:
    """What two ranks print, in this FAKE_ORDER."""
    result = two_ranks(*argv, ORDER=order)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("order", ["late", "random"])
@pytest.mark.parametrize("way", ["direct", "staged"])
def test_gradients_are_added_in_the_order_of_the_ranks(way, order):
    assert printed(order, way, "buckets", "cuda:0") == f"the same bits, {WHERE[way]}\n"


def test_training_says_which_memory_mpi_reads_and_learns_the_same(tmp_path):
    """Each rank has a GPU of its own."""
    photos = write_photos(tmp_path / "photos", train=4, val=1)
    args = ("--data", photos, "--batch-size", "4", "--log-every", "1", "--steps", "2", "--out")
    losses = []
    for way, where in WHERE.items():
        out = tmp_path / way
        text = printed("late", way, "train", *args, out)
        assert f"{where}, " in text and "GB/s from each rank" in text
        lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
        losses.append([line["loss"] for line in lines if "loss" in line])
    assert losses[0] == losses[1] and len(losses[0]) == 2


@pytest.mark.parametrize(
    ("devices", "gpus", "cause"),
    [
        ("auto", "1", "rank 1 on .*'cuda:1' does not exist.*as many ranks on a machine as it has"),
        ("cuda:0", "2", "--devices: cuda:0 would be the same GPU for each of the 2 ranks"),
    ],
)
def test_a_gpu_is_one_ranks_alone(tmp_path, devices, gpus, cause):
    argv = ("staged", "train", "--data", "shapes", "--devices", devices, "--out", tmp_path / "run")
    result = two_ranks(*argv, GPUS=gpus)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert re.match(f"error: .*{cause}", result.stderr)


def test_a_run_that_one_process_began_goes_on_with_two_gpus(tmp_path):
    """Its GPU was chosen for it, not named; where it is, the refusal says what to ask for."""
    photos = write_photos(tmp_path / "photos", train=4, val=1)
    train = ("staged", "train", "--data", photos, "--batch-size", "4", "--steps", "1", "--out")
    command = [sys.executable, RANKS, *train, tmp_path / "run"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    resume = ("staged", "train", "--resume", "--steps", "2", "--out", tmp_path / "run")
    result = two_ranks(*resume, "--devices", "cuda:0")
    assert result.returncode == 2 and "--devices auto gives each its own" in result.stderr
    result = two_ranks(*resume)
    assert result.returncode == 0 and "devices  cuda:0" in result.stdout, result.stderr
