"""The training doctor: it finds what was made sick on purpose, and is silent about all else."""

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import load_example

from tinynet import Tensor, init, nn
from tinynet import functional as F
from tinynet.data import Dataset, Loader, open_dataset
from tinynet.doctor import Doctor, Finding, loading
from tinynet.doctor.fading import faint_start
from tinynet.doctor.look import Look, look
from tinynet.doctor.memory import Memory
from tinynet.doctor.overfitting import Overfitting
from tinynet.doctor.stuck import Stuck
from tinynet.doctor.updates import update_ratios
from tinynet.optim import SGD

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYNET_DATA", ROOT.parent / "shared" / "data"))
BATCH = 16


class Colours:
    """Batches of noise whose colour tells the class: no need to be clever to learn it."""

    def __init__(self, side: int = 12):
        rng = np.random.default_rng(0)
        self.labels = np.arange(160) % 10
        colours = rng.uniform(-1, 1, (10, 3, 1, 1))
        self._images = np.float32(colours[self.labels] + rng.normal(0, 0.6, (160, 3, side, side)))

    def batch(self, step: int, size: int = BATCH) -> tuple[Tensor, np.ndarray]:
        chosen = np.random.default_rng([1, step]).integers(0, len(self.labels), size)
        return Tensor(self._images[chosen]), self.labels[chosen]


@pytest.fixture(scope="module")
def colours():
    return Colours()


def small_net(std: float | None = None, bias: float = 0.0) -> nn.Sequential:
    """Weights by He et al., or from N(0, std); biases of 0 or another number in the hidden layers,
    as the paper has them. The last layer's are N(0, 0.01) and 0 in any case.
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


class Run:
    """A small training with its doctor, as the trainer would run it."""

    def __init__(self, model, data, lr=0.02, profile="modern", watched=True, groups=None):
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
                model, self.optimizer, data.labels, profile=profile, workers=1, prepared=False
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


# ---------------------------------------------------------------- healthy, and left alone


@pytest.fixture(scope="module")
def healthy(colours):
    return Run(small_net(), colours).train(250)


def test_silence_over_a_healthy_run(healthy):
    assert healthy.said == []
    assert healthy.doctor.state_dict()["ratios"].keys() == {"conv1", "conv2", "fc3", "fc4"}


def test_silence_over_shapes():
    """What the first command of the README trains on, in a smaller net."""
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
    assert Run(model, Cifar(), 0.001, "80sec", groups=groups).train(150).said == []


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
    monkeypatch.setattr("tinynet.doctor.doctor.look", lambda *_: looks.append(run.step))
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


# ---------------------------------------------------------------- stuck


@pytest.fixture(scope="module")
def drowned(colours):
    """The paper's start: weights from N(0, 0.01), biases of 1."""
    return Run(small_net(std=0.01, bias=1.0), colours, profile="paper").train(140)


def test_the_paper_s_start_is_warned_of_before_a_step(drowned):
    step, finding = drowned.said[0]
    assert (step, finding.kind, finding.layer) == (0, "faint_start", "fc4")
    assert finding.text.startswith("training may not start, or only after hundreds of steps: ")
    assert "of what fc4 gives depends on the image (conv1 9" in finding.text
    assert "the biases of conv2 and fc3 drown it" in finding.cause
    assert "--profile source2012 or modern" in finding.remedy


def test_the_paper_s_start_is_stuck_and_said_so_once(drowned):
    (step, finding), *more = drowned.said[1:]
    assert finding.kind == "stuck" and more == []
    assert step == 86  # after one round: the logits do not depend on the image
    assert "ln 10 = 2.303" in finding.measured and "the biases of" in finding.cause


def test_starts_of_alexnet():
    """Of the paper's profile little arrives; `modern` brings the image through all eight layers."""
    x = Tensor(np.random.default_rng(0).normal(0, 60, (16, 3, 64, 64)).astype(np.float32))
    kinds = {}
    for profile in ("paper", "modern"):
        model = alexnet(profile)
        optimizer = SGD(model.parameters(), 0.01)
        labels, options = np.arange(10), {"workers": 1, "prepared": True}
        doctor = Doctor(model, optimizer, labels, profile=profile, **options)
        kinds[profile] = [(finding.kind, finding.layer) for finding in doctor.before_training(x)]
    assert kinds == {"paper": [("faint_start", "fc8")], "modern": []}


def test_images_with_their_mean_have_another_cause(colours):
    x, _ = colours.batch(0)
    (finding,) = Run(small_net(), colours).doctor.before_training(x + 1000.0)
    assert finding.kind == "faint_start"
    assert "the images that come in hardly differ" in finding.cause
    assert "subtract the mean" in finding.remedy
    assert Run(small_net(), colours).doctor.before_training(x) == []


@pytest.mark.parametrize(
    ("signal", "told"), [(0.002, "may not start"), (0.01, "will start late"), (0.018, None)]
)
def test_what_a_faint_start_costs(signal, told):
    """0.01 is the paper's net on photographs, 0.018 source2012 on CIFAR-10."""
    seen = Look(32, signal={"conv1": 0.98, "fc8": signal}, bias={"conv1": 0.0, "fc8": 0.0})
    finding = faint_start(seen, "paper")
    assert (finding is None) if told is None else (told in finding.text)


def test_no_profile_is_recommended_to_itself(colours):
    sick = Run(small_net(std=0.01, bias=1.0), colours, profile="source2012")
    (finding,) = sick.doctor.before_training(colours.batch(0)[0])
    assert "--profile modern" in finding.remedy and "source2012" not in finding.remedy


def rounds(stuck: Stuck, losses, every: int, batch: int, start: int = 0) -> list[int]:
    """The steps at which losses of intervals of `every` steps are judged to be stuck."""
    found = []
    for i, loss in enumerate(losses):
        step = start + (i + 1) * every
        if stuck.end_of_round(step, every * batch, loss) and stuck.judge(None, {}, 0.01):
            found.append(step)
    return found


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize(("batch", "every"), [(8, 1), (128, 20), (1, 3)])
def test_a_stuck_loss_is_found_for_all_its_noise(classes, batch, every):
    level = math.log(classes)
    enough = (3 * 0.5 / (0.02 * level)) ** 2 / batch  # steps, for their mean to be known
    expected = 4 * (max(37 * level, enough) + every)
    rng = np.random.default_rng([classes, batch])
    noise = rng.normal(0, 0.5 / math.sqrt(batch * every), 2 * math.ceil(expected / every))
    found = rounds(Stuck(np.arange(classes), "paper"), level + noise, every, batch)
    assert found and found[0] <= expected


@pytest.mark.parametrize("batch", [8, 128])
def test_a_slowly_falling_loss_is_not_stuck(batch):
    """A tenth of what photographs did from source2012: 2.30 to 2.18 in the first 75 steps."""
    rng = np.random.default_rng(batch)
    steps = np.arange(20, 4000, 20)
    losses = math.log(10) - 0.12 / 750 * steps
    noise = rng.normal(0, 0.5 / math.sqrt(20 * batch), len(steps))
    assert rounds(Stuck(np.arange(10), "modern"), losses + noise, 20, batch) == []


def test_measured_curves_are_not_stuck():
    """Mean losses of 20 steps: `shapes` with modern; source2012 on photographs, at width 0.5."""
    shapes = [2.404, 2.298, 2.298, 2.278, 2.248, 2.204, 2.082, 2.013, 1.955, 1.813, 1.701, 1.690]
    photographs = [2.398, 2.297, 2.137, 1.990, 1.940, 1.820, 1.730, 1.640, 1.640, 1.460, 1.480]
    for curve, batch in ((shapes, 64), (photographs, 128)):
        stuck = Stuck(np.arange(10), "modern")
        assert rounds(stuck, curve + [1.4] * 20, 20, batch) == []
    assert rounds(Stuck(np.arange(10), "modern"), shapes[:4] * 10, 20, 64) != []


def test_a_loss_that_falls_back_is_stuck_again():
    stuck = Stuck(np.arange(10), "modern")
    losses = [2.303] * 20 + [1.5] * 20 + [2.303] * 20
    found = rounds(stuck, losses, every=20, batch=128)
    assert min(found) == 400 and max(found) > 1100
    assert not [step for step in found if 500 < step < 1100]


def test_the_level_is_the_entropy_of_the_classes():
    labels = np.repeat([0, 1], [90, 10])
    level = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    uneven = Stuck(labels, "paper")
    assert rounds(uneven, [level] * 400, 20, 128)
    assert f"{level:.3f} of a network that ignores" in uneven.judge(None, {}, 0.01).text
    # below ln 2 from the start: what the frequencies alone give is no progress
    assert rounds(Stuck(labels, "paper"), [0.6 * math.log(2)] * 400, 20, 128) != []
    assert rounds(Stuck(labels, "paper"), [0.9 * level] * 400, 20, 128) == []
    assert rounds(Stuck(np.zeros(5, int), "paper"), [0.0] * 400, 20, 128) == []


def test_a_rate_that_is_too_low(colours):
    run = Run(small_net(), colours, lr=1e-8).train(400)
    assert run.kinds == ["small_updates", "stuck"]
    small, stuck = (finding for _, finding in run.said)
    assert "--lr 1e-07" in small.remedy and "the rate is too low" in small.cause
    assert "the rate is too low" in stuck.cause


def test_a_rate_that_the_schedule_lowered_is_not_too_low(colours):
    run = Run(small_net(), colours).train(20)
    run.optimizer.scale_lr(1e-6)
    run.train(190)
    assert run.said == []


def test_weights_that_each_step_throws_about(healthy):
    run = Run(small_net(), healthy.data).train(90)
    x, _ = run.data.batch(90)
    news = []
    for step in (150, 200):  # as if conv2's weights were small, and stayed so
        x, labels = run.data.batch(step)
        F.cross_entropy(run.model(x), labels).backward()
        run.optimizer.step()
        run.optimizer.zero_grad()
        w = run.model.conv2.weight.data
        w *= 5 * np.linalg.norm(run.optimizer.velocity[0][1]) / np.linalg.norm(w)
        news.append(run.doctor.after_step(step, 2.0, x))
    ((), (finding,)) = news
    assert finding.kind == "large_updates" and finding.layer == "conv2"
    assert "conv2 by 20%" in finding.measured and "--lr 0.002" in finding.remedy


# ---------------------------------------------------------------- dead units, bad numbers


def test_units_that_steps_too_large_have_killed(colours):
    ((step, dead),) = Run(small_net(), colours, lr=0.1).train(140).said
    assert (step, dead.kind, dead.layer) == (86, "dead_units", "relu2")  # seen at 50, it lasted
    assert "% of relu2 is 0 for each of 16 images" in dead.measured
    assert "with --lr 0.01" in dead.remedy


def test_a_net_that_is_stuck_since_its_units_died(colours):
    run = Run(small_net(), colours, lr=0.5).train(140)
    assert run.kinds == ["stuck"]  # the dead units are its cause, and told of once
    assert "of relu2 is dead: steps that were too large" in run.said[0][1].cause
    assert "with --lr 0.05" in run.said[0][1].remedy


def test_units_that_are_dead_from_the_start(colours):
    model = small_net()
    model.fc3.bias.data[:36] = -100
    ((step, finding),) = Run(model, colours).train(1).said
    assert (step, finding.kind, finding.layer) == (0, "dead_units", "relu3")
    assert "92% of relu3 is 0 for each of 16 images" in finding.measured
    assert "biases of 0 or above" in finding.remedy


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
def test_bad_numbers_come_with_the_layers_whose_steps_grew(colours):
    run = Run(small_net(), colours, lr=1e4).train(100)
    finding = run.said[-1][1]
    assert run.step < 100 and finding.kind == "bad_numbers" and finding.layer is not None
    assert "the last step moved the weights of " in finding.measured
    assert "with --lr 1000" in finding.remedy


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
def test_bad_numbers_are_compared_with_the_look_before(colours):
    run = Run(small_net(), colours).train(60)
    run.model.fc3.weight.data *= 1e25
    run.optimizer.velocity[0][2][...] = 1e20
    run.model.conv1.weight.data[0, 0, 0, 0] = np.nan
    finding = run.doctor.bad_numbers()
    assert "conv1 by countless times (0.0" in finding.measured and "fc3" not in finding.measured
    healthy = Run(small_net(), colours).train(60)
    assert "no layer's weights more than is usual" in healthy.doctor.bad_numbers().measured


# ---------------------------------------------------------------- the loader


class Slow(Dataset):
    """Images that take their time: each is the last of many that are computed."""

    def __init__(self, effort: int):
        super().__init__("slow", "train", ["a", "b"], np.arange(64) % 2, 8, 8, cache=False)
        self._effort = effort

    def read(self, i):
        for _ in range(self._effort):
            pixels = np.sort(np.arange(30_000) * 7919 % 10_007)
        return np.full((3, 8, 8), pixels[i], np.uint8)

    def describe(self, i):
        return f"image {i}"


def train_from(loader: Loader, intervals: int) -> list[Finding]:
    """What is said while a network that has nothing to do takes batches from a loader."""
    watch, said = loading.Loading(loader.workers, cores=2, prepared=False), []
    batches = loader.epoch(0)
    for _ in range(intervals):
        began, waited = time.perf_counter(), loader.wait_seconds
        images = sum(len(next(batches).labels) for _ in range(2))
        seconds = time.perf_counter() - began
        figures = {
            "images_per_s": images / seconds,
            "data_wait": (loader.wait_seconds - waited) / seconds,
        }
        said.append(watch.after_interval(images, figures))
    batches.close()
    return said


def test_a_slow_dataset_is_told_of(monkeypatch):
    monkeypatch.setattr(loading, "SECONDS", 0.0)  # however quick this machine is
    loader = Loader(Slow(effort=5), 8, seed=0, workers=1, train=True)
    first, second, *rest = train_from(loader, 4)
    assert first is None and second is None  # it may be slow for once
    assert all(finding.kind == "slow_loading" for finding in rest)
    assert "went by waiting for images" in rest[0].measured
    assert "1 worker on 2 cores" in rest[0].cause
    assert "--workers 2" in rest[0].remedy and "`prepare`" in rest[0].remedy


FAST = {"images_per_s": 100.0, "data_wait": 0.05}
SLOW = {"images_per_s": 100.0, "data_wait": 0.6}


def test_waiting_must_last_half_a_minute():
    watch = loading.Loading(workers=2, cores=2, prepared=True)
    found = [watch.after_interval(640, SLOW) for _ in range(6)]  # 6.4 s each
    assert [finding is not None for finding in found] == [False] * 4 + [True] * 2
    assert "60% of the last 32 s" in found[4].measured
    assert "gives 100 a second, the network could train on 250" in found[4].measured
    assert "--workers" not in found[4].remedy and "prepared" in found[4].remedy
    assert watch.after_interval(640, FAST) is None
    assert [watch.after_interval(640, SLOW) for _ in range(4)] == [None] * 4


# ---------------------------------------------------------------- overfitting


def after_epoch(observer: Overfitting, train_loss: float, val_loss: float, error: float):
    observer.after_step(30, train_loss - 0.1)
    observer.after_step(10, train_loss + 0.3)
    return observer.after_epoch(val_loss, error)


def test_overfitting_needs_a_validation_that_gets_worse():
    observer = Overfitting()
    assert after_epoch(observer, 2.0, 2.0, 0.6) is None
    assert after_epoch(observer, 1.5, 1.6, 0.5) is None
    assert after_epoch(observer, 1.0, 1.7, 0.5) is None  # not a tenth
    assert after_epoch(observer, 1.0, 2.0, 0.45) is None  # the error has improved
    assert after_epoch(observer, 1.6, 2.0, 0.5) is None  # the training loss has not fallen
    resumed = Overfitting()
    resumed.load_state_dict(json.loads(json.dumps(observer.state_dict())))
    finding = after_epoch(resumed, 0.6, 2.0, 0.47)
    assert "from 1.600 to 2.000" in finding.measured and "from 1.500 to 0.600" in finding.measured
    assert "45.0%" in finding.measured


def test_overfitting_is_said_after_three_epochs(colours):
    doctor = Run(small_net(), colours).doctor
    x, said = colours.batch(0)[0], []
    for step, train_loss, val_loss in ((1, 1.5, 1.6), *((i, 1.0, 2.0) for i in range(2, 7))):
        assert doctor.after_step(step, train_loss, x) == []
        said.append(len(doctor.after_epoch(val_loss, 0.5)))
    assert said == [0, 0, 0, 1, 0, 0]


def test_slow_loading_is_said_once_and_is_no_part_of_the_state(colours):
    doctor = Run(small_net(), colours).doctor
    before = doctor.state_dict()
    assert [len(doctor.after_interval(1280, SLOW)) for _ in range(5)] == [0, 0, 1, 0, 0]
    assert doctor.state_dict() == before


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
    first = Run(small_net(std=0.01, bias=1.0), colours, profile="paper").train(stop)
    state = json.loads(json.dumps(first.doctor.state_dict()))
    resumed = Run(first.model, colours, profile="paper")
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.doctor.load_state_dict(state)
    resumed.step = stop
    resumed.train(140 - stop)
    told = [(step, finding.text) for step, finding in first.said + resumed.said]
    assert told == [(step, finding.text) for step, finding in drowned.said]
    assert resumed.doctor.state_dict() == drowned.doctor.state_dict()


def test_state_is_small(healthy):
    assert len(json.dumps(healthy.doctor.state_dict())) < 2000
