"""`prepare` under SIGKILL: at any moment; the next run ends with the same bytes.

`pytest tests/test_prepare_kill.py --kills 20` kills twenty times at random moments.
"""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from imagenet_shaped import WNIDS, contents, photograph, write_folder, write_ilsvrc

TESTS = Path(__file__).parent
SHARDS_BETWEEN = 4  # a process is killed after at most this many shards, and a moment


def test_prepare_that_is_killed_again_and_again_ends_as_one_that_is_not(tmp_path, kills):
    shards = (kills + 1) * (SHARDS_BETWEEN + 2)
    images = [photograph(i) for i in range(6)]
    images[4] = images[4][:1000]  # one that is skipped
    source = write_ilsvrc(tmp_path / "ilsvrc", -(-2 * shards // 3), WNIDS * 2, images)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert finish(start(source, whole)) == 0
    rng = np.random.default_rng(0)
    for _ in range(kills):
        process = start(source, out)
        for _ in range(1 + rng.integers(SHARDS_BETWEEN)):
            process.stderr.readline()  # "ready", then a line per shard
        try:
            process.wait(timeout=rng.uniform(0, 0.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        assert finish(process) == -signal.SIGKILL, "it ended before it was killed"
    assert finish(start(source, out)) == 0
    assert contents(out) == contents(whole)
    assert b"truncated" in contents(out)["skipped.txt"]


def start(source: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, TESTS / "small_shards.py", "prepare", source, out]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=TESTS
    )


def finish(process: subprocess.Popen) -> int:
    process.communicate(timeout=120)
    return process.returncode


def test_killed_before_each_write(tmp_path):
    source = write_folder(tmp_path / "photos", 1, 1)
    (source / "train" / "cat" / "bad.jpg").write_bytes(b"hello")
    whole = tmp_path / "whole"
    command = [sys.executable, TESTS / "kill_at_each_write.py", source, tmp_path / "runs", whole]
    prepare = "import sys; from imagenet_shaped import *; from pathlib import Path;"
    prepare += "prepare_quietly(Path(sys.argv[1]), Path(sys.argv[2]), shard_images=2)"
    subprocess.run([sys.executable, "-c", prepare, source, whole], check=True, cwd=TESTS)
    result = subprocess.run(command, capture_output=True, text=True, cwd=TESTS)
    assert result.returncode == 0, result.stderr
    made = [int(line) for line in result.stdout.split()]
    # 8 for each of 3 shards: its own, the index, the skipped files, progress; and 12 for the set
    assert len(made) >= 30
    # The later the kill, the less is left to do; what is done is never done again.
    assert made == sorted(made, reverse=True) and set(made) == {3, 2, 1, 0}


def test_ctrl_c_says_that_what_is_done_stays(tmp_path):
    source = write_folder(tmp_path / "photos", 40, 1)
    process = start(source, tmp_path / "out")
    for _ in range(3):
        process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"finished shards stay in {tmp_path / 'out'}; the same command continues" in errors
    assert "Traceback" not in errors
    assert finish(start(source, tmp_path / "out")) == 0


@pytest.mark.parametrize("moment", ["dataset.json", ".progress.npz"])
def test_parts_of_files_are_cleared_away(tmp_path, moment):
    source = write_folder(tmp_path / "photos", 2, 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".{moment}.part").write_bytes(b"half")
    assert finish(start(source, tmp_path / "out")) == 0
    assert not list((tmp_path / "out").glob(".*.part"))
