"""Modules: layers that hold their parameters, and modules made of modules."""

from collections.abc import Iterator

import numpy as np

from tinynet import functional as F
from tinynet import init, parts
from tinynet.describe import described
from tinynet.devices import Device
from tinynet.functional import Padding, Size
from tinynet.ops.dropout import check_rate
from tinynet.ops.window import Window, check_positive, pair
from tinynet.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module counts among its parameters."""

    __slots__ = ()

    def __init__(self, data, device: str | Device | None = None, dtype=None):
        super().__init__(data, requires_grad=True, device=device, dtype=dtype)


class Module:
    """A part of a network. Parameters and modules assigned as attributes are found by name."""

    def __init__(self):
        self.training = True

    def forward(self, *inputs):
        raise TypeError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs):
        return self.forward(*inputs)

    def __repr__(self) -> str:
        return described(self)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly inside this one, with their names, in order of assignment."""
        return ((name, m) for name, m in vars(self).items() if isinstance(m, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it, parents first; dots join the names."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with names such as "conv1.weight"."""
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield (f"{prefix}.{name}" if prefix else name), value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        return (p for _, p in self.named_parameters())

    def named_wholes(self, prefix: str = "") -> Iterator[tuple[str, tuple[Parameter, ...]]]:
        """All parameters as a state_dict names them, each as a tuple of its parts: one, unless
        each of two towers has half of it (tinynet/parallel/towers.py)."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield (f"{prefix}.{name}" if prefix else name), (value,)
        for name, child in self.children():
            yield from child.named_wholes(f"{prefix}.{name}" if prefix else name)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters; `backward` would add to them."""
        for p in self.parameters():
            p.zero_grad()

    def train(self, mode: bool = True) -> "Module":
        """Training mode (dropout on) for this module and all inside it."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Test mode: dropout off."""
        return self.train(False)

    def to(self, device: str | Device) -> "Module":
        """Move all parameters to `device`. Make the optimizer after that."""
        for p in self.parameters():
            moved = p.detach().to(device)
            p.data, p.device, p.grad = moved.data, moved.device, None
        return self

    def state_dict(self, copy: bool = True) -> dict[str, np.ndarray]:
        """Every parameter by name, whole even if it lies in parts, as a NumPy array: a copy, or
        without `copy` perhaps the very array that training writes to."""
        wholes = self.named_wholes()
        return {name: parts.joined([p.numpy() for p in whole], copy) for name, whole in wholes}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over the parameters of `state`. Names, shapes and dtypes must be the same: else
        ValueError, and nothing is changed."""
        if not isinstance(state, dict):
            raise TypeError(
                f"{type(self).__name__}: state expects a dict of arrays, got {type(state).__name__}"
            )
        own = dict(self.named_wholes())
        for problem, names in (
            ("lacks", own.keys() - state.keys()),
            ("has unknown", state.keys() - own.keys()),
        ):
            if names:
                raise ValueError(
                    f"{type(self).__name__}: state {problem} {', '.join(sorted(names))}"
                )
        arrays = {name: np.asarray(state[name]) for name in own}
        for name, whole in own.items():
            new, shape, dtype = arrays[name], parts.whole_shape(whole), whole[0].dtype
            if new.shape != shape or new.dtype != dtype:
                raise ValueError(
                    f"{type(self).__name__}: {name} expects {dtype} {shape}, state has "
                    f"{new.dtype} {new.shape}"
                )
        for name, whole in own.items():
            for p, values in zip(whole, parts.cut(arrays[name], whole)):
                p.device.write(p.data, values)


class Sequential(Module):
    """Modules one after another, given by position or by name: Sequential(conv1=..., relu1=...)."""

    def __init__(self, *modules: Module, **named: Module):
        super().__init__()
        for name, module in [*((str(i), m) for i, m in enumerate(modules)), *named.items()]:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name} expects a Module, got {type(module).__name__}")
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Tensor:
        for _, module in self.children():
            x = module(x)
        return x


class Conv2d(Module):
    """`functional.conv2d` with its weight and bias, initialized as in PyTorch."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        groups: int = 1,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: str | np.dtype = np.float32,
    ):
        super().__init__()
        check_positive("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups={groups} expects to divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        kernel = pair("Conv2d", "kernel_size", kernel_size, least=1)
        self.stride, self.padding, self.groups = stride, padding, groups
        shape = (out_channels, in_channels // groups, *kernel)
        self.weight, self.bias = _weight_and_bias(shape, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups)

    def output_size(self, h: int, w: int) -> tuple[int, int]:
        """(oh, ow) for images of h x w."""
        window = Window.of("Conv2d", self.weight.shape[2:], self.stride, self.padding)
        return window.output_size("Conv2d", h, w)


class Linear(Module):
    """`functional.linear` with its weight (outputs, inputs) and bias, initialized as in PyTorch."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: str | np.dtype = np.float32,
    ):
        super().__init__()
        check_positive("Linear", inputs=inputs, outputs=outputs)
        self.weight, self.bias = _weight_and_bias((outputs, inputs), bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


def _weight_and_bias(shape: tuple, bias: bool, device, dtype) -> tuple:
    weight = Parameter(np.empty(shape, dtype), device=device)
    fan_in = init.inputs(weight)
    init.torch_default_(weight, fan_in)
    if not bias:
        return weight, None
    return weight, init.torch_default_(Parameter(np.empty(shape[0], dtype), device=device), fan_in)


class ReLU(Module):
    """`functional.relu`: max(x, 0), of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class Tanh(Module):
    """`functional.tanh`: from -1 to 1, of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


class Pool2d(Module):
    """What max and average pooling share: a window and how it steps."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def output_size(self, h: int, w: int) -> tuple[int, int]:
        """(oh, ow) for images of h x w."""
        name = type(self).__name__
        window = Window.of(name, self.kernel_size, self.stride, self.padding)
        return window.output_size(name, h, w, self.ceil_mode)


class MaxPool2d(Pool2d):
    """`functional.max_pool2d`: (n, c, h, w) -> (n, c, oh, ow), the largest of each window."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class AvgPool2d(Pool2d):
    """`functional.avg_pool2d`: (n, c, h, w) -> (n, c, oh, ow), the mean of each window."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class LocalResponseNorm(Module):
    """`functional.local_response_norm`: the paper's formula, alpha not divided by size."""

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ):
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.groups = size, alpha, beta, k, groups

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k, self.groups)


class LocalResponseNormWithin(Module):
    """`functional.local_response_norm_within`: a size x size window of the same map."""

    def __init__(self, size: int, alpha: float, beta: float, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm_within(x, self.size, self.alpha, self.beta, self.k)


class Dropout(Module):
    """`functional.dropout`. With a seed, call number i in training draws from (seed, counter=i).

    `counter` is the number of training calls so far: set it to resume where a run stopped.
    """

    def __init__(self, p: float = 0.5, mode: str = "inverted", seed: int | None = None):
        super().__init__()
        check_rate(p, mode)
        self.p, self.mode, self.seed, self.counter = p, mode, seed, 0

    def forward(self, x: Tensor) -> Tensor:
        y = F.dropout(x, self.p, self.training, self.mode, self.seed, self.counter)
        self.counter += self.training
        return y


class Flatten(Module):
    """Merge all axes after the batch axis into one."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class CrossEntropyLoss(Module):
    """`functional.cross_entropy` of logits (n, classes) and n labels, integers from 0."""

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, labels) -> Tensor:
        return F.cross_entropy(logits, labels, self.reduction)
