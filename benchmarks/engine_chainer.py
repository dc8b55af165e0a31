"""Chainer's engine (its last version, 7.8.1, takes NumPy before 1.24, and so a Python of its own).

Chainer was tinynet's like: NumPy on a CPU, CuPy on a GPU. It knows nothing of tinynet.
"""

import time
import warnings

from engine import limit_cores, samples, serve

limit_cores()
warnings.simplefilter("ignore")  # it is old

import chainer  # noqa: E402
import numpy as np  # noqa: E402
from chainer import functions as F  # noqa: E402


def conv2d(x, weight, bias, stride, padding, groups):
    top, bottom, left, right = padding
    if (top, left) != (bottom, right):
        x = F.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), "constant")
        top = left = 0
    return F.convolution_2d(x, weight, bias, stride, (top, left), groups=groups)


def max_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    return F.max_pooling_2d(x, kernel_size, stride, cover_all=ceil_mode)


def avg_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    if ceil_mode:
        raise NotImplementedError("its average pooling has no ceil_mode")
    return F.average_pooling_2d(x, kernel_size, stride)


def local_response_norm(x, size, alpha, beta, k, groups):
    n, c, h, w = x.shape
    parts = F.reshape(x, (n * groups, c // groups, h, w))
    y = F.local_response_normalization(parts, size, k, alpha, beta)
    return F.reshape(y, (n, c, h, w))


def dropout(x, p, mode):
    if mode == "inverted":
        return F.dropout(x, p)
    if not chainer.config.train:
        return x * (1 - p)
    return F.dropout(x, p) * (1 - p)


OPERATIONS = {
    "conv2d": conv2d,
    "linear": F.linear,
    "relu": F.relu,
    "tanh": F.tanh,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "local_response_norm": local_response_norm,
    "dropout": dropout,
    "cross_entropy": F.softmax_cross_entropy,
}


def _function(name):
    if name not in OPERATIONS:
        raise NotImplementedError(f"{name} is not in Chainer")
    return OPERATIONS[name]


def _gradients(y, wanted, dy):
    """Of Variables without parents: `backward` is what its training loops call."""
    for x in wanted:
        x.cleargrad()
    y.grad = dy
    y.backward()
    return [x.grad for x in wanted]


class Operation:
    def __init__(self, case, arrays):
        function = _function(case["name"])
        options = {k: v for k, v in case["options"].items() if k not in ("seed", "counter")}
        self.inputs = []
        for name in case["inputs"]:
            is_label = arrays[name].dtype.kind == "i"
            array = arrays[name].astype(np.int32) if is_label else arrays[name]
            self.inputs.append(array if is_label else chainer.Variable(array))
        self.names, self.dy = case["wanted"], arrays["dy"]
        self.wanted = [self.inputs[case["inputs"].index(name)] for name in self.names]
        self.function = lambda: function(*self.inputs, **options)

    def check(self):
        y = self.function()
        grads = _gradients(y, self.wanted, self.dy)
        return {"y": y.array, **{f"d{name}": grad for name, grad in zip(self.names, grads)}}

    def run(self):
        start = time.perf_counter()
        y = self.function()
        middle = time.perf_counter()
        _gradients(y, self.wanted, self.dy)
        return {"forward": middle - start, "backward": time.perf_counter() - middle}


class Net:
    def __init__(self, case, arrays):
        self.layers, self.training = case["layers"], case["training"]
        self.x, self.labels = arrays["x"], arrays["labels"].astype(np.int32)
        named = [f"{each['name']}.{part}" for each in self.layers for part in ("weight", "bias")]
        self.weights = {n: chainer.Parameter(arrays[n]) for n in named if n in arrays}
        for group in case["groups"]:
            for name in group["params"]:
                rule = chainer.optimizers.momentum_sgd.MomentumSGDRule(
                    lr=group["lr"], momentum=group["momentum"]
                )
                rule.add_hook(chainer.optimizer_hooks.WeightDecay(group["weight_decay"]))
                self.weights[name].update_rule = rule

    def loss(self):
        return F.softmax_cross_entropy(self.logits(), self.labels)

    def logits(self):
        x = chainer.Variable(self.x)
        plain = {"ReLU": F.relu, "Tanh": F.tanh}
        windows = {"MaxPool2d": max_pool2d, "AvgPool2d": avg_pool2d}
        windows["LocalResponseNorm"], windows["Dropout"] = local_response_norm, dropout
        for each in self.layers:
            name, kind, options = each["name"], each["kind"], each["options"]
            if kind in ("Conv2d", "Linear"):
                function = conv2d if kind == "Conv2d" else F.linear
                w, b = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
                x = function(x, w, b, **options)
            elif kind == "Flatten":
                x = F.reshape(x, (len(x), -1))
            elif kind in plain:
                x = plain[kind](x)
            elif kind in windows:
                x = windows[kind](x, **options)
            else:
                raise NotImplementedError(f"{kind} is not in Chainer")
        return x

    def check(self):
        with chainer.using_config("train", False):
            loss = self.loss()
        results = {"loss": loss.array}
        if self.training:
            loss.backward()
            for name, p in self.weights.items():
                results[f"d{name}"] = samples(p.grad)
                p.cleargrad()
        return results

    def run(self):
        start = time.perf_counter()
        if self.training:
            with chainer.using_config("train", True):
                for p in self.weights.values():
                    p.cleargrad()
                loss = self.loss()
                loss.backward()
                for p in self.weights.values():
                    p.update()
                float(loss.array)
        else:
            with chainer.using_config("train", False), chainer.no_backprop_mode():
                self.logits()
        return {"step": time.perf_counter() - start}


def make(case, arrays):
    kinds = {"operation": Operation, "net": Net}
    if case["kind"] not in kinds:
        raise NotImplementedError(f"{case['kind']} is not written for Chainer")
    return kinds[case["kind"]](case, arrays)


if __name__ == "__main__":
    serve(make)
