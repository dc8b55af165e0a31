"""`ablate`: runs that share the cores, are killed and go on; and what is refused."""

import json
import shutil
import signal
import time
from contextlib import closing

import numpy as np
import pytest
from tiny_runs import EXAMPLES, last_checkpoint, read_log, run, start, train

from tinynet.alexnet_profiles import SWITCHES
from tinynet.commands import ablate as ablate_command
from tinynet.commands.jobs import Jobs
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder

EXAMPLE = EXAMPLES / "alexnet.py"
TINY = ("--image-size", "64", "--width", "0.03", "--batch-size", "8")

# ---------------------------------------------------------------- the command


def ablate(*argv):
    return run("ablate", *argv)


PARTS = ("lrn", "relu")
KINDS = ("baseline", *PARTS)


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """An ablation that was never interrupted, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    result = ablate(*PARTS, *flags(photos), "--out", out)
    assert result.status == 0, result.err
    return out, result.out


def flags(photos):
    return (*TINY, "--profile", "modern", "--data", photos, "--seeds", 2, "--epochs", 2)


def final_errors(folder, kind):
    lines = [read_log(folder / kind / f"seed{seed}")[-1] for seed in (0, 1)]
    return [100 * line["val_top1_error"] for line in lines]


def test_the_table_has_the_errors_of_the_runs(whole, photos, tmp_path):
    folder, printed = whole
    saved = table_in(folder)
    assert [found["part"] for found in saved["results"]] == list(PARTS)
    for found in saved["results"]:
        errors = found["figures"]["top-1"]
        assert errors["with"] == pytest.approx(final_errors(folder, "baseline"), abs=1e-3)
        assert errors["without"] == pytest.approx(final_errors(folder, found["part"]), abs=1e-3)
        mean = np.mean(errors["without"]) - np.mean(errors["with"])
        assert errors["difference"] == pytest.approx(mean)
        (line,) = (line for line in printed.splitlines() if line.startswith(f"{found['part']:11}"))
        assert f"{np.mean(errors['with']):.2f} (" in line and f"{mean:+.2f} ± " in line
    # The training error is that of eval on the training images: 12 of them, of both classes.
    path = last_checkpoint(folder / "lrn" / "seed1")
    shutil.copytree(photos / "train", tmp_path / "train")
    for name in ("green", "red"):  # 40 images, of which each whole multiple of 40 / 12 counts
        (tmp_path / "val" / name).mkdir(parents=True)
    described = [f"{name}/{i}" for name in ("green", "red") for i in sorted(map(str, range(20)))]
    for place in (40 * i // 12 for i in range(12)):
        shutil.copy(
            photos / "train" / f"{described[place]}.png",
            tmp_path / "val" / described[place].split("/")[0],
        )
    seen = run("eval", "--checkpoint", path, "--data", tmp_path)
    (fitted,) = (
        found["figures"]["training"]["without"][1]
        for found in saved["results"]
        if found["part"] == "lrn"
    )
    assert f"top-1 error {fitted:.2f}%" in seen.out
    assert saved["results"][0]["figures"]["gap"]["without"][1] == pytest.approx(
        final_errors(folder, "lrn")[1] - fitted, abs=1e-3
    )
    assert (
        f"modern on {photos.name}, 64 pixels, width 0.03, epochs: 2, batches of 8, rate 0.01\n"
        in printed
    )


def test_its_runs_are_those_of_train(whole, photos, tmp_path):
    train("--profile", "modern", "--data", photos, "--epochs", 2, "--seed", 1, "--out", tmp_path)
    same = last_checkpoint(whole[0] / "baseline" / "seed1")
    assert last_checkpoint(tmp_path).read_bytes() == same.read_bytes()


@pytest.mark.parametrize("part", PARTS)
def test_a_network_without_a_part_can_be_evaluated_and_resumed(whole, part):
    folder = whole[0] / part / "seed0"
    path = last_checkpoint(folder)
    result = run("eval", "--checkpoint", path)
    assert result.status == 0, result.err
    assert f"top-1 error {final_errors(whole[0], part)[0]:.2f}%" in result.out
    resumed = run("train", "--resume", "--out", folder)
    assert (resumed.status, "nothing left to do" in resumed.out) == (0, True)
    assert f"alexnet modern-{part}," in resumed.out


def signalled_in(folder, by, *argv):
    """Signal an ablation once it trains in `folder`; what it said then, and its status."""
    process = start("ablate", *argv, "--jobs", 1)
    for _ in range(6000):  # a minute
        if (folder / "log.jsonl").exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    process.send_signal(by)
    return process.communicate(timeout=60)[1], process.returncode


def test_a_stopped_ablation_goes_on_to_the_same_end(whole, photos, tmp_path):
    """Killed in its second run, stopped by Ctrl-C in a later one, and resumed.

    However late the signals come, two runs are left: their folder is locked.
    """
    out = tmp_path / "run"
    (out / "lrn" / "seed1").mkdir(parents=True)
    with closing(RunFolder(out / "lrn" / "seed1")) as locked:
        locked.claim()
        (out / "ablation.json").write_bytes((whole[0] / "ablation.json").read_bytes())
        again = ("--resume", "--out", out)
        signalled_in(out / "lrn" / "seed0", signal.SIGKILL, *again)
        first = last_checkpoint(out / "baseline" / "seed0")
        before = first.stat().st_mtime_ns
        wait_until_free(out, out / "lrn" / "seed0", out / "relu" / "seed0")
        said, status = signalled_in(out / "baseline" / "seed1", signal.SIGINT, *again)
        assert status in (130, 2)
        assert f"to continue all runs: python {EXAMPLE} ablate --resume" in said
        wait_until_free(out, out / "baseline" / "seed1")
        told = ablate("--show", *again)
        assert told.status == 1 and "unfinished: " in told.err and "relu/seed1" in told.err
        assert "1 seed; top-1: not decided at this size: about 3 seeds would" in told.out
        assert not (out / "relu" / "seed1").exists()
    result = ablate(*again)
    assert result.status == 0, result.err
    assert first.stat().st_mtime_ns == before
    for kind in KINDS:
        for seed in ("seed0", "seed1"):
            ends = [last_checkpoint(place / kind / seed).read_bytes() for place in (out, whole[0])]
            assert ends[0] == ends[1]
    assert table_in(out) == table_in(whole[0])


def wait_until_free(*folders):
    """Until no process trains in any of these; a minute at most."""
    for folder in map(RunFolder, folders):
        for _ in range(6000):
            try:
                folder.claim()
            except UserError:
                time.sleep(0.01)
            else:
                folder.close()
                break
        else:
            raise AssertionError(f"a process still trains in {folder.path}")


def table_in(folder):
    return json.loads((folder / "ablation.json").read_text())


def test_parts_and_seeds_can_be_added(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "more")
    again = ("--resume", "--out", tmp_path / "more", "--workers", 1)
    for parts, seeds in ((("dropout", "lrn"), 1), ((), 2)):
        more = ablate(*parts, "--seeds", seeds, *again)
        assert more.status == 0, more.err
        assert f"{4 * seeds - 1} of {4 * seeds} done already" in more.out  # all but dropout's last
        assert more.out.count("begun ") == 1
        results = table_in(tmp_path / "more")["results"]
        assert [found["part"] for found in results] == ["lrn", "relu", "dropout"]
        assert len(results[-1]["figures"]["top-1"]["with"]) == seeds


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "ablate needs what to take away, one or more of\n    lrn "),
        (("lrn", "depth"), "there is no part depth; wanted one or more of\n    lrn "),
        (("lrn", "--profile", "owt"), "lrn: owt has no LRN; paper, source2012, no-crosstalk, one-"),
        (
            ("pca",),
            "pca: modern has no colour noise; paper, source2012, no-crosstalk and one-",
        ),
        (("towers", "--profile", "one-tower"), "towers: one-tower has no second tower; paper,"),
        (("crosstalk", "--profile", "no-crosstalk"), "no-crosstalk has no crosstalk at conv3;"),
        (("overlap",), "with images of 72 pixels, maps would change their size too. They keep it"),
        (("towers", "--devices", "sim:0,sim:1"), "modern-towers has one tower"),
        (("lrn", "--show"), "--show needs --resume and --out, the folder of the ablation to show"),
        (("lrn", "--jobs", "0"), "expects a whole number of at least 1, got 0"),
        (("lrn", "--resume"), "--resume needs --out, the folder of the ablation to continue"),
        (("lrn", "--profile", "resnet"), "invalid choice: 'resnet'"),
        (("lrn", "--seeds", "0"), "expects a whole number of at least 1, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    argv, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = ablate(*argv)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--epochs", 3), "epochs 2, now 3. Resume with the same ones, or start again"),
        (("--lr", 0.5, "--profile", "paper"), "profile modern, now paper; lr 0.01, now 0.5"),
    ],
)
def test_an_ablation_goes_on_as_it_was_begun(whole, given, message):
    before = (whole[0] / "ablation.json").read_bytes()
    result = ablate("--resume", "--out", whole[0], *given)
    assert result.status == 2
    assert f"{whole[0]} was started with other settings: " in result.err and message in result.err
    assert (whole[0] / "ablation.json").read_bytes() == before


def test_a_folder_of_something_else_is_left_alone(whole, tmp_path):
    taken = ablate("lrn", "--out", whole[0])
    assert taken.status == 2 and "is not empty: give another --out" in taken.err
    other = ablate("lrn", "--resume", "--out", whole[0] / "lrn" / "seed0")
    assert other.status == 2 and "holds no ablation to continue" in other.err
    for damaged in ("{", "[]", '{"settings": {}, "parts": ["lrn"], "seeds": 1, "results": []}'):
        (tmp_path / "ablation.json").write_text(damaged)
        result = ablate("lrn", "--resume", "--out", tmp_path)
        assert result.status == 2 and "ablation.json is damaged: restore it" in result.err


def test_two_ablations_in_one_folder_are_refused(whole, photos, tmp_path, monkeypatch):
    """While the first is at it; and when it has ended just before the second makes its folder."""
    out, results = tmp_path / "one", []

    def train_while_another_begins(jobs, *args):
        if len(results) < 2:
            for again in ([], ["--resume"]):
                results.append(ablate("relu", *flags(photos), "--out", out, *again))
        return 1

    monkeypatch.setattr(Jobs, "run", train_while_another_begins)
    assert ablate("lrn", *flags(photos), "--out", out).status == 1
    assert [result.status for result in results] == [2, 2]
    assert results[0].err.startswith(f"error: {out} is not empty")
    assert results[1].err.startswith(f"error: {out}: another process is training in this folder")
    assert json.loads((out / "ablation.json").read_text())["parts"] == ["lrn"]

    out, plan = tmp_path / "two", ablate_command.plan_run

    def plan_before_another_begins(*args):
        planned = plan(*args)
        monkeypatch.setattr(ablate_command, "plan_run", plan)
        assert ablate("lrn", *flags(photos), "--out", out).status == 1
        return planned

    monkeypatch.setattr(ablate_command, "plan_run", plan_before_another_begins)
    result = ablate("relu", *flags(photos), "--out", out)
    assert result.status == 2 and f"{out} is no longer empty" in result.err
    assert json.loads((out / "ablation.json").read_text())["parts"] == ["lrn"]


def test_the_help_lists_the_parts():
    lines = ablate("--help").out.splitlines()
    for part, switch in SWITCHES.items():
        line = f"    {part:11}{switch.part}; without: {switch.without}"
        assert line in lines and len(line) <= 100


def test_recipes_of_other_networks_have_no_ablation():
    assert run("ablate", "lrn", example="cifar10").status == 2
