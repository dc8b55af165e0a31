"""What a difference does, where that depends on the two profiles that are compared.

Also which of the variants that somebody tried a profile has; None if it has none of them, because
what was measured between two variants says nothing about others.
"""

from tinynet.alexnet_profiles.versions import Profile


def layer1(a: Profile, b: Profile) -> str:
    return _of_orders(a.layer1, b.layer1)


def layer2(a: Profile, b: Profile) -> str:
    return _of_orders(a.layer2, b.layer2)


def _of_orders(*orders: tuple[str, ...]) -> str:
    """What may differ between the two, in words."""
    first, second = orders
    effects = []
    if ("lrn" in first) != ("lrn" in second):
        effects.append("LRN lets maps compete: what is large in one makes its neighbours small")
    if all("lrn" in kinds for kinds in orders):
        if _before("lrn", "relu", first) != _before("lrn", "relu", second):
            effects.append("before the ReLU, what LRN divides by counts negative values too")
        if _before("pool", "lrn", first) != _before("pool", "lrn", second):
            effects.append("after the pool, LRN has a quarter of the values to look at")
    if ("lrn_within" in first) != ("lrn_within" in second):
        effects.append(
            "the source has a second, undocumented normalization, 5x5 within each map: "
            "alpha 1e-3/25, beta 0.75, k 1"
        )
    return "; ".join(effects)


def _before(kind: str, other: str, kinds: tuple[str, ...]) -> bool:
    return kinds.index(kind) < kinds.index(other)


def biases(a: Profile, b: Profile) -> str:
    alive = "above 0, biases let a ReLU begin alive"
    with_one = [p for p in (a, b) if p.init != "torch" and p.bias == 1]
    return f"{alive}; 1 drowns the image in a constant" if with_one else alive


# ---------------------------------------------------------------- what was tried


def towers_tried(p: Profile) -> str | None:
    if p.groups == 2:
        return "145"
    return "145-half" if p.filters == (48, 128, 192, 192, 256) else None


def crosstalk_tried(p: Profile) -> bool | None:
    return p.crosstalk if p.groups == 2 else None


def lrn_tried(p: Profile) -> bool:
    return "lrn" in p.layer1 + p.layer2


def noise_tried(p: Profile) -> bool:
    return p.colour_noise > 0


def weights_tried(p: Profile) -> float | None:
    """The std that conv3 to conv5 begin with, if all else is as in the paper."""
    others = {*p.conv_std[:2], *p.fc_std}
    if p.init != "normal" or p.bias != 1 or others != {0.01}:
        return None
    return p.conv_std[2] if len(set(p.conv_std[2:])) == 1 else None
