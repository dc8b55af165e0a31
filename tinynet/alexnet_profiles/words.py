"""What a Profile does, in a few words: one function per point."""

from tinynet.alexnet_profiles.versions import Profile

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
NAMES = {"conv": "conv", "relu": "ReLU", "lrn": "LRN", "lrn_within": "LRN in the map"}


def order(kinds: tuple[str, ...]) -> str:
    return " - ".join(NAMES.get(kind, kind) for kind in kinds)


def units(p: Profile) -> str:
    return {"relu": "ReLU", "tanh": "tanh"}[p.activation]


def conv3_sees(p: Profile) -> str:
    return "all maps" if p.crosstalk or p.groups == 1 else "its own tower's maps"


def conv1_edge(p: Profile) -> str:
    if p.conv1_padding is not None:
        return f"{p.conv1_padding} zeros on each side"
    over = -(p.image_size - 11) % 4
    return f"{over} zeros right and bottom" if over else "no zeros"


def normalization(p: Profile) -> str:
    if "lrn" not in p.layer1 + p.layer2:
        return "none"
    where = "over all maps" if p.lrn_groups == 1 else "within a tower"
    return f"alpha {p.lrn_alpha:g}, k {p.lrn_k:g}, {where}"


def dropout(p: Profile) -> str:
    return {"paper": "x 0.5 in testing", "inverted": "x 2 in training", "none": "none"}[p.dropout]


def weights(p: Profile) -> str:
    if p.init == "torch":
        return "PyTorch's default"
    if p.init == "he":
        return f"He's; fc8 N(0, {p.fc_std[-1]:g})"
    stds = dict(zip(LAYERS, p.conv_std + p.fc_std))
    usual = p.conv_std[0]
    others: dict[float, list[str]] = {}
    for layer, std in stds.items():
        if std != usual:
            others.setdefault(std, []).append(layer)
    exceptions = [f"; {', '.join(layers)} {std:g}" for std, layers in others.items()]
    return f"N(0, {usual:g})" + "".join(exceptions)


def biases(p: Profile) -> str:
    if p.init == "torch":
        return "PyTorch's default"
    return f"{p.bias:g} in conv2, 4, 5, fc6, 7; else 0" if p.bias else "0"


def bias_rate(p: Profile) -> str:
    if p.bias_rate == 1:
        return "same as the weights"
    return f"{p.bias_rate:g} times that of the weights"


def pixels(p: Profile) -> str:
    mean = "their mean image" if p.pixel_mean is None else numbers(p.pixel_mean)
    shifted = f"0..255 minus {mean}"
    return shifted if set(p.pixel_std) == {1.0} else f"({shifted}) / {numbers(p.pixel_std)}"


def numbers(values: tuple[float, ...]) -> str:
    """All of them, or just one if all are equal."""
    shown = values[:1] if len(set(values)) == 1 else values
    return " ".join(f"{value:g}" for value in shown)


def crops(p: Profile) -> str:
    where = "at random places" if p.crop else "of the centre"
    return f"{where}, half of them mirrored" if p.flip else where


def rate_falls(p: Profile) -> str:
    if p.drops is None:
        return "when the validation error stops falling"
    return f"after {', '.join(f'{100 * place:g} %' for place in p.drops)} of the run"


def colour_noise(p: Profile) -> str:
    if not p.colour_noise:
        return "none"
    divided = f", then all / {1 + p.colour_noise:g}" if p.colour_rescale else ""
    return f"N(0, {p.colour_noise:g}) per component{divided}"
