"""A network as an .onnx file: from images (n, 3, h, w) to logits (n, classes), for any n.

The graph is what the network did with a batch, so any network will do, whatever its modules. That
it does the same with another batch is made sure of: the graph of one with other pixels, and of
another size, must be the same. Dropout does nothing in testing, and so is not in it.
"""

from pathlib import Path

import numpy as np

import tinynet
from tinynet.exchange.onnx_graph import Graph
from tinynet.exchange.onnx_ops import OPSET, write
from tinynet.exchange.tracing import random_batch, traced
from tinynet.files.whole_file import whole_file
from tinynet.module import Module

IR_VERSION = 8  # the file format that came with operator set 17
IMAGE, LOGITS, PROBABILITIES = "image", "logits", "probabilities"


def export(
    model: Module,
    path: str | Path,
    image: tuple[int, int, int],
    *,
    mean: np.ndarray | None = None,
    std: np.ndarray | None = None,
    softmax: bool = False,
    notes: dict[str, str] | None = None,
) -> None:
    """Write `model`, in float32 on the CPU, for images of this shape (channels, h, w).

    mean (channels, h, w) and std (channels,): then the file takes images of 0..255, and the first
    thing it does is (image - mean) / std. softmax: its result is probabilities, not logits.
    notes: what the file says of itself, by name.
    ModuleNotFoundError without the package onnx; ValueError if something has no counterpart.
    """
    graph, shape = _graph(model, random_batch(2, image), mean, std, softmax)
    other, _ = _graph(model, random_batch(3, image), mean, std, softmax)
    if not graph.same_as(other):
        raise ValueError(
            "export: what the network does depends on the pixels, or on how many images there are, "
            "in a way that no graph says"
        )
    data = _checked(graph, image, shape, notes or {}).SerializeToString()
    with whole_file(Path(path)) as file:
        file.write(data)


def _graph(model: Module, x, mean, std, softmax: bool) -> tuple[Graph, tuple[int, ...]]:
    """The graph, and the shape of what comes out for one image."""
    parameters = list(model.named_parameters())
    for name, p in parameters:
        if p.dtype != np.float32 or p.device.name != "cpu":
            what = f"{p.dtype} on {p.device.name}"
            raise ValueError(f"export: {name} expects to be float32 on cpu, got {what}")
    graph = Graph(parameters)
    first = IMAGE
    if mean is not None:
        first = graph.add("Sub", first, graph.constant(np.asarray(mean, np.float32), "image/mean"))
    if std is not None:
        factor = (1 / np.asarray(std, np.float32)).reshape(-1, 1, 1)
        first = graph.add("Mul", first, graph.constant(factor, "image/scale"))
    graph.put(x, first)
    steps, y = traced(model, x)
    for step in steps:
        write(graph, step)
    if softmax:
        graph.add("Softmax", graph.name_of(y), axis=-1)
    else:
        graph.add("Identity", graph.name_of(y))
    graph.nodes[-1].output[0] = PROBABILITIES if softmax else LOGITS
    return graph, y.shape[1:]


def _checked(graph: Graph, image: tuple[int, ...], shape: tuple[int, ...], notes: dict[str, str]):
    """The graph as ONNX's model, of which its own checker has nothing to say."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays = graph.used_constants().items()
    constants = [numpy_helper.from_array(array, name) for name, array in arrays]
    given = helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["n", *image])
    result = graph.nodes[-1].output[0]
    found = helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", *shape])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "tinynet", [given], [found], constants),
        producer_name="tinynet",
        producer_version=tinynet.__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model, full_check=True)
    return model
