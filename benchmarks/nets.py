"""Networks of the examples: how a peer is told to build the same one, and how long products take.

A network is described layer by layer, each with its kind and its numbers, so that whatever tinynet
can build, a peer builds too, with the same weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import prod

import numpy as np
from contest import Session, Work, contest
from pairs import Table

from tinynet import nn
from tinynet.ops.window import four_sides, pair


@dataclass(frozen=True)
class Net:
    """A network of an example, by that one's arguments, and a batch for it."""

    label: str
    example: str
    arguments: dict
    batch: int
    training: bool = True

    def work(self, cores: int | None = None, device: str = "cpu") -> Work:
        example = import_module(f"tinynet.models.{self.example}").EXAMPLE
        model = example.build(**self.arguments)
        named = dict(model.named_parameters())
        names = {id(p): name for name, p in named.items()}
        rng = np.random.default_rng(0)
        side, classes = self.arguments["image_size"], self.arguments["num_classes"]
        x = rng.standard_normal((self.batch, 3, side, side), dtype=np.float32)
        if self.arguments["profile"] != "modern":
            x *= 60  # 0..255 minus the mean, as that profile wants it; modern's is scaled
        case = {
            "kind": "net",
            "example": self.example,
            "arguments": self.arguments,
            "device": device,
            "training": self.training,
            "layers": described(model),
            "groups": [
                {
                    "params": [names[id(p)] for p in group["params"]],
                    "lr": group["lr"],
                    "momentum": 0.9,
                    "weight_decay": group["weight_decay"],
                }
                for group in example.parameter_groups(model, lr=0.001)
            ],
        }
        arrays = {"x": x, "labels": rng.integers(0, classes, self.batch)}
        arrays |= {name: p.numpy() for name, p in named.items()}
        bound = {"step": {"products": products(model, self), "bytes": 0}}
        return Work(self.label, case, arrays, bound, cores=cores, items=self.batch, net=True)


def compare(session: Session, title: str, text: str, nets: list[Net]) -> list[Table]:
    """A table of these networks."""
    table = Table(title, text)
    for net in nets:
        contest(session, table, net.work())
    return [table]


def leaves(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that hold no others, in the order in which an image meets them."""
    return [(name, m) for name, m in model.named_modules() if not list(m.children())]


# The numbers of each kind of layer, with sizes and paddings written in full.
FIELDS: dict[type, Callable[[nn.Module], dict]] = {
    nn.Conv2d: lambda m: {
        "stride": list(pair("Conv2d", "stride", m.stride, least=1)),
        "padding": list(four_sides("Conv2d", m.padding)),
        "groups": m.groups,
    },
    nn.Linear: lambda m: {},
    nn.ReLU: lambda m: {},
    nn.Tanh: lambda m: {},
    nn.Flatten: lambda m: {},
    nn.MaxPool2d: lambda m: _pool(m),
    nn.AvgPool2d: lambda m: _pool(m),
    nn.LocalResponseNorm: lambda m: {
        k: getattr(m, k) for k in ("size", "alpha", "beta", "k", "groups")
    },
    nn.LocalResponseNormWithin: lambda m: {
        k: getattr(m, k) for k in ("size", "alpha", "beta", "k")
    },
    nn.Dropout: lambda m: {"p": m.p, "mode": m.mode},
}


def _pool(m: nn.Pool2d) -> dict:
    window = pair("pool", "kernel_size", m.kernel_size, least=1)
    stride = window if m.stride is None else pair("pool", "stride", m.stride, least=1)
    return {
        "kernel_size": list(window),
        "stride": list(stride),
        "padding": m.padding,
        "ceil_mode": m.ceil_mode,
    }


def described(model: nn.Module) -> list[dict]:
    """Name, kind and options of each layer."""
    return [
        {"name": name, "kind": type(m).__name__, "options": FIELDS[type(m)](m)}
        for name, m in leaves(model)
    ]


def products(model: nn.Module, net: Net) -> list[list]:
    """The products of each layer's y, and in training of dweight and dx, as engine_bound.py takes
    them: those of convolutions once an image, in one piece of all rows; the others once a batch."""
    found, n, shape = [], net.batch, (net.arguments["image_size"],) * 2
    first = True
    for _, m in leaves(model):
        if isinstance(m, nn.Conv2d | nn.Pool2d):
            shape = m.output_size(*shape)
        if isinstance(m, nn.Conv2d):
            out, k, p = len(m.weight.data) // m.groups, prod(m.weight.shape[1:]), prod(shape)
            w, columns, dy = [m.groups, out, k], [m.groups, k, p], [m.groups, out, p]
            found.append([w, columns, n])
            if net.training:
                found.append([dy, [m.groups, k, -p], n])  # minus: transposed
                if not first:
                    found.append([[m.groups, out, -k], dy, n])
            first = False
        elif isinstance(m, nn.Linear):
            outputs, inputs = m.weight.shape
            found.append([[n, inputs], [outputs, -inputs], 1])
            if net.training:
                found += [[[n, -outputs], [n, inputs], 1], [[n, outputs], [outputs, inputs], 1]]
    return found
