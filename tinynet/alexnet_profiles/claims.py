"""What the paper claims, as experiments that two cores finish in an evening.

A claim compares runs of one kind with runs of another, seed by seed: with and without a part of the
network. Kinds are shared, so that runs count for every claim that needs them. The authors trained
on 1.2 million photographs for days; here a run sees some thousand small images for a minute. What
that can show is which of two networks learns sooner, or fits its images better; what it cannot is
said on the page that is made of these, docs/claims.md.
"""

from dataclasses import dataclass
from math import log

# Parts of CIFAR-10: training images, validation images, and training images that are passed over.
TINY, SMALL, MORE = "tiny", "small", "more"
PARTS = {TINY: (500, 200, 0), SMALL: (1_500, 1_000, 0), MORE: (6_000, 1_000, 1_500)}
TUNING_SEED = 99  # of the runs that choose a rate, and count for nothing else
GROUP = 3  # networks in an ensemble


@dataclass(frozen=True)
class Kind:
    """A kind of run, `label` in words: `settings` are flags of `train` by their names."""

    label: str
    example: str  # whose network it is: "alexnet", "cifar10"
    settings: dict
    data: str = SMALL
    start: str = ""  # the kind whose network of the same seed it is fine-tuned from
    rates: tuple[float, ...] = ()  # which are tried first: the best one is taken


@dataclass(frozen=True)
class Comparison:
    """One figure, with the part and without it.

    `figure`: top-1, training or gap (points); epochs or converge (a ratio); views, ensemble or
    towers, whose two sides come from the same runs. `side` and `size` are what is claimed of the
    difference, without minus with, as in a switch's `claims`; side 0: nothing. `in_2012`: the same
    as the paper or the authors' logs have it, in words.
    """

    title: str
    figure: str
    with_it: str
    without: str
    side: int = 1
    size: float | None = None
    in_2012: str = "no number"


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper's, and what it is held against."""

    says: str
    source: str
    comparisons: tuple[Comparison, ...]
    remark: str = ""  # what must be known to read the numbers


def _alexnet(label: str, profile: str, **others) -> Kind:
    """The profile `modern`, since it learns in few steps, at an eighth of its width."""
    usual = {"image_size": 64, "width": 0.125, "epochs": 10, "batch_size": 16, "lr": 0.01}
    kind = {name: others.pop(name) for name in ("data", "start") if name in others}
    return Kind(label, "alexnet", {"profile": profile, **usual, **others}, **kind)


def _figure1(activation: str, *rates: float) -> Kind:
    usual = {"image_size": 32, "width": 0.25, "epochs": 30, "batch_size": 16}
    profile = f"figure1{activation and '-'}{activation}"
    return Kind(activation or "ReLU", "cifar10", {"profile": profile, **usual}, TINY, rates=rates)


def _four_layers(label: str, profile: str) -> Kind:
    usual = {"image_size": 24, "width": 0.25, "epochs": 12, "batch_size": 16, "lr": 0.001}
    return Kind(label, "cifar10", {"profile": profile, **usual})


KINDS = {
    "base": _alexnet("modern", "modern"),
    "dropout": _alexnet("no dropout", "modern-dropout"),
    "decay": _alexnet("no weight decay", "modern-decay"),
    "overlap": _alexnet("2 x 2 pools", "modern-overlap"),
    "crops": _alexnet("no crops, no mirrors", "modern-crops"),
    "colour": _alexnet("colour noise", "modern-colour"),
    "momentum": _alexnet("no momentum", "modern-momentum"),
    "towers": _alexnet("one tower, half", "modern-towers"),
    "whole": _alexnet("one tower, whole", "modern-whole"),
    "crosstalk": _alexnet("no cross-talk", "modern-crosstalk"),
    "pretrained": _alexnet("before fine-tuning", "modern", data=MORE, epochs=3),
    "finetuned": _alexnet("fine-tuned", "modern", start="pretrained", epochs=4, lr=0.001),
    "relu": _figure1("", 0.003, 0.01, 0.03),
    "tanh": _figure1("tanh", 0.003, 0.01, 0.03),
    "sigmoid": _figure1("sigmoid", 0.03, 0.1, 0.3),
    "lrn": _four_layers("LRN", "13pct-lrn"),
    "no-lrn": _four_layers("no LRN", "13pct"),
}

CLAIMS = {
    "relu": Claim(
        "A network of four layers with ReLU reaches 25 % training error on CIFAR-10 six times "
        "sooner than one with tanh",
        "section 3.1, figure 1",
        (
            Comparison("tanh for ReLU", "epochs", "relu", "tanh", 1, log(6), "x 6"),
            Comparison("sigmoid for ReLU", "epochs", "relu", "sigmoid"),
        ),
        "Epochs until the error on the training images, in training, is 25 %. Each activation has "
        "the rate, of those tried, with which it gets there first.",
    ),
    "dropout": Claim(
        "Without dropout the network overfits substantially; with it, it takes twice as long to "
        "converge",
        "section 4.2",
        (
            Comparison("no dropout: overfitting", "gap", "base", "dropout"),
            Comparison(
                "no dropout: epochs to converge", "converge", "base", "dropout", -1, log(2), "x 0.5"
            ),
        ),
        "Converged: as low a validation error as both get.",
    ),
    "decay": Claim(
        "Weight decay is not merely a regularizer: it reduces the training error",
        "section 5",
        (Comparison("no weight decay", "training", "base", "decay"),),
    ),
    "lrn": Claim(
        "Local response normalization reduces the error of a four-layer network on CIFAR-10 from "
        "13 % to 11 %, and AlexNet's by 1.4 points",
        "section 3.3; configuration 148",
        (Comparison("no LRN, same width", "top-1", "lrn", "no-lrn", 1, 1.4, "+1.4; +1.37"),),
        "The authors' own 11pct also has twice as many filters in local3 and another weight decay "
        "than 13pct; here nothing differs but LRN.",
    ),
    "overlap": Claim(
        "Pools that overlap reduce the error by 0.4 points, and make it slightly more difficult to "
        "overfit",
        "section 3.4; configuration 147",
        (
            Comparison("2 x 2 pools: error", "top-1", "base", "overlap", 1, 0.4, "+0.4; +0.39"),
            Comparison("2 x 2 pools: overfitting", "gap", "base", "overlap"),
        ),
        "Maps keep their sizes.",
    ),
    "augmentation": Claim(
        "Without random crops and mirror images the network overfits substantially; noise in the "
        "colours reduces the error by more than 1 point",
        "section 4.1",
        (
            Comparison("no crops, no mirror images", "gap", "base", "crops"),
            Comparison("no colour noise", "top-1", "colour", "base", 1, 1.0, "> +1"),
        ),
    ),
    "views": Claim(
        "The mean over ten views of an image errs less than its centre alone",
        "section 4.1; 39.0 % and 37.5 % on ILSVRC-2010",
        (Comparison("1 view for 10", "views", "base", "base", 1, 1.5, "+1.5"),),
    ),
    "momentum": Claim(
        "With momentum 0.9 a network learns sooner: the paper trains so, and does not say why",
        "section 5",
        (Comparison("no momentum", "epochs", "base", "momentum"),),
        "Epochs until the training error is as low as both get it. The rate is the same, so that "
        "steps without momentum are ten times as short in the long run.",
    ),
    "towers": Claim(
        "Two towers reduce the error by 1.7 points, compared with one of half the kernels",
        "section 3.2; configuration 145-half",
        (
            Comparison("one tower, half as wide", "top-1", "base", "towers", 1, 1.7, "+1.7; +1.70"),
            Comparison("one tower, as wide as both", "top-1", "base", "whole", 0),
        ),
    ),
    "crosstalk": Claim(
        "One tower's first filters come out without colour and the other's with it, in every run; "
        "where towers do not see each other, the error rises",
        "section 6.1, figure 3; configuration 150",
        (
            Comparison("towers that specialize", "towers", "base", "base"),
            Comparison("the same without cross-talk", "towers", "crosstalk", "crosstalk", 0),
            Comparison("no cross-talk", "top-1", "base", "crosstalk", 1, 1.16, "-; +1.16"),
        ),
        "Colour score: how much of the filters' energy is colour, mean over a tower; compared is "
        "how far the towers differ, with the mean of random halves of the same filters.",
    ),
    "ensemble": Claim(
        "The mean of several networks errs less than each: 40.7 % of one, 38.1 % of five",
        "section 6, table 2",
        (Comparison("1 network for 3", "ensemble", "base", "base", 1, 2.6, "+2.6, of five"),),
        "A pair is an ensemble of three networks, and the mean error of these three.",
    ),
    "pretraining": Claim(
        "A network that was trained on more images first, and then fine-tuned, errs less: 39.0 % "
        "and not 40.7 %",
        "section 6, table 2",
        (Comparison("from scratch", "top-1", "finetuned", "base", 1, 1.7, "+1.7"),),
        f"First on {PARTS[MORE][0]:,} other images of the same classes, then on the "
        f"{PARTS[SMALL][0]:,}.",
    ),
}
