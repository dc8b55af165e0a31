"""The layers in an .onnx file of a network that is a chain: each takes what the one before gave."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

IDLE = ("Dropout", "Flatten", "Identity", "Reshape", "Softmax")  # leave no trace in a classifier


@dataclass(frozen=True)
class Layer:
    """A node of the graph: its operator, its attributes, and its weights in ONNX's order."""

    kind: str
    name: str
    attributes: dict
    weights: tuple[np.ndarray, ...]


def read_layers(path: str | Path) -> tuple[list[Layer], str]:
    """The layers that compute something, in order; and which program wrote the file.

    OSError if it cannot be read; ValueError if it is damaged, or holds anything but a chain.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError:
        raise ValueError(f"{path} is damaged, or not an ONNX file") from None
    if not model.graph.node:
        raise ValueError(f"{path} is damaged, or not an ONNX file: it has no layers")
    constants = {tensor.name: _array(path, tensor) for tensor in model.graph.initializer}
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:  # not every damage is ONNX's own
        problem = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged, or not an ONNX file: {problem}") from None
    inputs = [one.name for one in model.graph.input if one.name not in constants]
    current = inputs[0] if inputs else ""
    layers = []
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = _array(path, node.attribute[0].t)
            continue
        others = list(node.input[1:])
        if list(node.input[:1]) != [current] or not set(others) <= constants.keys():
            raise ValueError(
                f"{path}: {node.op_type} {node.name} takes {', '.join(node.input)}, wanted "
                f"{current} and weights: layers that are not a chain are not read"
            )
        current = node.output[0]
        if node.op_type not in IDLE:
            values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            weights = tuple(constants[name] for name in others)
            layers.append(Layer(node.op_type, node.name, values, weights))
    return layers, model.producer_name


def _array(path: str | Path, tensor) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        raise ValueError(f"{path}: {tensor.name} lies in another file, which is not read")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {tensor.name}: {error}") from None
