"""tinynet's engine: operations of `functional`, the momentum update, networks of the examples."""

import sys
import time
from importlib import import_module

from engine import limit_cores, samples, serve

limit_cores()

import numpy as np  # noqa: E402

from tinynet import Tensor, no_grad, optim  # noqa: E402
from tinynet import device as open_device  # noqa: E402
from tinynet import functional as F  # noqa: E402
from tinynet.kernels import launch  # noqa: E402


class Operation:
    """One function: forward, and backward where gradients are wanted."""

    def __init__(self, case: dict, arrays: dict[str, np.ndarray]):
        self.function, self.options = getattr(F, case["name"]), case["options"]
        self.inputs = [_input(arrays[name], name in case["wanted"]) for name in case["inputs"]]
        self.wanted = dict(zip(case["inputs"], self.inputs))
        self.wanted = {name: self.wanted[name] for name in case["wanted"]}
        self.dy = Tensor(arrays["dy"])

    def check(self) -> dict[str, np.ndarray]:
        y = self.function(*self.inputs, **self.options)
        self._forget()
        y.backward(self.dy)
        grads = {f"d{name}": x.grad.numpy() for name, x in self.wanted.items()}
        return {"y": y.numpy(), **grads}

    def run(self) -> dict[str, float]:
        self._forget()
        start = time.perf_counter()
        y = self.function(*self.inputs, **self.options)
        middle = time.perf_counter()
        y.backward(self.dy)
        end = time.perf_counter()
        return {"forward": middle - start, "backward": end - middle}

    def _forget(self) -> None:
        for x in self.wanted.values():
            x.zero_grad()


def _input(array: np.ndarray, wanted: bool):
    return Tensor(array, requires_grad=wanted) if array.dtype.kind == "f" else array


class Augment:
    """The last step of the input pipeline: uint8 images to the network's input."""

    def __init__(self, case: dict, arrays: dict[str, np.ndarray]):
        self.arrays = [arrays[name] for name in case["inputs"]]
        n, c, h, w = arrays["images"].shape
        size = arrays["mean"].shape[-1]
        self.y = np.empty((n, c, size, size), np.float32)
        self.sizes = (n, c, h, w, size, size)

    def check(self) -> dict[str, np.ndarray]:
        self.run()
        return {"y": self.y}

    def run(self) -> dict[str, float]:
        start = time.perf_counter()
        launch(open_device("cpu"), "augment", self.y, *self.arrays, *self.sizes)
        return {"forward": time.perf_counter() - start}


class Update:
    """The momentum update of one parameter."""

    def __init__(self, case: dict, arrays: dict[str, np.ndarray]):
        self.weight = Tensor(arrays["weight"], requires_grad=True)
        self.weight.grad = Tensor(arrays["grad"])
        self.optimizer = optim.SGD([self.weight], **case["options"])

    def check(self) -> dict[str, np.ndarray]:
        self.optimizer.step()
        return {"y": self.weight.numpy()}

    def run(self) -> dict[str, float]:
        start = time.perf_counter()
        self.optimizer.step()
        return {"forward": time.perf_counter() - start}


class Net:
    """A network of an example: a training step, or inference."""

    def __init__(self, case: dict, arrays: dict[str, np.ndarray]):
        example = import_module(f"tinynet.models.{case['example']}").EXAMPLE
        self.training, self.labels = case["training"], arrays["labels"]
        self.device = open_device(case["device"])
        self.device.use_tf32("--tf32" in sys.argv)
        self.x = Tensor(arrays["x"], device=self.device)  # there before the step that is timed
        built = {**case["arguments"], "devices": case["device"], "dtype": str(self.x.dtype)}
        self.model = example.build(**built)
        named = dict(self.model.named_parameters())
        self.model.load_state_dict({name: arrays[name] for name in named})
        groups = [
            {**group, "params": [named[p] for p in group["params"]]} for group in case["groups"]
        ]
        self.optimizer = optim.SGD(groups, lr=0.0) if self.training else None
        self.model.train(self.training)

    def check(self) -> dict[str, np.ndarray]:
        """The loss without dropout, and samples of its gradients."""
        self.model.eval()
        loss = F.cross_entropy(self.model(self.x), self.labels)
        results = {"loss": loss.numpy()}
        if self.training:
            loss.backward()
            for name, p in self.model.named_parameters():
                results[f"d{name}"] = samples(p.grad.numpy())
            self.model.zero_grad()
        self.model.train(self.training)
        return results

    def run(self) -> dict[str, float]:
        start = time.perf_counter()
        if self.training:
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(self.x), self.labels)
            loss.backward()
            self.optimizer.step()
            loss.item()
            self._wait()
        else:
            with no_grad():
                self.model(self.x).numpy()
        return {"step": time.perf_counter() - start}

    def _wait(self) -> None:
        if self.device.name != "cpu":
            with self.device.active():
                self.device.xp.cuda.get_current_stream().synchronize()


KINDS = {"operation": Operation, "augment": Augment, "update": Update, "net": Net}

if __name__ == "__main__":
    serve(lambda case, arrays: KINDS[case["kind"]](case, arrays))
