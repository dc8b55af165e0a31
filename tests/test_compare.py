"""`compare`: a run's errors beside the band of its recipe, and what to look at."""

import json

import pytest
from tiny_runs import load_example, run

from tinynet.reports.expected_curve import Curve, Point, rows, what_to_look_at

CIFAR10 = load_example("cifar10")
CURVES = CIFAR10.EXAMPLE.curves
POINTS = (Point(1, 0.5, 0.7, "a"), Point(4, 0.3, 0.4, "b"), Point(16, 0.1, 0.2, "c"))
CURVE = Curve("much", 1, 10, POINTS)


def test_every_recipe_has_a_curve_that_ends_with_what_it_promises():
    assert CURVES.keys() == CIFAR10.RECIPES.keys()
    for name, curve in CURVES.items():
        recipe, last = CIFAR10.RECIPES[name], curve.points[-1]
        assert last.epoch == recipe.epochs
        promised = int(curve.promise.split()[0]) / 100
        assert last.low < promised < last.high and last.high - last.low <= 0.04
        assert curve.views == (9 if recipe.crop else 1)
        assert curve.steps_per_epoch == 50_000 // recipe.batch_size
        assert all(point.source for point in curve.points)


def test_the_band_is_straight_over_the_logarithm_of_the_epoch():
    assert CURVE.band(0.9) is None
    assert CURVE.band(1) == (0.5, 0.7) and CURVE.band(4) == (0.3, 0.4)
    assert CURVE.band(2) == pytest.approx((0.4, 0.55))  # half way from 1 to 4
    assert CURVE.band(8) == pytest.approx((0.2, 0.3))
    assert CURVE.band(16) == CURVE.band(99) == (0.1, 0.2)


def test_rows_are_the_validations_from_the_first_point_on():
    lines = [{"step": 5, "val_top1_error": 0.9}, {"step": 10, "loss": 1.0}]
    lines += [{"step": step, "val_top1_error": e} for step, e in ((10, 0.6), (20, 0.39), (30, 0.6))]
    found = rows(CURVE, lines)
    assert [(row.epoch, row.verdict) for row in found] == [
        *((1, "inside"), (2, "below"), (3, "above"))
    ]


@pytest.mark.parametrize(
    "points",
    [POINTS[:1], POINTS[::-1], (Point(0, 0.1, 0.2, ""), *POINTS), (POINTS[0], Point(2, 1, 0, ""))],
)
def test_a_curve_that_is_none_is_refused(points):
    with pytest.raises(ValueError, match="Curve: points expects"):
        Curve("", 1, 10, points)


@pytest.mark.parametrize(
    ("start", "training", "validation", "told"),
    [
        (2.3, 0.9, 0.9, "it has not begun to learn"),
        (2.3, 0.1, 0.3, "training error 10.0%, validation error 30.0%: it learns by heart"),
        (2.3, 0.3, 0.31, "it has not learned enough"),
        (9.0, 0.3, 0.31, "the loss began at 9.00, not at ln 10 = 2.30"),
    ],
)
def test_what_to_look_at(start, training, validation, told):
    lines = [
        {"loss": start, "top1_error": 0.9},
        {"loss": 1.0, "top1_error": training, "doctor": ["too cold"]},
        {"val_top1_error": validation},
    ]
    texts = what_to_look_at("above", lines, 10)
    assert texts[0] == "the doctor said: too cold" and told in texts[1]
    assert "better than the authors'" in what_to_look_at("below", lines, 10)[-1]


# -------------------------------------------------------------------------------------- the command


def write_run(folder, errors, network="cifar10", **settings):
    """A run of 80sec: a validation after each epoch, with these errors."""
    folder.mkdir()
    usual = {"profile": "80sec", "data": "cifar10", "epochs": 10, "lr": 0.001, "batch_size": 128}
    config = {"network": network, **usual, "schedule": "drops", **settings}
    (folder / "config.json").write_text(json.dumps(config))
    lines = [{"step": 20, "epoch": 1, "loss": 2.3, "top1_error": 0.8, "top5_error": 0.4}]
    for epoch, error in enumerate(errors, 1):
        place = {"step": 390 * epoch, "epoch": epoch}
        lines.append({**place, "loss": 1.0, "top1_error": error, "top5_error": 0.1})
        validation = {"val_loss": 1.0, "val_top1_error": error, "val_top5_error": 0.1}
        lines.append({**place, **validation})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def middle(epoch):
    return sum(CURVES["80sec"].band(epoch)) / 2


def test_inside(tmp_path):
    folder = write_run(tmp_path / "run", [middle(epoch) for epoch in range(1, 11)])
    result = run("compare", folder, example="cifar10")
    assert (result.status, result.err) == (0, "")
    assert "80sec, 10 of 10 epochs" in result.out and "differs" not in result.out
    assert result.out.count(" inside\n") == 10
    for point in CURVES["80sec"].points:
        assert f"expected after epoch {point.epoch:g}: {point.source}\n" in result.out
    assert result.out.endswith("inside the band to the end, 10 validations\n")


def test_inside_so_far(tmp_path):
    result = run("compare", write_run(tmp_path / "run", [middle(1)]), example="cifar10")
    assert (result.status, result.err) == (0, "")
    assert "80sec, 1 of 10 epochs" in result.out
    assert result.out.endswith("inside the band so far, 1 validation\n")


def test_outside(tmp_path):
    errors = [middle(1), middle(2), 0.9, 0.9]
    folder = write_run(tmp_path / "run", errors, batch_size=64, width=0.5, lr=0.01)
    result = run("compare", folder, example="cifar10")
    assert result.status == 1, result.err
    differing = [line for line in result.out.splitlines() if line.startswith("differs")]
    assert differing == [
        "differs  width 0.5, the recipe has 1.0",
        "differs  batch_size 64, the recipe has 128",
        "differs  lr 0.01, the recipe has 0.001",
    ]
    assert "outside the band: 2 validations of 4, above it first after epoch 3\n" in result.out
    assert "look at  the settings that differ" in result.out
    assert "look at  training error 90.0%: it has not begun to learn" in result.out


def test_of_a_long_run_it_shows_a_few_rows(tmp_path):
    curve = CURVES["11pct"]
    errors = [sum(curve.band(epoch)) / 2 for epoch in range(1, 521)]
    errors[299] = 0.9
    folder = write_run(tmp_path / "run", errors, profile="11pct", epochs=520)
    result = run("compare", folder, example="cifar10")
    assert result.status == 1
    table = result.out.split("\n\n")[1].splitlines()[1:]
    shown = [int(line.split()[0]) for line in table]
    assert shown == sorted({*(int(point.epoch) for point in curve.points), 300, 520})
    assert "1 validation of 520, above it first after epoch 300" in result.out


def test_a_promise_for_nine_views_is_tested_by_another_command(tmp_path):
    curve = CURVES["13pct"]
    errors = [sum(curve.band(epoch)) / 2 for epoch in range(1, 161)]
    folder = write_run(tmp_path / "run", errors, profile="13pct", epochs=160)
    result = run("compare", folder, example="cifar10")
    assert result.status == 0
    assert f"eval --checkpoint {folder} --views 9" in result.out


@pytest.mark.parametrize(
    ("errors", "settings", "told"),
    [
        ([], {}, "has no validation after epoch 1 yet, with which the curve of 80sec begins (390"),
        ([0.5], {"network": "alexnet"}, "is a run of examples/alexnet.py"),
        ([0.5], {"profile": "9pct"}, "is a run of the recipe 9pct; wanted one of 80sec, 18pct"),
    ],
)
def test_bad_runs_are_status_2(tmp_path, errors, settings, told):
    result = run("compare", write_run(tmp_path / "run", errors, **settings), example="cifar10")
    assert result.status == 2 and result.out == ""
    assert result.err.startswith("error: ") and told in result.err and result.err.count("\n") == 1


def test_no_run_is_status_2(tmp_path):
    for path, told in ((tmp_path / "none", "no such run"), (tmp_path, "holds no run")):
        result = run("compare", path, example="cifar10")
        assert result.status == 2 and told in result.err


def test_only_recipes_are_compared():
    assert run("compare", "x").status == 2
