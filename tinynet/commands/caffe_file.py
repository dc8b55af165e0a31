"""`import FILE.onnx`: Caffe's AlexNet or CaffeNet, as the profiles `caffe` and `caffenet`.

Such files were made from Caffe's, whose images have blue before green before red, minus the mean of
ImageNet. Here red comes first, so the first layer's filters are turned round.
"""

from importlib.util import find_spec

import numpy as np

from tinynet.alexnet_profiles import PROFILES, Profile
from tinynet.console.printable import printable
from tinynet.console.sentences import counted
from tinynet.exchange.onnx_read import Layer, read_layers
from tinynet.training.errors import UserError

CANDIDATES = ("caffe", "caffenet")
KINDS = {"conv": "Conv", "relu": "Relu", "lrn": "LRN", "pool": "MaxPool", "fc": "Gemm"}
MEAN = (122.679, 116.669, 104.007)  # of ImageNet's pixels, red, green, blue, as Caffe gives it
OURS = "tinynet"  # the producer of files that `export --onnx` wrote


def read_caffe(file: str) -> tuple[str, dict[str, np.ndarray], list[str]]:
    """The profile, the weights by tinynet's names, and what was done to them, in words.

    UserError if the file holds another network, with a line for each point.
    """
    if find_spec("onnx") is None:
        raise UserError(f"{printable(file)}: needs the package onnx: pip install onnx")
    try:
        layers, producer = read_layers(file)
    except ValueError as error:
        raise UserError(printable(str(error))) from None
    name = _profile(file, layers)
    problems = list(_differences(PROFILES[name], layers))
    if problems:
        raise UserError(
            f"{printable(file)} does not hold the profile {name}, in "
            f"{counted(len(problems), 'point')}:",
            *(f"  {printable(problem)}" for problem in problems),
        )
    weights = _weights(layers)
    if producer == OURS or weights["conv1.weight"].shape[1] != 3:
        return name, weights, []
    weights["conv1.weight"] = weights["conv1.weight"][:, ::-1]
    return name, weights, ["conv1 sees red first: Caffe's files have blue first"]


def _profile(file: str, layers: list[Layer]) -> str:
    """The profile whose layers have the same order."""
    found = [layer.kind for layer in layers]
    wanted = {name: [KINDS[part] for part in _parts(PROFILES[name])] for name in CANDIDATES}
    name = next((name for name, kinds in wanted.items() if kinds == found), None)
    if name is None:
        foreign = sorted(set(found) - {*KINDS.values()})
        raise UserError(
            f"{printable(file)} holds neither {' nor '.join(CANDIDATES)}"
            + (f": there is no {', '.join(map(printable, foreign))} in them" if foreign else ""),
            f"  its layers: {printable(' '.join(found))}",
            *(f"  {one}: {' '.join(kinds)}" for one, kinds in wanted.items()),
        )
    return name


def _parts(p: Profile) -> list[str]:
    """What an image meets, in order, dropout left out (examples/alexnet.py)."""
    plain = ["conv", "relu"]
    return [*p.layer1, *p.layer2, *plain, *plain, *plain, "pool", *["fc", "relu"] * 2, "fc"]


def _differences(p: Profile, layers: list[Layer]):
    """In which points layers of the right order are others than the profile's."""
    of = {kind: [layer for layer in layers if layer.kind == kind] for kind in KINDS.values()}
    lrn = {"size": 5, "alpha": 5 * p.lrn_alpha, "beta": 0.75, "bias": p.lrn_k}
    usual = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}
    for layer in of["LRN"]:
        yield from _unequal(layer, lrn, usual)
    for layer in of["MaxPool"]:
        yield from _unequal(layer, {"kernel_shape": [p.pool] * 2, "strides": [2, 2]}, {})
    groups, pads = (1, 2, 1, 2, 2), (0, 2, 1, 1, 1)
    for i, layer in enumerate(of["Conv"]):
        numbers = {"group": groups[i], "strides": [1 if i else 4] * 2, "pads": [pads[i]] * 4}
        yield from _unequal(layer, numbers, {"group": 1, "strides": [1, 1], "pads": [0] * 4})
    for layer in of["Gemm"]:
        yield from _unequal(layer, {"alpha": 1.0, "beta": 1.0}, {"alpha": 1.0, "beta": 1.0})
    for layer in (*of["Conv"], *of["Gemm"]):
        if len(layer.weights) != 2:
            yield f"{layer.kind} {layer.name}: wanted a weight and a bias"


def _unequal(layer: Layer, wanted: dict, usual: dict):
    """The attributes that are not as wanted; `usual`: what ONNX takes where there is none."""
    for name, value in wanted.items():
        found = layer.attributes.get(name, usual.get(name))
        if np.shape(found) != np.shape(value) or not _close(found, value):
            yield f"{layer.kind} {layer.name}: {name} {found}, wanted {value}"


def _close(found, value) -> bool:
    return found is not None and np.allclose(found, value, rtol=1e-5, atol=0)


def _weights(layers: list[Layer]) -> dict[str, np.ndarray]:
    """By tinynet's names; a fully connected layer has (outputs, inputs)."""
    found = {}
    for i, layer in enumerate((one for one in layers if one.weights), 1):
        weight, bias = layer.weights
        if layer.kind == "Gemm" and not layer.attributes.get("transB", 0):
            weight = weight.T
        name = f"{'conv' if layer.kind == 'Conv' else 'fc'}{i}"
        found[f"{name}.weight"], found[f"{name}.bias"] = weight, bias.reshape(-1)
    return found
