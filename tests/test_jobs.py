"""Jobs: one a core, ended with whoever began them, and counted once, by the code that did them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from tiny_runs import run

from tinynet.commands import jobs as module
from tinynet.commands.job import Job
from tinynet.commands.jobs import Jobs

TINY = ("--profile", "modern", "--image-size", "64", "--width", "0.03", "--batch-size", "8")
LINUX = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen")

# In place of an example: says where it runs, and then does as its name says.
PROGRAM = """
import os, sys, time
from pathlib import Path

mine = Path(__file__).parent / f"{os.getpid()}.txt"
mine.with_suffix(".part").write_text(repr(sorted(os.sched_getaffinity(0))))
mine.with_suffix(".part").rename(mine)
if Path(__file__).stem == "endless":
    time.sleep(60)
sys.exit(Path(__file__).stem == "failing")
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """The folder of programs that stand for examples, by name."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("short", "endless", "failing"):
        (folder / f"{name}.py").write_text(PROGRAM)
    monkeypatch.setattr(module, "program", lambda example: folder / f"{example.name}.py")
    return folder


def some(name, count, folder):
    return [
        (SimpleNamespace(name=name), Job(name, seed, str(folder / name / f"seed{seed}"), {}))
        for seed in range(count)
    ]


def begun(folder, count=1):
    """The process ids of the programs that have said where they run, once there are so many."""
    for _ in range(6000):  # a minute
        if len(found := [*folder.glob("*.txt")]) >= count:
            return [int(path.stem) for path in found]
        time.sleep(0.01)
    raise AssertionError("no program began")


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:  # a zombie is not
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@LINUX
def test_each_job_has_a_core_for_itself(programs, tmp_path):
    assert Jobs("cpu", None).run(some("short", 3, tmp_path)) == 0
    places = [eval(path.read_text()) for path in programs.glob("*.txt")]
    assert len(places) == 3 and all(len(cores) == 1 for cores in places)
    assert {cores[0] for cores in places} <= os.sched_getaffinity(0)


@LINUX
def test_no_more_at_once_than_asked_for(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_cores", lambda: [min(os.sched_getaffinity(0))] * 4)
    at_once, most, wait = [], [], subprocess.Popen.wait

    def waiting(process, *args):
        at_once.append(process)
        most.append(len(at_once))
        status = wait(process, *args)
        at_once.remove(process)
        return status

    monkeypatch.setattr(subprocess.Popen, "wait", waiting)
    assert Jobs("cpu", 2).run(some("short", 4, tmp_path)) == 0
    assert len(most) == 4 and max(most) <= 2
    assert Jobs("cuda:0", None).run(some("short", 2, tmp_path)) == 0  # a GPU does one at a time
    assert most[4:] == [1, 1]


@LINUX
def test_after_one_that_fails_no_other_is_begun(programs, tmp_path):
    assert Jobs("cpu", 1).run(some("failing", 3, tmp_path)) == 1
    assert len(begun(programs)) == 1


@LINUX
def test_ctrl_c_ends_the_jobs(programs, tmp_path):
    def interrupt():
        begun(programs)
        os.kill(os.getpid(), signal.SIGINT)  # to the thread that is waiting, whichever that is

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        Jobs("cpu", 1).run(some("endless", 2, tmp_path))
    thread.join()
    (process,) = begun(programs)
    assert not is_alive(process)


@LINUX
def test_a_job_ends_with_the_process_that_began_it(programs, tmp_path):
    job = json.dumps({"kind": "a", "seed": 0, "place": str(tmp_path / "a"), "flags": {}})
    text = (
        "import subprocess, sys\n"
        "argv = [sys.executable, '-m', 'tinynet.commands.job', sys.argv[1]]\n"
        "process = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)\n"
        "process.stdin.write(sys.argv[2].encode() + b'\\n')\n"
        "process.stdin.flush()\n"
        "process.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", text, programs / "endless.py", job])
    (process,) = begun(programs)
    parent.kill()
    parent.wait()
    for _ in range(6000):
        if not is_alive(process):
            return
        time.sleep(0.01)
    raise AssertionError("the job goes on")


# ---------------------------------------------------------------- what is on record


def ablate(*argv):
    return run("ablate", *argv)


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """An ablation of two kinds with two seeds."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    result = ablate("lrn", *TINY, "--data", photos, "--seeds", 2, "--epochs", 1, "--out", out)
    assert result.status == 0, result.err
    return out


def test_a_run_counts_for_its_own_seed_only(whole, tmp_path):
    """Two seeds that are one run would make its noise look small."""
    shutil.copytree(whole, tmp_path / "twice")
    place = tmp_path / "twice" / "lrn"
    shutil.rmtree(place / "seed1")
    shutil.copytree(place / "seed0", place / "seed1")
    for show in ((), ("--show",)):
        result = ablate("--resume", "--out", tmp_path / "twice", *show)
        assert (result.status, result.out) == (2, "")
        assert f"{place / 'seed1' / 'job.json'} is another job's: seed 0, wanted 1" in result.err


def test_jobs_of_two_versions_of_the_code_are_told(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "mixed")
    record = tmp_path / "mixed" / "lrn" / "seed1" / "job.json"
    now = json.loads(record.read_text())
    record.write_text(json.dumps({**now, "versions": ["tinynet 0.0 (older)"]}))
    result = ablate("--resume", "--show", "--out", tmp_path / "mixed")
    assert result.status == 0 and "top-1" in result.out
    assert result.err.splitlines() == [
        "warning: the jobs are of different versions of the code:",
        f"    {now['versions'][0]}: baseline/seed0, lrn/seed0 and baseline/seed1",
        "    tinynet 0.0 (older): lrn/seed1",
    ]
    assert ablate("--resume", "--show", "--out", whole).err == ""


@pytest.mark.parametrize("damage", ["", "[]", '{"flags": {}}', '{"flags": {}, "versions": [1]}'])
def test_a_record_that_is_damaged_is_told(whole, tmp_path, damage):
    shutil.copytree(whole, tmp_path / "run")
    record = tmp_path / "run" / "lrn" / "seed0" / "job.json"
    record.write_text(damage)
    result = ablate("--resume", "--out", tmp_path / "run")
    assert result.status == 2 and f"{record} is damaged, or not a job's: " in result.err


def test_what_a_failed_job_says_last_is_told(tmp_path):
    (tmp_path / "train" / "one").mkdir(parents=True)
    (tmp_path / "train" / "one" / "a.png").write_bytes(b"no picture")
    (tmp_path / "val" / "one").mkdir(parents=True)
    out = tmp_path / "out"
    result = ablate("lrn", *TINY, "--data", tmp_path, "--seeds", 1, "--out", out, "--jobs", 1)
    assert result.status == 2
    said = (out / "baseline" / "seed0.txt").read_text().strip()
    assert said.startswith("error: ") and f"baseline/seed0: {said}" in result.err
    assert not (out / "lrn").exists()
