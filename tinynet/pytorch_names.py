"""What is answered to those who ask by PyTorch's names: how tinynet says the same."""

from collections.abc import Callable

OF_TENSORS = {
    "add": "x + y",
    "argmax": "x.numpy().argmax(...)",
    "argmin": "x.numpy().argmin(...)",
    "astype": "Tensor(x.detach(), dtype=...), without the gradient",
    "clamp": "x.clip(lo, hi)",
    "clone": "x + 0, or Tensor(x.numpy().copy()) without the gradient",
    "contiguous": "x itself: a Tensor is C-contiguous",
    "copy": "x + 0, or Tensor(x.numpy().copy()) without the gradient",
    "copy_": "x.write(values)",
    "cpu": 'x.to("cpu")',
    "cuda": 'x.to("cuda:0")',
    "dim": "x.ndim",
    "dot": "x @ y",
    "double": "Tensor(x.detach(), dtype='float64'), without the gradient",
    "eq": "x == y",
    "float": "Tensor(x.detach(), dtype='float32'), without the gradient",
    "grad_fn": "x.creator",
    "is_cuda": "x.device.name",
    "long": "Tensor(x.detach(), dtype='int64')",
    "matmul": "x @ y",
    "min": "-(-x).max(...)",
    "mm": "x @ y",
    "mul": "x * y",
    "norm": "(x * x).sum() ** 0.5, which has no gradient at 0",
    "numel": "x.size",
    "permute": "x.transpose(...)",
    "pow": "x ** y",
    "ravel": "x.flatten()",
    "requires_grad_": "Tensor(..., requires_grad=True)",
    "softmax": "tinynet.functional.softmax(x)",
    "squeeze": "x.reshape(...)",
    "std": "(((x - x.mean()) ** 2).sum() / (x.size - 1)) ** 0.5",
    "swapaxes": "x.transpose(...) with all axes",
    "t": "x.T",
    "tolist": "x.numpy().tolist()",
    "type": "x.dtype",
    "unsqueeze": "x[None] or x[:, None]",
    "var": "((x - x.mean()) ** 2).sum() / (x.size - 1)",
    "view": "x.reshape(...)",
    "zero_": "x.write(0)",
}

OF_MODULES = {
    "add_module": "net.NAME = module",
    "apply": "for name, module in net.named_modules(): ...",
    "cpu": 'net.to("cpu")',
    "cuda": 'net.to("cuda:0")',
    "double": "dtype='float64' for each layer",
    "modules": "net.named_modules(), pairs (name, module)",
    "named_children": "net.children(), pairs (name, module)",
    "requires_grad_": "p.requires_grad = False for each p of net.parameters()",
}

OF_OPTIMIZERS = {
    "add_param_group": "another SGD, or all groups when it is made",
    "param_groups": "groups",
}

NUMBERS = "tinynet.Tensor of NumPy's array"
NORMS = "it is younger than AlexNet, which has LocalResponseNorm (paper, section 3.3)"
OPTIMIZERS = "SGD with momentum, the paper's rule, is the only one"
STACK = "tinynet.functional.concatenate of each x[None]"

IN_MODULES = {
    "tinynet": {
        **dict.fromkeys(
            ("arange", "from_numpy", "full", "ones", "rand", "randn", "zeros"), NUMBERS
        ),
        "Parameter": "tinynet.nn.Parameter",
        "cat": "tinynet.functional.concatenate",
        "cuda": 'tinynet.device("cuda:0")',
        "float32": "its name, 'float32'",
        "float64": "its name, 'float64'",
        "stack": STACK,
        "utils": "tinynet.data has Loader",
    },
    "tinynet.functional": {
        "batch_norm": NORMS,
        "cat": "concatenate",
        "log": "x.log()",
        "mse_loss": "((x - y) ** 2).mean()",
        "nll_loss": "cross_entropy, which takes logits",
        "one_hot": "np.eye(classes)[labels]",
        "stack": STACK,
    },
    "tinynet.nn": {
        **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm"), NORMS),
        **dict.fromkeys(
            ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), "AvgPool2d or MaxPool2d of a window"
        ),
        "Identity": "Sequential()",
        "LogSoftmax": "CrossEntropyLoss takes logits; tinynet.functional.log_softmax(x)",
        "MSELoss": "((x - y) ** 2).mean()",
        "NLLLoss": "CrossEntropyLoss, which takes logits",
        "Softmax": "CrossEntropyLoss takes logits; tinynet.functional.softmax(x)",
        "functional": "tinynet.functional",
    },
    "tinynet.optim": {
        **dict.fromkeys(("Adagrad", "Adam", "AdamW", "RMSprop"), OPTIMIZERS),
        "lr_scheduler": "StepLR and ReduceLROnPlateau are here",
    },
}


def no_attribute(of: object, name: str, instead: dict[str, str]) -> AttributeError:
    """What `__getattr__` raises, which Python calls for what `of` has not."""
    answer = f": {instead[name]}" if name in instead else ""
    kind = type(of).__name__
    return AttributeError(f"{kind!r} object has no attribute {name!r}{answer}", name=name, obj=of)


class PyTorchNames:
    """Tensor has none of these attributes; the error says what it has."""

    __slots__ = ()

    def __getattr__(self, name: str):
        if isinstance(getattr(type(self), name, None), property):  # shape, say, which asks .data
            got = type(self.data).__name__
            raise AttributeError(f"{name}: .data expects an array of {self.device}, got {got}")
        raise no_attribute(self, name, OF_TENSORS)

    def __setitem__(self, index, value) -> None:
        raise TypeError(
            "setitem: Tensors do not change by index: x.write(values) gives new ones to all, and "
            "functional.where makes another Tensor"
        )


def missing_from(module: str) -> Callable[[str], object]:
    """The `__getattr__` of a module, which Python asks for what the module has not."""

    def missing(name: str) -> object:
        instead = IN_MODULES[module].get(name)
        answer = f": {instead}" if instead else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{answer}", name=name)

    return missing
