"""Profiles: every field is described in words, with a source; `diff` prints what differs."""

from collections import Counter
from dataclasses import fields, replace
from itertools import combinations, permutations

import pytest
from tiny_runs import load_example, run

from tinynet.alexnet_profiles import BASES, POINTS, PROFILES, Profile, differences, differing

PAIRS = list(permutations(PROFILES, 2))


def test_the_example_has_these_profiles():
    assert load_example("alexnet").PROFILES is PROFILES
    assert load_example("alexnet").EXAMPLE.profiles == tuple(PROFILES)


def test_the_papers_network_is_that_of_its_figure_2():
    alexnet = load_example("alexnet")
    conv, full = alexnet.Conv, alexnet.Full
    whole = ("conv", "relu", "lrn", "pool")
    assert alexnet.network(PROFILES["paper"], num_classes=1000, image_size=224) == [
        conv(96, size=11, stride=4, padding=(0, 3, 0, 3), parts=whole),
        conv(256, size=5, padding=2, towers=2, parts=whole),
        conv(384, size=3, padding=1),  # the lines that cross
        conv(384, size=3, padding=1, towers=2),
        conv(256, size=3, padding=1, towers=2, parts=("conv", "relu", "pool")),
        full(4096, parts=("fc", "relu", "dropout")),
        full(4096, parts=("fc", "relu", "dropout")),
        full(1000, parts=("fc",)),
    ]


def test_each_field_is_told_of_by_one_point():
    told = Counter(name for point in POINTS for name in point.fields)
    assert told == Counter(field.name for field in fields(Profile))
    assert len({point.name for point in POINTS}) == len(POINTS)


@pytest.mark.parametrize(("before", "now"), PAIRS)
def test_what_differs_in_the_data_differs_in_words(before, now):
    a, b = PROFILES[before], PROFILES[now]
    told = [point.name for point in differing(before, now)]
    for point in POINTS:
        if any(getattr(a, name) != getattr(b, name) for name in point.fields):
            assert point.name in told


OTHER_VALUES = {
    "filters": (96, 256, 384, 384, 258),
    "groups": 4,
    "crosstalk": False,
    "layer1": ("conv", "relu", "pool", "lrn"),
    "layer2": ("conv", "relu", "lrn_within", "pool"),
    "activation": "tanh",
    "pool": 2,
    "conv1_padding": 1,
    "lrn_alpha": 1.25e-4,
    "lrn_k": 2.5,
    "lrn_groups": 1,
    "dropout": "inverted",
    "dropout_before": True,
    "init": "he",
    "conv_std": (0.01, 0.01, 0.01, 0.01, 0.02),
    "fc_std": (0.01, 0.01, 0.02),
    "bias": 0.5,
    "bias_rate": 1.5,
    "bias_decay": True,
    "image_size": 192,
    "pixel_mean": (1.5, 2.0, 3.0),
    "pixel_std": (1.0, 1.0, 2.0),
    "batch_size": 129,
    "lr": 0.02,
    "momentum": 0.8,
    "weight_decay": 1e-3,
    "drops": (0.5,),
    "crop": False,
    "flip": False,
    "colour_noise": 0.2,
    "colour_rescale": True,
}


@pytest.mark.parametrize("name", [field.name for field in fields(Profile)])
def test_no_change_of_a_field_is_silent(name):
    paper = PROFILES["paper"]
    changed = replace(paper, **{name: OTHER_VALUES[name]})
    (point,) = (point for point in POINTS if name in point.fields)
    assert point.words(changed) != point.words(paper)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_each_profile_has_a_source(point):
    for profile in PROFILES:
        assert point.source(profile)
    assert set(point.sources) <= set(PROFILES)


def test_a_source_is_taken_over_only_where_the_profile_is_the_same():
    (weights,) = (point for point in POINTS if "init" in point.fields)
    assert weights.source("caffenet") == f"as caffe: {weights.sources['caffe']}"
    nobody = replace(weights, sources={"paper": "section 5"})
    assert nobody.source("paper") == "section 5"
    with pytest.raises(KeyError, match="weights begin as of source2012"):
        nobody.source("no-crosstalk")


def test_bases_lead_to_the_paper():
    assert set(BASES) | {"paper"} == set(PROFILES)
    for name in PROFILES:
        while name != "paper":
            name = BASES[name]


def test_the_paper_and_the_source_of_2012():
    """The rows of the table in the facts, no more and no less."""
    assert differences("paper", "source2012") == [
        "layer 1: conv - ReLU - LRN - pool, now conv - LRN - pool - ReLU",
        "layer 2: conv - ReLU - LRN - pool, now conv - ReLU - LRN - LRN in the map - pool",
        "LRN: alpha 0.0001, k 2, within a tower, now alpha 2e-05, k 2, within a tower",
        "weights begin as: N(0, 0.01), now N(0, 0.01); conv3, conv4, conv5 0.03",
        "rate of the biases: same as the weights, now 2 times that of the weights",
        "colour noise: N(0, 0.1) per component, now N(0, 0.1) per component, then all / 1.1",
    ]
    assert differences("paper", "paper") == []


@pytest.mark.parametrize(("first", "second"), [*combinations(PROFILES, 2)])
def test_diff_prints_each_point(first, second):
    result = run("diff", first, second)
    assert result.status == 0
    assert result.out.startswith(" " * 22 + first)
    rows = {line[:22].strip() for line in result.out.splitlines() if not line.startswith(" ")}
    assert {point.name for point in differing(first, second)} <= rows
    assert max(map(len, result.out.splitlines())) <= 100


def test_diff_tells_where_the_source_is_not_the_paper_and_tinynet_is_one():
    told = "the same here in both profiles"
    assert told in run("diff", "paper", "source2012").out
    assert told in run("diff", "one-tower", "paper").out
    assert told not in run("diff", "paper", "caffe").out


# What a line says, and between which profiles: those of the first group and those of the second.
IN_THE_MAP = "second, undocumented normalization"
COUNTS_NEGATIVE = "before the ReLU, what LRN divides by"
SOURCES = ("source2012", "no-crosstalk", "one-tower")
WITH_NOISE = ("paper", *SOURCES)
WITH_LRN = ("paper", *SOURCES, "caffe", "caffenet", "modern")
ONE_OF_EACH = {
    IN_THE_MAP: (SOURCES, ("paper", "caffe", "caffenet", "owt", "modern")),
    COUNTS_NEGATIVE: (SOURCES, ("paper", "caffe", "caffenet", "modern")),
    "after the pool, LRN": (("caffenet",), ("paper", *SOURCES, "caffe", "modern")),
    "LRN lets maps compete": (("owt",), WITH_LRN),
    "no LRN at all": (("owt",), WITH_LRN),
    "over 1 point less": (WITH_NOISE, ("caffe", "caffenet", "owt", "modern")),
    "one tower of half the maps": (
        ("one-tower",),
        ("paper", "source2012", "no-crosstalk", "caffe", "caffenet", "modern"),
    ),
    "without: 1.16 points": (
        ("no-crosstalk",),
        ("paper", "source2012", "caffe", "caffenet", "modern"),
    ),
    "1.0 % of a logit": (("paper",), SOURCES),
}


@pytest.mark.parametrize("text", ONE_OF_EACH)
def test_diff_says_only_what_is_of_the_pair(text):
    """On a point where two profiles agree, nothing is said."""
    some, others = ONE_OF_EACH[text]
    for first, second in PAIRS:
        a, b = PROFILES[first], PROFILES[second]
        told = " ".join(
            f"{point.effect_between(a, b)} {point.measured_between(a, b)}"
            for point in differing(first, second)
        )
        wanted = (first in some and second in others) or (first in others and second in some)
        assert (text in told) == wanted, (first, second)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_each_difference_is_good_for_something(first, second):
    a, b = PROFILES[first], PROFILES[second]
    assert all(point.effect_between(a, b) for point in differing(first, second))


def test_1_drowns_the_image_only_where_a_profile_has_1():
    (point,) = (point for point in POINTS if "bias" in point.fields)
    for first, second in PAIRS:
        if point in differing(first, second):
            told = point.effect_between(PROFILES[first], PROFILES[second])
            of_1 = {"paper", *SOURCES, "caffenet"} & {first, second}
            assert ("1 drowns" in told) == bool(of_1), (first, second)


def test_diff_prints_what_is_of_the_pair():
    assert IN_THE_MAP not in run("diff", "owt", "modern").out
    caffes = run("diff", "caffe", "caffenet").out
    assert IN_THE_MAP not in caffes and COUNTS_NEGATIVE not in caffes and "measured" not in caffes
    result = run("diff", "paper", "source2012").out
    assert IN_THE_MAP in result and COUNTS_NEGATIVE in result
    assert "1.4 points" not in result and "over 1 point" not in result


def test_diff_tells_what_owt_did_of_the_rate():
    result = run("diff", "owt", "modern").out
    assert "torchvision's references: every 30 epochs (recalled)" in result
    assert "when the validation error stops" in result


def test_diff_of_a_profile_and_itself():
    result = run("diff", "owt", "owt")
    assert (result.status, result.out) == (0, "owt and owt are the same\n")


def test_diff_of_an_unknown_profile():
    result = run("diff", "paper", "resnet")
    assert result.status == 2
    assert "invalid choice: 'resnet'" in result.err


def test_recipes_of_other_networks_have_no_diff():
    assert run("diff", "80sec", "18pct", example="cifar10").status == 2
