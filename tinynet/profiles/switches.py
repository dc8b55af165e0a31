"""The paper's claims as switches: each takes one part of a profile away, as `ablate` does.

What is left has a name too: "source2012-lrn" is source2012 without its LRN. So a run without a part
is a run like any other, and its checkpoints can be evaluated and resumed. Where the authors kept a
run of that kind, the switch does what they did; their configurations (147 and others beside 145,
the paper's net) are in the code that they released, computerhistory/AlexNet-Source-Code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinynet.profiles.versions import PROFILES, Profile


@dataclass(frozen=True)
class Switch:
    """A part of a profile that can be taken away, and what the authors say that it is good for.

    `paper` and `config` are what is lost without it, in points of top-1 and of top-5 error on
    ImageNet ("" where nobody says): as the paper has it, and as the released logs have it.
    """

    part: str
    changes: Callable[[Profile], dict]  # fields of the profile without it; none if it has none
    paper: tuple[str, str]
    config: tuple[str, str]
    source: str  # where the two say so, and what they compared

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
    if name in PROFILES:
        return PROFILES[name]
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


def _with_one_tower(p: Profile) -> dict:
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
        _without_lrn,
        ("1.4", "1.2"),
        ("1.37", "1.15"),
        "section 3.3; configuration 148: no normalization at all, not within maps either",
    ),
    "overlap": Switch(
        "overlap of pooling windows",
        lambda p: {"pool": 2},
        ("0.4", "0.3"),
        ("0.39", "0.30"),
        "section 3.4; configuration 147: windows of 2 x 2, padding set so that maps keep their "
        "sizes",
    ),
    "towers": Switch(
        "second tower",
        _with_one_tower,
        ("1.7", "1.2"),
        ("1.70", "1.23"),
        "section 3.2; configuration 145-half: one tower, conv5 and the fully connected layers as "
        "wide as both; ILSVRC-2010",
    ),
    "crosstalk": Switch(
        "crosstalk of the towers at conv3",
        _without_crosstalk,
        ("", ""),
        ("1.16", "1.12"),
        "not in the paper; configuration 150: conv3 sees its own tower, conv2 is a quarter wider",
    ),
    "dropout": Switch(
        "dropout",
        lambda p: {"dropout": "none"},
        ("", ""),
        ("", ""),
        "section 4.2: substantial overfitting without, twice the iterations with; no released log",
    ),
    "relu": Switch(
        "ReLU (tanh instead)",
        lambda p: {"activation": "tanh"},
        ("", ""),
        ("", ""),
        "section 3.1: 25 % training error on CIFAR-10 is reached 6 times sooner with ReLU, by four "
        "layers, each kind at the rate that suits it; no released log",
    ),
    "pca": Switch(
        "colour noise",
        lambda p: {"colour_noise": 0.0},
        ("over 1", ""),
        ("", ""),
        "section 4.1; no released log",
    ),
    "crops": Switch(
        "random crops and mirror images",
        lambda p: {"crop": False, "flip": False},
        ("", ""),
        ("", ""),
        "section 4.1: substantial overfitting without; no released log",
    ),
}
