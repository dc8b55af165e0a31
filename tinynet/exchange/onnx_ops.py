"""For each operation its nodes in ONNX, operator set 17.

A writer adds them to the graph, given the step and what its inputs are called there. It returns
what the result is called.

Where ONNX leaves room for doubt, or its runtimes differ, an operation is said in plainer ones:
windows that hang over the edge (ceil_mode) become padding; normalization over towers or over a
window of even size, and locally connected layers, become reshapes, averages and products.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinynet.exchange.onnx_graph import Graph
from tinynet.exchange.tracing import Step
from tinynet.ops.activation import ReLU, Tanh
from tinynet.ops.avg_pool import AvgPool2d
from tinynet.ops.conv import Conv2d
from tinynet.ops.elementwise import (
    Abs,
    Add,
    Clip,
    Divide,
    Exp,
    Log,
    Maximum,
    Multiply,
    Negate,
    Power,
    Sigmoid,
    Sqrt,
    Subtract,
)
from tinynet.ops.function import Function
from tinynet.ops.local import Local2d
from tinynet.ops.lrn import LocalResponseNorm
from tinynet.ops.lrn_within import LocalResponseNormWithin
from tinynet.ops.matmul import Linear, MatMul
from tinynet.ops.max_pool import MaxPool2d
from tinynet.ops.reduce import Max, Mean, Sum, reduced_axes
from tinynet.ops.shape import Concatenate, Pad, Reshape, Transpose
from tinynet.ops.softmax import LogSoftmax, Softmax
from tinynet.ops.window import Window

OPSET = 17
Names = list[str]
Writer = Callable[[Graph, Step, Names], str]


def _plain(kind: str) -> Writer:
    """An operation that ONNX has as it is, without attributes."""
    return lambda graph, step, names: graph.add(kind, *names)


def _window(step: Step, kernel: tuple[int, int]) -> Window:
    return Window.of("export", kernel, step.options["stride"], step.options["padding"])


def _geometry(window: Window) -> dict:
    return {
        "kernel_shape": [window.kh, window.kw],
        "strides": [window.stride_h, window.stride_w],
        "pads": [window.top, window.left, window.bottom, window.right],
    }


def _conv(graph: Graph, step: Step, names: Names) -> str:
    window = _window(step, step.inputs[1].shape[2:])
    return graph.add("Conv", *names, group=step.options["groups"], **_geometry(window))


def _pool(kind: str) -> Writer:
    def write(graph: Graph, step: Step, names: Names) -> str:
        """ONNX's average does not count its padding either."""
        window = _window(step, step.options["kernel_size"])
        (h, w), (oh, ow) = step.inputs[0].shape[2:], step.result.shape[2:]
        below = (oh - 1) * window.stride_h + window.kh - h - window.top
        beside = (ow - 1) * window.stride_w + window.kw - w - window.left
        window = replace(window, bottom=max(0, below), right=max(0, beside))
        return graph.add(kind, *names, **_geometry(window))

    return write


def _lrn(graph: Graph, step: Step, names: Names) -> str:
    """Each tower's maps become an image of its own. ONNX's alpha is divided by size: times it."""
    o, (c, h, w) = step.options, step.inputs[0].shape[1:]
    (x,) = names
    if o["groups"] > 1:
        x = _reshaped(graph, x, -1, c // o["groups"], h, w)
    if o["size"] % 2:
        constants = {"alpha": o["alpha"] * o["size"], "beta": o["beta"], "bias": o["k"]}
        y = graph.add("LRN", x, size=o["size"], **constants)
    else:  # ONNX has more of an even window behind the middle, tinynet before it
        before, after = o["size"] // 2, (o["size"] - 1) // 2
        square = _reshaped(graph, graph.add("Mul", x, x), -1, 1, c // o["groups"], h * w)
        window = {"kernel_shape": [o["size"], 1], "pads": [before, 0, after, 0]}
        mean = graph.add("AveragePool", square, count_include_pad=1, **window)
        mean = _reshaped(graph, mean, -1, c // o["groups"], h, w)
        y = _normalized(graph, x, mean, o["alpha"] * o["size"], o)
    return _reshaped(graph, y, -1, c, h, w) if o["groups"] > 1 else y


def _lrn_within(graph: Graph, step: Step, names: Names) -> str:
    o, (x,) = step.options, names
    size, before, after = o["size"], o["size"] // 2, (o["size"] - 1) // 2
    window = {"kernel_shape": [size, size], "pads": [before, before, after, after]}
    mean = graph.add("AveragePool", graph.add("Mul", x, x), count_include_pad=1, **window)
    return _normalized(graph, x, mean, o["alpha"] * size * size, o)


def _normalized(graph: Graph, x: str, mean: str, alpha: float, o: dict) -> str:
    """x * (k + alpha * mean)^-beta."""
    scale = graph.add("Add", graph.add("Mul", mean, _number(graph, alpha)), _number(graph, o["k"]))
    return graph.add("Mul", x, graph.add("Pow", scale, _number(graph, -o["beta"])))


def _local(graph: Graph, step: Step, names: Names) -> str:
    """A product for each place: (oh, ow, n, window) by the weights, (oh, ow, window, filters)."""
    weight = step.inputs[1].numpy()
    filters, c, kh, kw, oh, ow = weight.shape
    one_each = np.eye(kh * kw, dtype=weight.dtype).reshape(kh * kw, 1, kh, kw)
    one_each = graph.constant(np.tile(one_each, (c, 1, 1, 1)))
    seen = graph.add("Conv", names[0], one_each, group=c, **_geometry(_window(step, (kh, kw))))
    by_place = weight.transpose(4, 5, 1, 2, 3, 0).reshape(oh, ow, c * kh * kw, filters)
    seen = graph.add("Transpose", seen, perm=[2, 3, 0, 1])
    y = graph.add("MatMul", seen, graph.constant(by_place))
    y = graph.add("Transpose", y, perm=[2, 3, 0, 1])
    return graph.add("Add", y, names[2]) if len(names) == 3 else y


def _linear(graph: Graph, step: Step, names: Names) -> str:
    if step.inputs[0].ndim == 2:
        return graph.add("Gemm", *names, transB=1)
    y = graph.add("MatMul", names[0], graph.constant(step.inputs[1].numpy().T))
    return graph.add("Add", y, names[2]) if len(names) == 3 else y


def _axes(step: Step) -> list[int]:
    return [*reduced_axes("export", step.options["axis"], step.inputs[0].ndim)]


def _reduce(kind: str) -> Writer:
    def write(graph: Graph, step: Step, names: Names) -> str:
        return graph.add(kind, *names, axes=_axes(step), keepdims=int(step.options["keepdims"]))

    return write


def _sum(graph: Graph, step: Step, names: Names) -> str:
    axes = graph.constant(np.array(_axes(step), np.int64))
    return graph.add("ReduceSum", *names, axes, keepdims=int(step.options["keepdims"]))


def _reshape(graph: Graph, step: Step, names: Names) -> str:
    """An axis of as many as there are images stays one: 0 to ONNX."""
    n, shape = len(step.inputs[0].data), step.result.shape
    kept = shape[0] == n and step.inputs[0].ndim > 0
    return _reshaped(graph, *names, *((0, *shape[1:]) if kept else shape))


def _reshaped(graph: Graph, x: str, *shape: int) -> str:
    return graph.add("Reshape", x, graph.constant(np.array(shape, np.int64)))


def _transpose(graph: Graph, step: Step, names: Names) -> str:
    ndim, axes = step.inputs[0].ndim, step.options["axes"]
    axes = range(ndim)[::-1] if axes is None else axes
    return graph.add("Transpose", *names, perm=[axis % ndim for axis in axes])


def _pad(graph: Graph, step: Step, names: Names) -> str:
    top, bottom, left, right = step.options["padding"]
    others = [0] * (step.inputs[0].ndim - 2)
    pads = np.array([*others, top, left, *others, bottom, right], np.int64)
    return graph.add("Pad", *names, graph.constant(pads))


def _clip(graph: Graph, step: Step, names: Names) -> str:
    limits = (step.options["lo"], step.options["hi"])
    return graph.add("Clip", *names, *(_number(graph, limit) for limit in limits))


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, np.float32))


def _along(kind: str) -> Writer:
    return lambda graph, step, names: graph.add(kind, *names, axis=step.options["axis"])


WRITERS: dict[type[Function], Writer] = {
    Abs: _plain("Abs"),
    Add: _plain("Add"),
    Divide: _plain("Div"),
    Exp: _plain("Exp"),
    Log: _plain("Log"),
    MatMul: _plain("MatMul"),
    Maximum: _plain("Max"),
    Multiply: _plain("Mul"),
    Negate: _plain("Neg"),
    Power: _plain("Pow"),
    ReLU: _plain("Relu"),
    Sigmoid: _plain("Sigmoid"),
    Sqrt: _plain("Sqrt"),
    Subtract: _plain("Sub"),
    Tanh: _plain("Tanh"),
    Softmax: _along("Softmax"),
    LogSoftmax: _along("LogSoftmax"),
    Concatenate: _along("Concat"),
    Max: _reduce("ReduceMax"),
    Mean: _reduce("ReduceMean"),
    Sum: _sum,
    Conv2d: _conv,
    Local2d: _local,
    MaxPool2d: _pool("MaxPool"),
    AvgPool2d: _pool("AveragePool"),
    LocalResponseNorm: _lrn,
    LocalResponseNormWithin: _lrn_within,
    Linear: _linear,
    Reshape: _reshape,
    Transpose: _transpose,
    Pad: _pad,
    Clip: _clip,
}


def write(graph: Graph, step: Step) -> None:
    """Add a step to the graph. ValueError if it has no counterpart here."""
    if step.op not in WRITERS:
        raise ValueError(f"export: {step.op.name} has no counterpart in ONNX here")
    names = [graph.name_of(one) for one in step.inputs]
    graph.put(step.result, WRITERS[step.op](graph, step, names))
