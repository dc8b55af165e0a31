"""`ablate`: what each switch changes, what the table says, and runs that are killed."""

import json
import shutil
import signal
from dataclasses import asdict, fields

import numpy as np
import pytest
from tiny_runs import EXAMPLES, last_checkpoint, load_example, read_log, run, start, train, wait_for

from tinynet import Tensor
from tinynet.alexnet_profiles import PROFILES, SWITCHES, Profile, profile_named
from tinynet.commands import ablate as ablate_command
from tinynet.reports.ablation import Outcome, Pairs, epochs_to_an_error, outcome
from tinynet.reports.ablation_table import result_of, table

EXAMPLE = EXAMPLES / "alexnet.py"
TINY = ("--image-size", "64", "--width", "0.03", "--batch-size", "8")

# ---------------------------------------------------------------- what a switch changes

FIELDS = {
    "lrn": {"layer1", "layer2"},
    "overlap": {"pool"},
    "towers": {"groups", "lrn_groups", "filters"},
    "crosstalk": {"crosstalk", "filters"},
    "dropout": {"dropout"},
    "relu": {"activation"},
    "pca": {"colour_noise"},
    "crops": {"crop", "flip"},
}
SETTINGS = {"pca": {"colour_noise"}, "crops": {"crop", "flip"}}  # the others': none
# Of source2012, by name: what is gone, what is new, and what is there but not as it was.
LAYERS = {
    "lrn": ({"lrn1", "lrn2", "lrn_within2"}, set(), set()),
    "overlap": (set(), set(), {"pool1", "pool2", "pool5"}),
    "towers": (set(), set(), {*(f"conv{i}" for i in range(1, 6)), "lrn1", "lrn2"}),
    "crosstalk": (set(), set(), {"conv2", "conv3"}),
    "dropout": ({"dropout6", "dropout7"}, set(), set()),
    "relu": ({f"relu{i}" for i in range(1, 8)}, {f"tanh{i}" for i in range(1, 8)}, set()),
    "pca": (set(), set(), set()),
    "crops": (set(), set(), set()),
}


def network(profile, **options):
    options = {"image_size": 64, "width": 0.03, **options}
    return load_example("alexnet").AlexNet(num_classes=10, profile=profile, **options)


def layers(profile):
    """Each layer by name: its kind, its options, and the shapes of its parameters."""
    return {
        name: (
            type(layer).__name__,
            {k: v for k, v in vars(layer).items() if isinstance(v, int | float | str | tuple)},
            {k: v.shape for k, v in layer.state_dict().items()},
        )
        for name, layer in network(profile, width=0.1).children()
    }


def different(a: dict, b: dict) -> set:
    return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}


def test_there_is_a_switch_for_each_claim():
    assert SWITCHES.keys() == FIELDS.keys() == LAYERS.keys()


@pytest.mark.parametrize("part", SWITCHES)
def test_a_switch_changes_these_fields_and_no_others(part):
    for profile in PROFILES.values():
        changed = different(asdict(profile), asdict(SWITCHES[part].thrown(profile)))
        assert changed <= FIELDS[part]
        assert bool(changed) == SWITCHES[part].is_in(profile)
    assert different(asdict(PROFILES["source2012"]), asdict(profile_named(f"source2012-{part}")))
    assert FIELDS[part] <= {field.name for field in fields(Profile)}


@pytest.mark.parametrize("part", SWITCHES)
def test_a_switch_changes_these_layers_and_settings_and_no_others(part):
    before, now = layers("source2012"), layers(f"source2012-{part}")
    gone, new, other = LAYERS[part]
    assert (before.keys() - now.keys(), now.keys() - before.keys()) == (gone, new)
    assert different(before, now) == gone | new | other
    assert [n for n in before if n not in gone] == [n for n in now if n not in new]
    settings = [
        asdict(load_example("alexnet").settings({"data": "shapes", "profile": name}, "shapes"))
        for name in ("source2012", f"source2012-{part}")
    ]
    assert different(*settings) == {"profile"} | SETTINGS.get(part, set())


@pytest.mark.parametrize("part", sorted(set(SWITCHES) - {"towers", "crosstalk"}))
def test_networks_of_the_same_shape_begin_with_the_same_weights(part):
    before, now = (network(name).state_dict() for name in ("modern", f"modern-{part}"))
    assert before.keys() == now.keys()
    assert all(np.array_equal(before[name], now[name]) for name in before)


def test_pools_without_overlap_are_of_2_x_2():
    pools = [layer for name, layer in network("modern-overlap").children() if "pool" in name]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(2, 2)] * 3


def test_tanh_is_tanh():
    model = network("modern-relu")
    x = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    y = model.conv1(Tensor(x))
    np.testing.assert_array_equal(model.tanh1(y).numpy(), y.tanh().numpy())


def test_switches_of_which_the_authors_kept_a_run_do_what_they_did():
    assert profile_named("source2012-towers") == PROFILES["one-tower"]
    assert profile_named("source2012-crosstalk") == PROFILES["no-crosstalk"]


@pytest.mark.parametrize("image_size", [64, 96, 128, 224])
def test_maps_keep_their_sizes_without_overlap_at_multiples_of_32(image_size):
    for profile in PROFILES:
        inputs = [
            network(name, image_size=image_size, width=0.01).fc6.weight.shape
            for name in (profile, f"{profile}-overlap")
        ]
        assert inputs[0] == inputs[1]


@pytest.mark.parametrize("name", ["source2012-depth", "lrn", "resnet-lrn", "source2012-lrn-pca"])
def test_there_is_no_such_profile(name):
    with pytest.raises(ValueError, match="AlexNet: profile expects one of .*, got '" + name):
        profile_named(name)


# ---------------------------------------------------------------- the statistics


def test_a_difference_and_its_standard_error():
    pairs = Pairs((30.0, 32.0, 31.0), (33.0, 33.0, 35.0))
    assert pairs.differences == [3, 1, 4]
    assert pairs.mean == pytest.approx(8 / 3)
    # Deviations 1/3, -5/3 and 4/3: variance 42/9 / 2 = 7/3, of the mean a third of that.
    assert pairs.standard_error == pytest.approx((7 / 9) ** 0.5)


@pytest.mark.parametrize(
    ("without", "verdict"),
    [
        ((33.0, 33.0, 35.0), "3 seeds: not distinguishable from 0 (t = 3.02, and 95 % takes 4.30)"),
        ((33.0, 35.5, 35.0), "3 seeds: larger than its noise (t = 12.12, and 95 % takes 4.30)"),
        ((27.0, 28.5, 27.0), "3 seeds: larger than its noise (t = 12.12, and 95 % takes 4.30)"),
        ((30.0, 32.0, 31.0), "3 seeds: no difference each time"),
        ((31.0, 33.0, 32.0), "3 seeds: the same difference each time"),
    ],
)
def test_what_is_noise(without, verdict):
    assert Pairs((30.0, 32.0, 31.0), without).verdict() == verdict


def test_one_seed_tells_nothing():
    pairs = Pairs((30.0,), (40.0,))
    assert (pairs.mean, pairs.standard_error) == (10, None)
    assert pairs.verdict() == "1 seed: nothing tells what is noise"


def test_fewer_false_alarms_with_many_seeds():
    many = Pairs((0.0,) * 40, (1.0, 0.0) * 20)
    assert "95 % takes 2.23)" in many.verdict()


LOG = [
    {"epoch": 1, "step": 20, "loss": 2.0, "top1_error": 0.9, "top5_error": 0.5},
    {"epoch": 1, "step": 25, "loss": 2.0, "top1_error": 0.4, "top5_error": 0.2},
    {"epoch": 1, "step": 25, "val_loss": 1.0, "val_top1_error": 0.5, "val_top5_error": 0.25},
    {"epoch": 2, "step": 40, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.2},
    {"epoch": 2, "step": 50, "loss": 1.0, "top1_error": 0.25, "top5_error": 0.1},
    {"epoch": 2, "step": 50, "val_loss": 1.0, "val_top1_error": 0.625, "val_top5_error": 0.125},
]


def test_the_outcome_of_a_run():
    """The last validation, though not the best; training errors weighted by their steps."""
    found = outcome(LOG, fitted=0.375)
    assert (found.top1, found.top5, found.fitted, found.gap) == (62.5, 12.5, 37.5, 25)
    assert found.training == pytest.approx(((20 * 90 + 5 * 40) / 25, (15 * 50 + 10 * 25) / 25))


def test_when_both_reach_the_same_training_error():
    fast = [Outcome(0, 0, 0, (80.0, 30.0, 20.0, 10.0)), Outcome(0, 0, 0, (50.0, 60.0, 45.0, 40.0))]
    slow = [Outcome(0, 0, 0, (90.0, 80.0, 60.0, 25.0)), Outcome(0, 0, 0, (80.0, 50.0, 90.0, 70.0))]
    errors, epochs = epochs_to_an_error(fast, slow)
    assert errors == [25.0, 50.0]
    assert epochs == Pairs((3, 1), (4, 2))


# ---------------------------------------------------------------- the table

WITH_IT = [Outcome(30.0, 8.0, 20.0, (50.0, 20.0)), Outcome(32.0, 9.0, 21.0, (40.0, 20.0))]
WITHOUT = [Outcome(33.0, 8.0, 10.0, (50.0, 40.0)), Outcome(34.0, 9.5, 12.0, (80.0, 40.0))]


def test_a_block_of_the_table():
    assert result_of("lrn", WITH_IT, WITHOUT, classes=10).text().splitlines() == [
        "lrn        top-1    31.00 (1.41)    33.50 (0.71)    +2.50 ± 0.50      +1.4    +1.37",
        "           top-5     8.50 (0.71)     8.75 (1.06)    +0.25 ± 0.25      +1.2    +1.15",
        "           training 20.50 (0.71)    11.00 (1.41)    -9.50 ± 0.50      -       -",
        "           gap      10.50 (0.71)    22.50 (0.71)    +12.00 ± 1.00     -       -",
        "    top-1: 2 seeds: not distinguishable from 0 (t = 5.00, and 95 % takes 12.71)",
        "    top-5: 2 seeds: not distinguishable from 0 (t = 1.00, and 95 % takes 12.71)",
        "    training: 2 seeds: larger than its noise (t = 19.00, and 95 % takes 12.71)",
        "    gap: 2 seeds: not distinguishable from 0 (t = 12.00, and 95 % takes 12.71)",
        "    section 3.3; configuration 148",
    ]


def test_five_classes_have_no_top_5_error():
    assert result_of("lrn", WITH_IT, WITHOUT, classes=5).figures.keys() == {
        "top-1",
        "training",
        "gap",
    }


def test_of_relu_the_table_says_how_soon():
    text = result_of("relu", WITH_IT, WITHOUT, classes=2).text()
    line = "           epochs    1.50 (0.71)     2.00 (0.00)    +0.50 ± 0.50      -       -"
    assert text.splitlines()[3] == line
    assert "40.0 %; without it 1.3 times as many" in " ".join(text.split())


def test_a_network_that_has_not_learned_says_nothing_of_its_parts():
    results = [result_of("dropout", WITH_IT, WITHOUT, classes=2)]
    assert "hardly learned" not in table("title", results, classes=10)
    untrained = [Outcome(89.0, 50.0, 88.0, (90.0,))]
    results = [result_of("dropout", untrained, untrained, classes=10)]
    told = " ".join(table("title", results, classes=10).split())
    assert "it has hardly learned: 89.0 % error, where guessing has 90.0 %" in told


@pytest.mark.parametrize("part", SWITCHES)
def test_no_line_is_too_long(part):
    text = table("title", [result_of(part, WITH_IT, WITHOUT, classes=10)], classes=10)
    assert max(map(len, text.splitlines())) <= 100


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
        assert errors["with"] == final_errors(folder, "baseline")
        assert errors["without"] == final_errors(folder, found["part"])
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
        final_errors(folder, "lrn")[1] - fitted
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


def stopped_in(folder, by, *argv):
    """Signal an ablation once it trains in `folder`; what it said then, and its status."""
    process = start("ablate", *argv)
    while not (folder / "log.jsonl").exists():
        wait_for(process, "  step ")
    process.send_signal(by)
    return process.communicate(timeout=60)[1], process.returncode


def test_a_stopped_ablation_goes_on_to_the_same_end(whole, photos, tmp_path):
    """Killed in its second run, stopped by Ctrl-C in a later one, and resumed."""
    out = tmp_path / "run"
    stopped_in(out / "lrn" / "seed0", signal.SIGKILL, *PARTS, *flags(photos), "--out", out)
    first = last_checkpoint(out / "baseline" / "seed0")
    before = first.stat().st_mtime_ns
    again = ("--resume", "--out", out)
    said, status = stopped_in(out / "baseline" / "seed1", signal.SIGINT, *again)
    assert status == 130 and f"to continue all runs: python {EXAMPLE} ablate --resume" in said
    assert not (out / "relu" / "seed1").exists()
    result = ablate(*again)
    assert result.status == 0, result.err
    assert first.stat().st_mtime_ns == before
    for kind in KINDS:
        for seed in ("seed0", "seed1"):
            ends = [last_checkpoint(place / kind / seed).read_bytes() for place in (out, whole[0])]
            assert ends[0] == ends[1]
    assert table_in(out) == table_in(whole[0])


def table_in(folder):
    return json.loads((folder / "ablation.json").read_text())


def test_parts_and_seeds_can_be_added(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "more")
    again = ("--resume", "--out", tmp_path / "more", "--workers", 1)
    for parts, seeds in ((("dropout", "lrn"), 1), ((), 2)):
        more = ablate(*parts, "--seeds", seeds, *again)
        assert more.status == 0, more.err
        assert more.out.count("done already") == 4 * seeds - 1  # all but dropout's last
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

    def train_while_another_begins(*args, **kwargs):
        if len(results) < 2:
            for again in ([], ["--resume"]):
                results.append(ablate("relu", *flags(photos), "--out", out, *again))
        return 1

    monkeypatch.setattr(ablate_command, "run_training", train_while_another_begins)
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
