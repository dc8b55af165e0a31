"""PyTorch's engine: eager, or with --compile through torch.compile. It knows nothing of tinynet."""

import sys
import time

from engine import limit_cores, samples, serve

limit_cores()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

COMPILED = "--compile" in sys.argv
TF32 = "--tf32" in sys.argv


def conv2d(x, weight, bias, stride, padding, groups):
    top, bottom, left, right = padding
    if (top, left) == (bottom, right):
        return F.conv2d(x, weight, bias, stride, (top, left), groups=groups)
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride, groups=groups)


def local2d(x, weight, bias, stride, padding):
    """PyTorch has no such layer: its columns, and a sum for each place."""
    filters, _, kh, kw, oh, ow = weight.shape
    columns = F.unfold(x, (kh, kw), padding=padding, stride=stride)
    y = torch.einsum("nkp,okp->nop", columns, weight.reshape(filters, -1, oh * ow))
    return y.view(len(x), filters, oh, ow) + bias


def local_response_norm(x, size, alpha, beta, k, groups):
    """PyTorch divides alpha by size; each group is an image of its own."""
    n, c, h, w = x.shape
    parts = x.view(n * groups, c // groups, h, w)
    return F.local_response_norm(parts, size, size * alpha, beta, k).view(x.shape)


def local_response_norm_within(x, size, alpha, beta, k):
    sums = F.avg_pool2d(x * x, size, 1, size // 2) * size**2  # padding counts as zeros
    return x * (k + alpha * sums) ** -beta


def dropout(x, p, mode, training=True):
    """PyTorch's own; and as in the paper: dropped and not scaled, in testing x (1 - p)."""
    if mode == "inverted":
        return F.dropout(x, p, training)
    return x * torch.empty_like(x).bernoulli_(1 - p) if training else x * (1 - p)


def max_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    return F.max_pool2d(x, kernel_size, stride, padding, ceil_mode=ceil_mode)


def avg_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad=False)


OPERATIONS = {
    "conv2d": conv2d,
    "local2d": local2d,
    "linear": F.linear,
    "relu": F.relu,
    "tanh": torch.tanh,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "local_response_norm": local_response_norm,
    "local_response_norm_within": local_response_norm_within,
    "dropout": dropout,
    "cross_entropy": F.cross_entropy,
}


class Operation:
    def __init__(self, case, arrays):
        function = OPERATIONS[case["name"]]
        options = {k: v for k, v in case["options"].items() if k not in ("seed", "counter")}
        self.inputs = [torch.from_numpy(arrays[name]) for name in case["inputs"]]
        self.names = case["wanted"]
        self.wanted = [self.inputs[case["inputs"].index(name)] for name in self.names]
        for x in self.wanted:
            x.requires_grad_()
        self.dy = torch.from_numpy(arrays["dy"])
        self.function = _compiled(lambda *inputs: function(*inputs, **options))

    def check(self):
        y = self.function(*self.inputs)
        grads = torch.autograd.grad(y, self.wanted, self.dy)
        named = {f"d{name}": grad.numpy() for name, grad in zip(self.names, grads)}
        return {"y": y.detach().numpy(), **named}

    def run(self):
        start = time.perf_counter()
        y = self.function(*self.inputs)
        middle = time.perf_counter()
        torch.autograd.grad(y, self.wanted, self.dy)
        end = time.perf_counter()
        return {"forward": middle - start, "backward": end - middle}


def _compiled(function):
    if not COMPILED:
        return function
    torch.compiler.reset()  # of the work before: after eight shapes it would go on uncompiled
    return torch.compile(function, dynamic=False)


class Augment:
    """Crop and mirror each image, then the rest on the batch: what PyTorch has for this."""

    def __init__(self, case, arrays):
        self.images, self.top, self.left, self.flip, self.shift, self.mean, self.scale = (
            torch.from_numpy(arrays[name]) for name in case["inputs"]
        )
        if COMPILED:
            raise NotImplementedError("images that are cropped one by one are not compiled")

    def check(self):
        return {"y": self._augment().numpy()}

    def run(self):
        start = time.perf_counter()
        self._augment()
        return {"forward": time.perf_counter() - start}

    def _augment(self):
        size = self.mean.shape[-1]
        places = zip(self.images, self.top.tolist(), self.left.tolist(), self.flip.tolist())
        crops = []
        for image, top, left, flip in places:
            crop = image[:, top : top + size, left : left + size]
            crops.append(crop.flip(2) if flip else crop)
        x = torch.stack(crops).float()
        x += self.shift[:, :, None, None]
        x -= self.mean
        x *= self.scale[:, None, None]
        return x


class Update:
    def __init__(self, case, arrays):
        self.weight = torch.from_numpy(arrays["weight"]).requires_grad_()
        self.weight.grad = torch.from_numpy(arrays["grad"])
        self.optimizer = torch.optim.SGD([self.weight], **case["options"], fused=True)

    def check(self):
        self.optimizer.step()
        return {"y": self.weight.detach().numpy()}

    def run(self):
        start = time.perf_counter()
        self.optimizer.step()
        return {"forward": time.perf_counter() - start}


class Call(nn.Module):
    """A function as a layer; `training` is handed on where the function takes it."""

    def __init__(self, function, **options):
        super().__init__()
        self.function, self.options = function, options

    def forward(self, x):
        more = {"training": self.training} if self.function is dropout else {}
        return self.function(x, **self.options, **more)


class Padded(nn.Sequential):
    """Zeros on some sides, then a convolution."""


def layer(name, kind, options, arrays):
    if kind == "Conv2d":
        top, bottom, left, right = options["padding"]
        even = (top, left) == (bottom, right)
        weight = torch.from_numpy(arrays[f"{name}.weight"])
        out, inputs, *kernel = weight.shape
        groups = options["groups"]
        padding = (top, left) if even else 0
        conv = nn.Conv2d(inputs * groups, out, kernel, options["stride"], padding, groups=groups)
        _fill(conv, name, arrays)
        return conv if even else Padded(nn.ZeroPad2d((left, right, top, bottom)), conv)
    if kind == "Linear":
        linear = nn.Linear(*reversed(arrays[f"{name}.weight"].shape))
        _fill(linear, name, arrays)
        return linear
    plain = {"ReLU": lambda: nn.ReLU(inplace=True), "Tanh": nn.Tanh, "Flatten": nn.Flatten}
    if kind in plain:
        return plain[kind]()
    if kind == "MaxPool2d":
        window, stride = options["kernel_size"], options["stride"]
        return nn.MaxPool2d(window, stride, options["padding"], ceil_mode=options["ceil_mode"])
    functions = {
        "AvgPool2d": avg_pool2d,
        "LocalResponseNorm": local_response_norm,
        "LocalResponseNormWithin": local_response_norm_within,
        "Dropout": dropout,
    }
    return Call(functions[kind], **options)


def _fill(module, name, arrays):
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(arrays[f"{name}.weight"]))
        module.bias.copy_(torch.from_numpy(arrays[f"{name}.bias"]))


class Net:
    """The network that `layers` describe, as nn.Sequential, with PyTorch's fused SGD."""

    def __init__(self, case, arrays):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = TF32
        torch.backends.cudnn.benchmark = True
        self.device = torch.device(case["device"])
        self.training = case["training"]
        layers = [
            layer(each["name"], each["kind"], each["options"], arrays) for each in case["layers"]
        ]
        # There before the step: what is timed is the step.
        self.x = torch.from_numpy(arrays["x"]).to(self.device)
        self.labels = torch.from_numpy(arrays["labels"]).to(self.device)
        self.model = nn.Sequential(*layers).to(self.device, self.x.dtype)
        self.named = {}
        for each, module in zip(case["layers"], layers):
            owner = module[1] if isinstance(module, Padded) else module
            for part, p in owner.named_parameters():
                self.named[f"{each['name']}.{part}"] = p
        groups = [{**g, "params": [self.named[p] for p in g["params"]]} for g in case["groups"]]
        for group in groups:
            group.pop("name", None)
        self.optimizer = torch.optim.SGD(groups, lr=0.0, fused=True) if self.training else None
        self.model.train(self.training)
        self.forward = _compiled(self.model)
        self.loss = nn.CrossEntropyLoss()

    def check(self):
        self.model.eval()
        loss = self.loss(self.forward(self.x), self.labels)
        results = {"loss": loss.detach().cpu().numpy()}
        if self.training:
            loss.backward()
            for name, p in self.named.items():
                results[f"d{name}"] = samples(p.grad.cpu().numpy())
            self.optimizer.zero_grad(set_to_none=True)
        self.model.train(self.training)
        return results

    def run(self):
        start = time.perf_counter()
        if self.training:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.forward(self.x), self.labels)
            loss.backward()
            self.optimizer.step()
            loss.item()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
        else:
            with torch.no_grad():
                self.forward(self.x).cpu()
        return {"step": time.perf_counter() - start}


KINDS = {"operation": Operation, "augment": Augment, "update": Update, "net": Net}

if __name__ == "__main__":
    serve(lambda case, arrays: KINDS[case["kind"]](case, arrays))
