"""What a Tensor answers who asks for it by PyTorch's name: how tinynet says the same."""

INSTEAD = {
    "argmax": "x.numpy().argmax(...)",
    "clamp": "x.clip(lo, hi)",
    "clone": "x + 0, or Tensor(x.numpy().copy()) without the gradient",
    "copy_": "x.write(values)",
    "cpu": 'x.to("cpu")',
    "cuda": 'x.to("cuda:0")',
    "dim": "x.ndim",
    "double": "Tensor(x, dtype='float64')",
    "float": "Tensor(x, dtype='float32')",
    "grad_fn": "x.creator",
    "long": "Tensor(x, dtype='int64')",
    "matmul": "x @ y",
    "min": "-(-x).max(...)",
    "mm": "x @ y",
    "numel": "x.size",
    "permute": "x.transpose(...)",
    "pow": "x ** y",
    "requires_grad_": "Tensor(..., requires_grad=True)",
    "softmax": "tinynet.functional.softmax(x)",
    "squeeze": "x.reshape(...)",
    "swapaxes": "x.transpose(...) with all axes",
    "t": "x.T",
    "tolist": "x.numpy().tolist()",
    "unsqueeze": "x[None] or x[:, None]",
    "view": "x.reshape(...)",
    "zero_": "x.write(0)",
}


class PyTorchNames:
    """Tensor has none of these attributes; the error says what it has."""

    __slots__ = ()

    def __getattr__(self, name: str):
        instead = f": {INSTEAD[name]}" if name in INSTEAD else ""
        kind = type(self).__name__
        message = f"{kind!r} object has no attribute {name!r}{instead}"
        raise AttributeError(message, name=name, obj=self)
