"""A small training run with its doctor, on data that are quickly learned."""

import math

import numpy as np
from tiny_runs import load_example

from tinynet import Tensor, init, nn
from tinynet import functional as F
from tinynet.optim import SGD
from tinynet.training.controls import Controls
from tinynet.training.doctor import Doctor, Finding
from tinynet.training.inputs import Inputs

BATCH = 16
BETTER = "--profile source2012 or modern"


class Colours:
    """Batches of noise whose colour tells the class: easy to learn."""

    def __init__(self, side: int = 12):
        rng = np.random.default_rng(0)
        self.labels = np.arange(160) % 10
        colours = rng.uniform(-1, 1, (10, 3, 1, 1))
        self._images = np.float32(colours[self.labels] + rng.normal(0, 0.6, (160, 3, side, side)))

    def batch(self, step: int, size: int = BATCH) -> tuple[Tensor, np.ndarray]:
        chosen = np.random.default_rng([1, step]).integers(0, len(self.labels), size)
        return Tensor(self._images[chosen]), self.labels[chosen]


def small_net(std: float | None = None, bias: float = 0.0) -> nn.Sequential:
    """Weights by He et al., or from N(0, std); biases of 0 or another number in the hidden layers,
    as in the paper. The last layer's are always N(0, 0.01) and 0.
    """
    model = nn.Sequential(
        conv1=nn.Conv2d(3, 12, 3, padding=1),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(12, 16, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc3=nn.Linear(144, 40),
        relu3=nn.ReLU(),
        dropout3=nn.Dropout(0.5, "paper", seed=1),
        fc4=nn.Linear(40, 10),
    )
    rng = np.random.default_rng(0)
    for name, layer in model.children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if std is None and name != "fc4":
                init.he_normal_(layer.weight, rng)
            else:
                init.normal_(layer.weight, std or 0.01, rng=rng)
            init.constant_(layer.bias, bias if name in ("conv2", "fc3") else 0)
    return model


def alexnet(profile: str, **options) -> nn.Sequential:
    return load_example("alexnet").AlexNet(10, profile, image_size=64, width=0.03, **options)


def controls_of(optimizer: SGD) -> Controls:
    return Controls(optimizer, Inputs(np.zeros((3, 12, 12)), np.ones(3)))


class Run:
    """A small training run with its doctor, as the trainer would run it."""

    def __init__(self, model, data, lr=0.02, better_start="", watched=True, groups=None):
        self.model, self.data, self.step = model, data, 0
        if groups is None:
            parameters = list(model.parameters())
            groups = [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 5e-4},
                {"params": [p for p in parameters if p.ndim == 1]},
            ]
        self.optimizer = SGD(groups, lr, 0.9)
        self.doctor = None
        if watched:
            self.doctor = Doctor(
                model,
                self.optimizer,
                controls_of(self.optimizer),
                data.labels,
                better_start=better_start,
                workers=1,
                prepared=False,
            )
        self.said: list[tuple[int, Finding]] = []

    def train(self, steps: int) -> "Run":
        for _ in range(steps):
            x, labels = self.data.batch(self.step)
            if self.doctor and self.step == 0:
                self._note(self.doctor.before_training(x))
            loss = F.cross_entropy(self.model(x), labels)
            if not math.isfinite(loss.item()):
                self._note([self.doctor.bad_numbers()])
                break
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.step += 1
            if self.doctor:
                self._note(self.doctor.after_step(self.step, loss.item(), x))
        return self

    def _note(self, news):
        self.said += [(self.step, finding) for finding in news]

    @property
    def kinds(self) -> list[str]:
        return [finding.kind for _, finding in self.said]

    def bits(self) -> list:
        """Weights, velocities and dropout counters."""
        weights = [p.numpy().tobytes() for p in self.model.parameters()]
        velocities = [v.tobytes() for group in self.optimizer.velocity for v in group]
        return weights + velocities + [self.model.dropout3.counter]
