"""SIGKILL at random moments, then --resume: the same bits and the same log as without.

`pytest tests/test_kill_train.py --kills 20` kills twenty times.
"""

import signal
import subprocess

import numpy as np
from tiny_runs import TINY, last_checkpoint, read_log, start, train, without_times, write_photos

STEPS_BETWEEN = 12  # a process is killed after at most this many steps


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path, kills):
    photos = write_photos(tmp_path / "photos")  # 5 steps per epoch
    epochs = 2 + -(-kills * (STEPS_BETWEEN + 2) // 5)
    args = ("--profile", "source2012", "--data", photos, "--epochs", epochs)
    args += ("--checkpoint-every", 3, "--resume")
    whole, out = tmp_path / "whole", tmp_path / "run"
    train(*args, "--out", whole)
    rng = np.random.default_rng(0)
    for _ in range(kills):
        killed_at_random(rng, *args, "--out", out)
    train(*args, "--out", out)
    assert last_checkpoint(out).name == last_checkpoint(whole).name
    assert contents(out / "checkpoints") == contents(whole / "checkpoints")
    assert without_times(read_log(out)) == without_times(read_log(whole))


def killed_at_random(rng: np.random.Generator, *args) -> None:
    """Train in a process of its own until it has reported some steps, then a moment longer."""
    process = start("train", *TINY, *args)
    for _ in range(rng.integers(STEPS_BETWEEN + 1)):
        process.stderr.readline()
    try:
        process.wait(timeout=rng.uniform(0, 0.1))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
