"""The training doctor is silent about healthy runs, measures right, and says things once."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from doctor_runs import BATCH, BETTER, Colours, Run, alexnet, small_net
from tiny_runs import load_example

from tinynet import Tensor, nn
from tinynet import functional as F
from tinynet.data import Loader, open_dataset
from tinynet.models.cifar10 import CifarNet
from tinynet.models.lenet import LeNet
from tinynet.optim import SGD
from tinynet.training.doctor import Finding
from tinynet.training.doctor.look import look
from tinynet.training.doctor.memory import Memory
from tinynet.training.doctor.updates import update_ratios

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYNET_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="module")
def colours():
    return Colours()


@pytest.fixture(scope="module")
def drowned(colours):
    """The paper's start: weights from N(0, 0.01), biases of 1."""
    return Run(small_net(std=0.01, bias=1.0), colours, better_start=BETTER).train(140)


# ---------------------------------------------------------------- healthy, and left alone


@pytest.fixture(scope="module")
def healthy(colours):
    return Run(small_net(), colours).train(250)


def test_silence_over_a_healthy_run(healthy):
    assert healthy.said == []
    assert healthy.doctor.state_dict()["ratios"].keys() == {"conv1", "conv2", "fc3", "fc4"}


def test_silence_over_shapes():
    """The README's first command, with a smaller net."""
    dataset = open_dataset("shapes", "train", 32, 0, 37)
    loader = Loader(dataset, BATCH, seed=0, workers=1, train=True)

    class Shapes:
        labels = dataset.labels
        _batches = loader.epoch(0)

        def batch(self, step):
            batch = next(self._batches)
            pixels = batch.images[:, :, 2:34:3, 2:34:3]  # 11 x 11
            x = np.pad(pixels, ((0, 0), (0, 0), (0, 1), (0, 1))).astype(np.float32)
            return Tensor((x - 128) / 64), batch.labels

    assert Run(small_net(), Shapes()).train(150).said == []


def test_silence_over_cifar10():
    """The authors' 80-second recipe, whose first layer begins with weights of 0.0001."""
    path = DATA / "cifar-10-binary.tar.xz"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {DATA} (set TINYNET_DATA to the folder that has it)")
    dataset = open_dataset(path, "val", 32, 0, 32)

    class Cifar:
        labels = dataset.labels

        def batch(self, step):
            chosen = range(step * BATCH, step * BATCH + BATCH)
            x = np.stack([dataset.load(i) for i in chosen]).astype(np.float32) - 122
            return Tensor(x), self.labels[chosen.start : chosen.stop]

    cifar10 = load_example("cifar10")
    model = cifar10.CifarNet(10, "80sec", width=0.5)
    groups = cifar10.parameter_groups(model, 0.001)
    assert Run(model, Cifar(), 0.001, groups=groups).train(150).said == []


def test_training_has_the_same_bits_with_a_doctor(colours):
    with_doctor = Run(small_net(), colours).train(120)
    without = Run(small_net(), colours, watched=False).train(120)
    assert with_doctor.bits() == without.bits()
    assert without.bits() != Run(small_net(), colours, watched=False).train(119).bits()


def test_a_look_leaves_the_modes_as_they_were(colours):
    model = small_net()
    model.dropout3.eval()
    modes = [module.training for _, module in model.named_modules()]
    look(model, colours.batch(0)[0])
    assert [module.training for _, module in model.named_modules()] == modes
    assert all(p.grad is None for p in model.parameters())


def test_it_looks_once_in_fifty_steps(colours, monkeypatch):
    run, looks = Run(small_net(), colours), []
    monkeypatch.setattr("tinynet.training.doctor.doctor.look", lambda *_: looks.append(run.step))
    run.train(160)
    assert looks == [0, 50, 86, 100, 150]  # 86: a round has ended


# ---------------------------------------------------------------- what is measured


def test_signal_is_between_image_std_over_rms(device):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 12)), rng.normal(3, 1, size=5)
    model = nn.Sequential(
        flatten=nn.Flatten(), fc=nn.Linear(12, 5, dtype="float64"), relu=nn.ReLU()
    )
    model.load_state_dict({"fc.weight": weight, "fc.bias": bias - [0, 0, 0, 0, 100]})
    model.to(device)
    images = rng.normal(size=(40, 3, 2, 2))
    seen = look(model, Tensor(images, device=device))
    y = images[:32].reshape(32, 12) @ weight.T + bias - [0, 0, 0, 0, 100]
    rms = np.sqrt((y**2).mean())
    assert seen.images == 32 and seen.last == "fc"
    # float64 sums in two orders
    assert math.isclose(seen.signal["fc"], np.sqrt(y.var(0, ddof=1).mean()) / rms, rel_tol=1e-9)
    shift = np.sqrt(((bias - [0, 0, 0, 0, 100]) ** 2).mean())
    assert math.isclose(seen.bias["fc"], shift / rms, rel_tol=1e-9)
    assert seen.silent == {"relu": np.mean((y <= 0).all(0))} and seen.silent["relu"] >= 0.2


@pytest.mark.parametrize(
    ("build", "side"), [(LeNet, 32), (lambda: CifarNet(profile="13pct", image_size=24), 24)]
)
def test_every_layer_with_weights_is_looked_at(build, side):
    """Also those of a table, subsampling, and layers that are locally connected."""
    model = build()
    x = np.random.default_rng(0).normal(0, 60, (8, 3, side, side)).astype(np.float32)
    seen = look(model, Tensor(x))
    named = dict(model.named_parameters())
    assert [f"{name}.weight" for name in seen.signal] == [n for n in named if n.endswith("weight")]


def test_silent_maps_are_silent_in_every_place():
    model = nn.Sequential(conv=nn.Conv2d(1, 4, 1), relu=nn.ReLU())
    model.load_state_dict(
        {
            "conv.weight": np.array([1, 1, -1, 0], np.float32).reshape(4, 1, 1, 1),
            "conv.bias": np.array([0, -9.5, 0, 0], np.float32),
        }
    )
    x = np.zeros((8, 1, 3, 3), np.float32)
    x[5, 0, 2, 1] = 9  # one image, one place: the second map stays just below 0, the third too
    assert look(model, Tensor(x)).silent == {"relu": 0.75}
    x[5, 0, 2, 1] = 10
    assert look(model, Tensor(x)).silent == {"relu": 0.5}


def test_too_few_images_are_no_ground_for_a_finding(colours):
    sick, (x, _) = small_net(std=0.01, bias=1.0), colours.batch(0, size=7)
    assert look(sick, x) is None
    assert Run(sick, colours).doctor.before_training(x) == []


def test_two_towers_look_like_one():
    one, two = (alexnet("modern", devices=devices) for devices in ("cpu", ("cpu", "cpu")))
    x = Tensor(np.random.default_rng(0).normal(0, 60, (16, 3, 64, 64)).astype(np.float32))
    seen = [look(model, x) for model in (one, two)]
    assert seen[0].signal.keys() == seen[1].signal.keys() and len(seen[0].silent) == 7
    for name in ("signal", "bias", "silent"):
        a, b = (list(getattr(s, name).values()) for s in seen)
        np.testing.assert_allclose(a, b, rtol=1e-4)  # float32, added in another order
    ratios = []
    for model in (one, two):
        optimizer = SGD(load_example("alexnet").parameter_groups(model, 0.01), 0.01)
        F.cross_entropy(model.eval()(x), np.arange(16) % 10).backward()
        optimizer.step()
        ratios.append(update_ratios(model, optimizer))
    assert ratios[0].keys() == ratios[1].keys() == seen[0].signal.keys()
    np.testing.assert_allclose(*(list(r.values()) for r in ratios), rtol=1e-3)


def test_update_ratio_leaves_decay_out(device):
    model = nn.Sequential(a=nn.Linear(6, 5), b=nn.Linear(5, 4)).to(device)
    rate = {"lr": 0.1, "weight_decay": 0.05}
    groups = [{"params": list(model.a.parameters()), **rate}, {"params": [model.b.weight]}]
    optimizer = SGD(groups, lr=0.02, momentum=0.5)
    velocity = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    w = model.a.weight.numpy().copy()
    device.write(optimizer.velocity[0][0], velocity - 0.1 * 0.05 / (1 - 0.5) * w)
    found = update_ratios(model, optimizer)
    expected = np.sqrt((velocity**2).sum() / (w**2).sum())
    assert math.isclose(found["a"], expected, rel_tol=1e-5)  # of float32
    assert found["b"] == 0
    optimizer.groups[1]["lr"] = 0.0
    assert update_ratios(model, optimizer).keys() == {"a"}


# ---------------------------------------------------------------- said once; resumed


def found(severity: float = 1.0) -> Finding:
    return Finding("kind", "measured", "cause", "remedy", severity=severity)


def said(memory: Memory, *severities: float | None, patience: int = 1) -> list[int]:
    """The places at which something was said."""
    findings = [None if severity is None else found(severity) for severity in severities]
    return [i for i, f in enumerate(findings) if memory.news("kind", f, patience)]


def test_a_finding_is_said_once():
    assert said(Memory(), 1, 1, 1, 1.9) == [0]
    assert said(Memory(), 1, 1.5, 2, 3, 4, 1) == [0, 2, 4]  # worse, and worse
    assert said(Memory(), 1, None, None, 1, None, 1) == [0]  # it wavers
    assert said(Memory(), 1, None, None, None, 1) == [0, 4]  # it came back
    assert said(Memory(), 1, 1, None, 1, 1, 1, 1, patience=3) == [5]
    assert said(Memory(), None, None, 1, None, 1, None, 1, patience=2) == []


def test_memory_keeps_kinds_apart():
    memory = Memory()
    assert memory.news("a", found()) and memory.news("b", found())
    assert not memory.news("a", found())


@pytest.mark.parametrize("stop", [40, 90])
def test_a_resumed_run_says_what_an_uninterrupted_one_says(colours, drowned, stop):
    first = Run(small_net(std=0.01, bias=1.0), colours, better_start=BETTER).train(stop)
    state = json.loads(json.dumps(first.doctor.state_dict()))
    resumed = Run(first.model, colours, better_start=BETTER)
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.doctor.load_state_dict(state)
    resumed.step = stop
    resumed.train(140 - stop)
    told = [(step, finding.text) for step, finding in first.said + resumed.said]
    assert told == [(step, finding.text) for step, finding in drowned.said]
    assert resumed.doctor.state_dict() == drowned.doctor.state_dict()


def test_state_is_small(healthy):
    assert len(json.dumps(healthy.doctor.state_dict())) < 2000
