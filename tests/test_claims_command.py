"""`claims`: a part of CIFAR-10, rates that are tried, runs that claims share, and what is told."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import load_example, run

from tinynet.alexnet_profiles import CLAIMS, KINDS
from tinynet.commands import claims as module
from tinynet.commands.claims import read_logs
from tinynet.commands.code_version import code_version
from tinynet.data import DataError, open_dataset
from tinynet.data.cifar10 import CLASSES
from tinynet.data.dataset import ArrayDataset
from tinynet.data.preparing.cifar10_part import has_part, write_part

SIZES = {"train": 50, "val": 20}


def images(side=32):
    """A CIFAR-10 of few images, each of one colour, which says which image it is."""
    sets = {}
    for split, count in SIZES.items():
        pixels = np.zeros((count, 3, side, side), np.uint8)
        pixels += np.arange(count, dtype=np.uint8)[:, None, None, None]
        labels = np.arange(count) % 10
        sets[split] = ArrayDataset("cifar10", split, CLASSES, labels, side, side, pixels)
    return sets


# ---------------------------------------------------------------- the images


def test_a_part_is_a_data_set_of_the_same_format(tmp_path):
    assert not has_part(tmp_path)
    write_part(images(), tmp_path, train=23, val=20, skip=5)
    assert has_part(tmp_path)
    train, val = (open_dataset(tmp_path, split, 32, store_size=32) for split in SIZES)
    assert [train.load(i)[2, 31, 31] for i in range(23)] == [*range(5, 28)]
    assert list(train.labels) == [i % 10 for i in range(5, 28)]
    assert [val.load(i)[0, 0, 0] for i in range(20)] == [*range(20)]


@pytest.mark.parametrize(("side", "train"), [(32, 46), (64, 10)])
def test_a_part_of_too_few_images_or_of_others_is_refused(tmp_path, side, train):
    with pytest.raises(DataError, match=rf"cifar10: wanted {train + 5} images for train.*found 50"):
        write_part(images(side), tmp_path, train=train, val=20, skip=5)


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def small():
    """All kinds at a size of seconds, for this module's tests."""
    patch = pytest.MonkeyPatch()
    for name, kind in KINDS.items():
        settings = {**kind.settings, "width": 0.03, "epochs": 1}
        patch.setitem(KINDS, name, replace(kind, settings=settings, rates=kind.rates[:2]))
    patch.setattr(module, "PARTS", dict.fromkeys(module.PARTS, (30, 20, 0)))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    write_part(images(), folder, train=50, val=20)
    return folder


@pytest.fixture(scope="module")
def done(small, data, tmp_path_factory):
    """Two claims with one seed, and what was printed."""
    out = tmp_path_factory.mktemp("runs") / "claims"
    results = [
        claims(*names, "--data", data, "--seeds", 1, "--out", out)
        for names in (("dropout", "decay"), ("pretraining",), ("relu",))
    ]
    assert [result.status for result in results] == [0, 0, 0], results[0].err
    return out, results


def claims(*argv):
    return run("claims", *argv)


def test_claims_share_runs(done):
    out, (first, second, _) = done
    for kind in ("base", "dropout", "decay", "pretrained", "finetuned"):
        assert (out / kind / "seed0" / "job.json").exists()
    assert first.out.count("begun ") == 3 and "1 of 2 done already" in first.out
    assert second.out.count("begun ") == 2 and "1 of 3 done already" in second.out
    assert read_logs(out).keys() >= {"dropout", "decay", "pretraining", "relu"}
    settings = json.loads((out / "finetuned" / "seed0" / "config.json").read_text())
    assert settings["finetuned_from"].startswith(str(out / "pretrained" / "seed0"))


def test_the_best_of_the_rates_is_taken(done):
    """Of those that do not come to 25 %, the one with the lowest training error in the end."""
    out, (*_, third) = done
    log = read_logs(out)["relu"]
    for kind in ("relu", "tanh", "sigmoid"):
        rates = KINDS[kind].rates
        assert [*log.tuning[kind]] == [f"{rate:g}" for rate in rates] and len(rates) == 2
        last = {rate: log.tuning[kind][f"{rate:g}"]["training"][-1] for rate in rates}
        assert log.kinds[kind]["settings"]["lr"] == min(last, key=last.get)
        assert f"rates tried for {kind}: {rates[0]:g}: " in third.out
    assert third.out.count("begun ") == 9


def test_what_is_done_is_not_done_again_and_needs_no_data(done):
    out, _ = done
    again = claims("decay", "--seeds", 1, "--out", out, "--data", "/nowhere/cifar-10.tar.gz")
    assert again.status == 0 and "2 of 2 done already" in again.out and "begun" not in again.out


def test_what_continues_has_the_flags_of_what_failed(tmp_path, monkeypatch):
    for step in ("write_data", "train"):
        monkeypatch.setattr(module.Place, step, lambda place, names: 130)
    out = tmp_path / "some where"
    result = claims("decay", "--seeds", 10, "--jobs", 1, "--data", "cifar 10", "--out", out)
    assert result.status == 130
    flags = f"--seeds 10 --data 'cifar 10' --jobs 1 --out '{out}'"
    assert result.err.endswith(f" claims decay {flags}\n")


def test_the_unfinished_are_told(done):
    out, _ = done
    shown = claims("decay", "overlap", "--seeds", 2, "--show", "--out", out)
    assert shown.status == 1
    assert "no weight decay: not decided at this size: about 3 seeds would (1 seed)" in shown.out
    assert "2 x 2 pools: error: not run yet" in shown.out
    assert "unfinished: 2 jobs of 4 not done: base/seed1 and decay/seed1" in shown.err
    assert "unfinished: 3 jobs of 4 not done: " in shown.err


def test_a_kind_whose_rate_is_not_chosen_waits_and_the_others_count(done, tmp_path):
    out = tmp_path / "some"
    shutil.copytree(done[0], out)
    shutil.rmtree(out / "sigmoid@0.1" / "seed99")
    shown = claims("relu", "--seeds", 1, "--show", "--out", out)
    assert shown.status == 1
    assert "tanh for ReLU: not decided at this size: about 3 seeds would (1 seed)" in shown.out
    assert "sigmoid for ReLU: not run yet" in shown.out
    assert "unfinished: 1 job of 8 not done: sigmoid@0.1/seed99" in shown.err


def test_where_nothing_was_run_all_is_unfinished(tmp_path):
    shown = claims("--show", "--out", tmp_path / "none")
    assert shown.status == 1 and not list(tmp_path.iterdir())
    assert shown.err.count("nothing was trained yet") == len(CLAIMS)


def test_an_ensemble_is_of_networks_that_no_other_has(done, data):
    """Three seeds make one; the probabilities beside the runs are those of the network."""
    out, _ = done
    result = claims("ensemble", "--seeds", 1, "--out", out)
    assert result.status == 0, result.err
    (found,) = read_logs(out)["ensemble"].ensembles
    assert found["seeds"] == ["0", "1", "2"]
    probabilities = [np.load(out / "base" / f"seed{s}" / "probabilities.npy") for s in range(3)]
    labels = open_dataset(out / "data" / "small-30-20-0", "val", 32, store_size=32).labels
    for p, alone in zip(probabilities, found["alone"]):
        assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
        assert np.mean(p.argmax(axis=1) != labels) == pytest.approx(alone)
    together = np.mean(np.mean(probabilities, axis=0).argmax(axis=1) != labels)
    assert found["top1"] == pytest.approx(together)


def test_the_page_of_what_was_run(done, tmp_path):
    out, _ = done
    (tmp_path / "claims").mkdir()
    for name in ("decay.json", "dropout.json"):
        (tmp_path / "claims" / name).write_bytes((out / name).read_bytes())
    result = claims("--page", tmp_path)
    assert result.status == 0 and "2 claims with runs" in result.out
    text = (tmp_path / "claims.md").read_text()
    assert "![decay: errors over the epochs" in text and "(claims/decay.png)" in text
    assert (tmp_path / "claims" / "decay.png").exists()
    (tmp_path / "claims" / "lrn.json").write_text('{"versions": 1}')
    damaged = claims("--page", tmp_path)
    assert damaged.status == 2 and "lrn.json is damaged, or not a claim's log" in damaged.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("depth",), "there is no claim depth; wanted one or more of\n    relu "),
        (("lrn", "--data", "shapes"), "--data expects CIFAR-10, got shapes"),
        (("lrn", "--seeds", "0"), "expects a whole number of at least 1, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(argv, message, tmp_path):
    result = claims(*argv, "--out", tmp_path / "out")
    assert result.status == 2 and message in result.err


def test_another_program_has_no_claims():
    assert run("claims", example="cifar10").status == 2


# ---------------------------------------------------------------- the version of the code


def test_the_version_of_the_code_is_that_of_its_text(tmp_path):
    example = load_example("alexnet").EXAMPLE
    assert code_version(example) == code_version(example)
    assert code_version(example) != code_version(load_example("cifar10").EXAMPLE)
    assert code_version(example).startswith("tinynet ") and "NumPy " in code_version(example)
