"""The paper's claims as switches: each takes one part of a profile away, as `ablate` does.

What is left has a name too: "source2012-lrn" is source2012 without its LRN. So a run without a part
is a run like any other, and its checkpoints can be evaluated and resumed. Where the authors kept a
run of that kind, the switch does what they did; their configurations (147 and others beside 145,
the paper's net) are in the code that they released, computerhistory/AlexNet-Source-Code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log

from tinynet.alexnet_profiles.versions import PROFILES, VARIANTS, Profile


@dataclass(frozen=True)
class Claimed:
    """That a figure is larger without the part (`side` 1), or smaller (-1).

    `figure`: top-1, training or gap, in points; epochs or converge, which are compared as a ratio.
    `size`: by how many points, or by the logarithm of which ratio, if anybody says so.
    """

    figure: str
    side: int = 1
    size: float | None = None


@dataclass(frozen=True)
class Switch:
    """A part of a profile that can be taken away, and what the authors say that it is good for.

    `paper` and `config` are how much more top-1 and top-5 error there is without it, in points on
    ImageNet ("" where nobody says): as the paper has it, and as the released logs have it.
    """

    part: str
    without: str  # what there is instead
    changes: Callable[[Profile], dict]  # the same as fields of the profile; none if it has no part
    paper: tuple[str, str]
    config: tuple[str, str]
    source: str  # where the two say so, and what they compared
    claims: tuple[Claimed, ...] = ()  # what the runs of an ablation can reproduce, or not

    def thrown(self, profile: Profile) -> Profile:
        """The profile without this part; the same if it has no such part."""
        return replace(profile, **self.changes(profile))

    def is_in(self, profile: Profile) -> bool:
        """Whether the profile has this part."""
        return self.thrown(profile) != profile


def profile_named(name: str) -> Profile:
    """The profile "source2012", or "source2012-lrn", which is that one without its LRN.

    ValueError if there is none of this name.
    """
    if found := PROFILES.get(name) or VARIANTS.get(name):
        return found
    base, _, switch = name.rpartition("-")
    if base in PROFILES and switch in SWITCHES:
        return SWITCHES[switch].thrown(PROFILES[base])
    raise ValueError(f"AlexNet: profile expects one of {[*PROFILES]}, got {name!r}")


# ---------------------------------------------------------------- the switches


def _without_lrn(p: Profile) -> dict:
    layers = {"layer1": p.layer1, "layer2": p.layer2}
    return {
        name: tuple(kind for kind in kinds if not kind.startswith("lrn"))
        for name, kinds in layers.items()
    }


def _without_second_tower(p: Profile) -> dict:
    """As in configuration 145-half: half of all maps, but for those of conv5."""
    if p.groups == 1:
        return {}
    *half, conv5 = p.filters
    return {"groups": 1, "lrn_groups": 1, "filters": (*(n // 2 for n in half), conv5)}


def _without_crosstalk(p: Profile) -> dict:
    """As in configuration 150: conv2 gets a quarter more maps, to make up for the loss."""
    if p.groups == 1 or not p.crosstalk:
        return {}
    conv1, conv2, *others = p.filters
    return {"crosstalk": False, "filters": (conv1, conv2 * 5 // 4, *others)}


SWITCHES = {
    "lrn": Switch(
        "LRN",
        "no normalization, not within maps either",
        _without_lrn,
        ("+1.4", "+1.2"),
        ("+1.37", "+1.15"),
        "section 3.3; configuration 148",
        (Claimed("top-1", size=1.4),),
    ),
    "overlap": Switch(
        "overlapping pools",
        "windows of 2 x 2 with stride 2; maps keep their sizes",
        lambda p: {"pool": 2},
        ("+0.4", "+0.3"),
        ("+0.39", "+0.30"),
        "section 3.4, also that it overfits slightly less; configuration 147, with other padding "
        "to keep the sizes of the maps",
        (Claimed("top-1", size=0.4), Claimed("gap")),
    ),
    "towers": Switch(
        "second tower",
        "one tower; conv5, fc6 and fc7 are as wide as both had",
        _without_second_tower,
        ("+1.7", "+1.2"),
        ("+1.70", "+1.23"),
        "section 3.2; configuration 145-half, on ILSVRC-2010",
        (Claimed("top-1", size=1.7),),
    ),
    "crosstalk": Switch(
        "crosstalk at conv3",
        "conv3 sees its own tower only; conv2 is a quarter wider",
        _without_crosstalk,
        ("", ""),
        ("+1.16", "+1.12"),
        "not in the paper; configuration 150",
        (Claimed("top-1", size=1.16),),
    ),
    "dropout": Switch(
        "dropout",
        "every unit of fc6 and fc7 is kept",
        lambda p: {"dropout": "none"},
        ("", ""),
        ("", ""),
        "section 4.2: substantial overfitting without it, twice the iterations with it; no "
        "released log",
        (Claimed("gap"), Claimed("converge", -1, log(2))),
    ),
    "relu": Switch(
        "ReLU",
        "tanh",
        lambda p: {"activation": "tanh"},
        ("", ""),
        ("", ""),
        "section 3.1: a net of four layers reaches 25 % training error on CIFAR-10 6 times sooner "
        "with ReLU, each at the rate that suits it (here both have the same); no released log",
        (Claimed("epochs", size=log(6)),),
    ),
    "pca": Switch(
        "colour noise",
        "the colours stay as they are",
        lambda p: {"colour_noise": 0.0},
        ("> +1", ""),
        ("", ""),
        "section 4.1; no released log",
        (Claimed("top-1", size=1.0),),
    ),
    "crops": Switch(
        "random crops and mirror images",
        "training sees the centre of each image",
        lambda p: {"crop": False, "flip": False},
        ("", ""),
        ("", ""),
        "section 4.1: substantial overfitting without them; no released log",
        (Claimed("gap"),),
    ),
    "whole": Switch(
        "division into towers",
        "one tower as wide as both",
        lambda p: {"groups": 1, "lrn_groups": 1},
        ("", ""),
        ("", ""),
        "section 3.2 compares with half of it only; no released log",
    ),
    "momentum": Switch(
        "momentum",
        "each step follows its own gradient only",
        lambda p: {"momentum": 0.0},
        ("", ""),
        ("", ""),
        "section 5 trains with 0.9 and does not say what for; here: that it learns sooner with it",
        (Claimed("epochs"),),
    ),
    "decay": Switch(
        "weight decay",
        "weights are not pulled to 0",
        lambda p: {"weight_decay": 0.0},
        ("", ""),
        ("", ""),
        "section 5: not merely a regularizer, it reduces the training error; no released log",
        (Claimed("training"),),
    ),
}
