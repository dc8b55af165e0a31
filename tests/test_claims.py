"""The paper's claims: which runs they compare, what is made of these, and the page that says it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import load_example

from tinynet.alexnet_profiles import CLAIMS, KINDS, PROFILES, profile_named
from tinynet.alexnet_profiles.claims import PARTS
from tinynet.commands.claims import read_logs
from tinynet.reports.claim_figure import draw_claim
from tinynet.reports.claims import Log, compared, specialization, was_run
from tinynet.reports.claims_page import page
from tinynet.reports.claims_table import block
from tinynet.reports.verdict import Verdict
from tinynet.training.settings import FLAG, names

DOCS = Path(__file__).parents[1] / "docs"
COMPARISONS = [(name, c) for name, claim in CLAIMS.items() for c in claim.comparisons]

# ---------------------------------------------------------------- what is compared


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_run_can_be_trained(kind):
    its = KINDS[kind]
    assert its.settings.keys() <= {*names(FLAG)} and its.data in PARTS
    assert ("lr" in its.settings) != bool(its.rates)
    example = load_example(its.example).EXAMPLE
    settings = example.settings({"lr": 0.1, **its.settings, "data": "cifar10"}, "cifar10")
    model = example.build(10, settings.profile, "cpu", settings.image_size, width=0.03)
    x = np.zeros((1, 3, settings.image_size, settings.image_size), np.float32)
    assert model(x).shape == (1, 10)
    assert its.start == "" or KINDS[its.start].settings["width"] == its.settings["width"]


@pytest.mark.parametrize(("name", "comparison"), COMPARISONS)
def test_two_kinds_differ_in_the_network_alone(name, comparison):
    """Or in nothing, where both sides are of the same run; a fine-tuned one has its own rate."""
    sides = [KINDS[comparison.with_it], KINDS[comparison.without]]
    if comparison.figure in ("views", "ensemble", "towers"):
        assert sides[0] == sides[1]
        return
    settings = [{k: v for k, v in side.settings.items() if k != "profile"} for side in sides]
    if name == "pretraining":
        settings = [{**its, "epochs": 0, "lr": 0} for its in settings]
    assert settings[0] == settings[1] and sides[0].data == sides[1].data


def test_every_claim_of_the_paper_is_among_them():
    wanted = "relu dropout decay lrn overlap augmentation views momentum towers crosstalk ensemble "
    assert [*CLAIMS] == (wanted + "pretraining").split()


def test_colour_noise_is_added_to_modern_and_nothing_else():
    assert profile_named("modern-colour").colour_noise == PROFILES["paper"].colour_noise
    assert replace(profile_named("modern-colour"), colour_noise=0.0) == PROFILES["modern"]


# ---------------------------------------------------------------- what is made of the runs


def found(top1, **others):
    errors = {"top1": top1, "top5": [0.0] * len(top1), "training": [0.5, 0.3], "fitted": 0.25}
    return {"seconds": 1.0, "classes": 10, **errors, **others}


def log(**kinds):
    """A log of these kinds: what was found with seeds 0, 1 and so on."""
    return Log(
        versions=["one"],
        kinds={
            kind: {
                "settings": KINDS[kind].settings | {"lr": 0.01},
                "runs": {str(seed): run for seed, run in enumerate(runs)},
            }
            for kind, runs in kinds.items()
        },
    )


def test_of_two_kinds_the_seeds_that_both_have():
    runs = log(
        base=[found([0.5, 0.3]), found([0.5, 0.32]), found([0.5, 0.31])],
        overlap=[found([0.5, 0.33]), found([0.5, 0.36])],
    )
    error, gap = compared("overlap", runs)
    assert (error.pairs.with_it, error.pairs.without) == ((30, 32), (33, 36))
    assert gap.pairs.with_it == pytest.approx((5, 7))  # 25 % of the training images are wrong
    assert error.verdict() == Verdict("not decided", 3)  # 3.5 +- 6.4; of 3 seeds +- 1.8


def test_epochs_to_25_percent():
    fast = [found([0.5], training=[0.5, 0.25, 0.1]), found([0.5], training=[0.25, 0.2, 0.1])]
    slow = [found([0.5], training=[0.6, 0.5, 0.24]), found([0.5], training=[0.6, 0.5, 0.4])]
    runs = log(relu=fast, tanh=slow, sigmoid=fast)
    runs.tuning = {"relu": {"0.01": fast[0], "0.1": slow[1]}}
    tanh, sigmoid = compared("relu", runs)
    assert (tanh.pairs.with_it, tanh.pairs.without) == ((2, 1), (3, 4)) and tanh.pairs.ratio
    assert tanh.at_least and not sigmoid.at_least
    told = " ".join(block("relu", runs).split())
    assert ">= x 2.45" in told  # the geometric mean of 1.5 and 4
    assert (
        "rates tried for relu: 0.01: 25 % after 2 epochs, 0.1: 40.0 % at the end; the one" in told
    )
    runs.tuning["relu"]["0.001"] = slow[1]  # now 0.01, the rate of these runs, is between others
    told = " ".join(block("relu", runs).split())
    assert told.endswith("0.1: 40.0 % at the end, 0.001: 40.0 % at the end")


def test_ten_views_and_ensembles_are_compared_with_the_same_runs():
    runs = log(base=[found([0.4], top1_of_10_views=0.38), found([0.5], top1_of_10_views=0.49)])
    (views,) = compared("views", runs)
    assert (views.pairs.with_it, views.pairs.without) == ((38, 49), (40, 50))
    assert compared("ensemble", runs)[0].pairs is None
    runs.ensembles = [{"seeds": ["0", "1"], "top1": 0.375, "alone": [0.4, 0.5]}]
    (ensemble,) = compared("ensemble", runs)
    assert (ensemble.pairs.with_it, ensemble.pairs.without) == ((37.5,), (45,))


def test_towers_specialize_if_they_differ_more_than_random_halves():
    chance, towers = specialization(np.array([0.0, 0.1, 0.9, 1.0]))
    assert towers == pytest.approx(90)
    # Of the three ways to halve them: 0.9, 0.1 (0 and 0.9 against 0.1 and 1), and 0.
    assert chance == pytest.approx(100 * (0.9 + 0.1 + 0) / 3, abs=3)
    chance, towers = specialization(np.array([0.0, 1.0, 0.1, 0.9]))
    assert towers == pytest.approx(0)
    assert specialization(np.full(4, 0.7)) == (pytest.approx(0), pytest.approx(0))


def test_what_was_not_run_is_said():
    assert not was_run("lrn", Log()) and not was_run("lrn", log(lrn=[found([0.5])]))
    text = page({"decay": log(base=[found([0.5])])})
    assert "| [no weight decay](#decay) | - | - | no number | not run yet |" in text
    assert "| `python examples/alexnet.py claims decay` | - | - | - |" in text
    assert text.count("*Not run yet.*") == len(CLAIMS)
    for name in CLAIMS:
        assert f"\n## {name}\n" in text and f"`python examples/alexnet.py claims {name}`" in text


@pytest.mark.parametrize("name", CLAIMS)
def test_a_figure_of_every_claim(name, tmp_path):
    kinds = {k for c in CLAIMS[name].comparisons for k in (c.with_it, c.without)}
    one = found([0.5, 0.3], colours=[0.1, 0.9], top1_of_10_views=0.2)
    runs = log(**{kind: [one, one] for kind in sorted(kinds)})
    runs.ensembles = [{"seeds": ["0"], "top1": 0.3, "alone": [0.4]}]
    draw_claim(name, runs, tmp_path / "a.png")
    assert 2_000 < (tmp_path / "a.png").stat().st_size < 60_000


def test_a_figure_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="draw_claim: log has no runs of lrn"):
        draw_claim("lrn", Log(), tmp_path / "a.png")


# ---------------------------------------------------------------- docs/claims.md


def test_the_page_is_made_of_the_logs_beside_it():
    """If not: python examples/alexnet.py claims --page docs"""
    logs = read_logs(DOCS / "claims")
    assert (DOCS / "claims.md").read_text(encoding="utf-8") == page(logs)
    assert {path.stem for path in (DOCS / "claims").glob("*.json")} == logs.keys()


def test_the_figures_of_the_page_are_there_and_small():
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    figures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert sorted(figures) == sorted(f"claims/{p.name}" for p in (DOCS / "claims").glob("*.png"))
    assert all((DOCS / figure).stat().st_size < 60_000 for figure in figures)


def test_logs_are_small_and_of_one_version_of_the_code():
    for path in (DOCS / "claims").glob("*.json"):
        assert path.stat().st_size < 100_000
    for name, of_claim in read_logs(DOCS / "claims").items():
        assert len(of_claim.versions) == 1, name


def test_links_of_the_page_lead_to_files():
    text = (DOCS / "claims.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / link).exists(), link
