"""The training doctor finds what was made sick on purpose, and the most likely cause."""

import json
import math
import time

import numpy as np
import pytest
from doctor_runs import BETTER, Colours, Run, alexnet, controls_of, small_net
from tiny_runs import load_example

from tinynet import Tensor
from tinynet import functional as F
from tinynet.commands.example import better_start
from tinynet.data import Dataset, Loader
from tinynet.optim import SGD
from tinynet.training.doctor import Doctor, Finding, loading
from tinynet.training.doctor.dead import why_dead_at_start
from tinynet.training.doctor.fading import faint_start
from tinynet.training.doctor.look import Look
from tinynet.training.doctor.overfitting import Overfitting
from tinynet.training.doctor.stuck import Stuck


@pytest.fixture(scope="module")
def colours():
    return Colours()


@pytest.fixture(scope="module")
def healthy(colours):
    return Run(small_net(), colours).train(250)


# ---------------------------------------------------------------- stuck


@pytest.fixture(scope="module")
def drowned(colours):
    """The paper's start: weights from N(0, 0.01), biases of 1."""
    return Run(small_net(std=0.01, bias=1.0), colours, better_start=BETTER).train(140)


def test_the_paper_s_start_is_warned_of_before_a_step(drowned):
    step, finding = drowned.said[0]
    assert (step, finding.kind, finding.layer) == (0, "faint_start", "fc4")
    assert finding.text.startswith("training may not start, or only after hundreds of steps: ")
    assert "of fc4's output depends on the image (conv1 9" in finding.text
    assert "the biases of conv2 and fc3 drown it" in finding.cause
    assert "--profile source2012 or modern" in finding.remedy


def test_the_paper_s_start_is_stuck_and_said_so_once(drowned):
    (step, finding), *more = drowned.said[1:]
    assert finding.kind == "stuck" and more == []
    assert step == 86  # after one round: the logits do not depend on the image
    assert "ln 10 = 2.303" in finding.measured and "the biases of" in finding.cause


def test_starts_of_alexnet():
    """With the paper's profile little of the image reaches fc8; `modern` brings it all the way."""
    x = Tensor(np.random.default_rng(0).normal(0, 60, (16, 3, 64, 64)).astype(np.float32))
    kinds = {}
    for profile in ("paper", "modern"):
        model = alexnet(profile)
        optimizer = SGD(model.parameters(), 0.01)
        options = {"better_start": BETTER, "workers": 1, "prepared": True}
        doctor = Doctor(model, optimizer, controls_of(optimizer), np.arange(10), **options)
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
    finding = faint_start(seen, BETTER)
    assert (finding is None) if told is None else (told in finding.text)


def test_no_version_is_recommended_to_itself(colours):
    """Nor a worse one; and where there is no better one, no flag is named."""
    example = load_example("alexnet").EXAMPLE
    assert better_start(example, "paper") == BETTER
    assert better_start(example, "source2012") == "--profile modern"
    assert better_start(example, "modern") == ""
    sick = Run(small_net(std=0.01, bias=1.0), colours, better_start="")
    (finding,) = sick.doctor.before_training(colours.batch(0)[0])
    assert finding.remedy == "start with larger weights or smaller biases"
    for flags, end in ((BETTER, f"mean 0: {BETTER}"), ("", "mean 0")):
        assert why_dead_at_start(flags)[1].endswith(end)


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
    enough = (3 * 0.5 / (0.02 * level)) ** 2 / batch  # steps, until their mean is known
    expected = 4 * (max(37 * level, enough) + every)
    rng = np.random.default_rng([classes, batch])
    noise = rng.normal(0, 0.5 / math.sqrt(batch * every), 2 * math.ceil(expected / every))
    found = rounds(Stuck(np.arange(classes), ""), level + noise, every, batch)
    assert found and found[0] <= expected


@pytest.mark.parametrize("batch", [8, 128])
def test_a_slowly_falling_loss_is_not_stuck(batch):
    """A tenth of what photographs did from source2012: 2.30 to 2.18 in the first 75 steps."""
    rng = np.random.default_rng(batch)
    steps = np.arange(20, 4000, 20)
    losses = math.log(10) - 0.12 / 750 * steps
    noise = rng.normal(0, 0.5 / math.sqrt(20 * batch), len(steps))
    assert rounds(Stuck(np.arange(10), ""), losses + noise, 20, batch) == []


def test_measured_curves_are_not_stuck():
    """Mean losses of 20 steps: `shapes` with modern; source2012 on photographs, at width 0.5."""
    shapes = [2.404, 2.298, 2.298, 2.278, 2.248, 2.204, 2.082, 2.013, 1.955, 1.813, 1.701, 1.690]
    photographs = [2.398, 2.297, 2.137, 1.990, 1.940, 1.820, 1.730, 1.640, 1.640, 1.460, 1.480]
    for curve, batch in ((shapes, 64), (photographs, 128)):
        stuck = Stuck(np.arange(10), "")
        assert rounds(stuck, curve + [1.4] * 20, 20, batch) == []
    assert rounds(Stuck(np.arange(10), ""), shapes[:4] * 10, 20, 64) != []


def test_a_loss_that_falls_back_is_stuck_again():
    stuck = Stuck(np.arange(10), "")
    losses = [2.303] * 20 + [1.5] * 20 + [2.303] * 20
    found = rounds(stuck, losses, every=20, batch=128)
    assert min(found) == 400 and max(found) > 1100
    assert not [step for step in found if 500 < step < 1100]


def test_the_level_is_the_entropy_of_the_classes():
    labels = np.repeat([0, 1], [90, 10])
    level = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    uneven = Stuck(labels, "")
    assert rounds(uneven, [level] * 400, 20, 128)
    assert f"below {level:.3f}, that of a network that ignores" in uneven.judge(None, {}, 0.01).text
    # below ln 2 from the start: what the frequencies alone give is not progress
    assert rounds(Stuck(labels, ""), [0.6 * math.log(2)] * 400, 20, 128) != []
    assert rounds(Stuck(labels, ""), [0.9 * level] * 400, 20, 128) == []
    assert rounds(Stuck(np.zeros(5, int), ""), [0.0] * 400, 20, 128) == []


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
    assert (step, dead.kind, dead.layer) == (86, "dead_units", "relu2")  # seen at 50, and lasting
    assert dead.measured.startswith("units that are 0 for each of 16 images: ")
    assert dead.measured.endswith("% of relu2")
    assert "with --lr 0.01" in dead.remedy


def test_a_net_that_is_stuck_since_its_units_died(colours):
    run = Run(small_net(), colours, lr=0.5).train(140)
    assert run.kinds == ["stuck"]  # the dead units are its cause, and reported once
    assert "of relu2's units are dead: steps that were too large" in run.said[0][1].cause
    assert "with --lr 0.05" in run.said[0][1].remedy


def test_units_that_are_dead_from_the_start(colours):
    model = small_net()
    model.fc3.bias.data[:36] = -100
    ((step, finding),) = Run(model, colours).train(1).said
    assert (step, finding.kind, finding.layer) == (0, "dead_units", "relu3")
    assert "units that are 0 for each of 16 images: 92% of relu3" in finding.measured
    assert "biases of 0 or above" in finding.remedy


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
def test_bad_numbers_come_with_the_layers_whose_steps_grew(colours):
    run = Run(small_net(), colours, lr=1e4).train(100)
    finding = run.said[-1][1]
    assert run.step < 100 and finding.kind == "bad_numbers" and finding.layer is not None
    assert "the last step moved some weights more than usual: those of " in finding.measured
    assert "with --lr 1000" in finding.remedy


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
def test_bad_numbers_are_compared_with_the_look_before(colours):
    run = Run(small_net(), colours).train(60)
    run.model.fc3.weight.data *= 1e25
    run.optimizer.velocity[0][2][...] = 1e20
    run.model.conv1.weight.data[0, 0, 0, 0] = np.nan
    finding = run.doctor.bad_numbers()
    assert "more than usual: those of conv1 by nan times their size (0.0" in finding.measured
    assert finding.measured.endswith(" times when last measured)") and "fc3" not in finding.measured
    healthy = Run(small_net(), colours).train(60)
    assert "no layer's weights more than usual" in healthy.doctor.bad_numbers().measured


# ---------------------------------------------------------------- the loader


class Slow(Dataset):
    """Images that take their time: many are computed for each one."""

    def __init__(self, effort: int):
        super().__init__("slow", "train", ["a", "b"], np.arange(64) % 2, 8, 8)
        self._effort = effort

    def read(self, i):
        for _ in range(self._effort):
            pixels = np.sort(np.arange(30_000) * 7919 % 10_007)
        return np.full((3, 8, 8), pixels[i], np.uint8)

    def describe(self, i):
        return f"image {i}"


def train_from(loader: Loader, intervals: int) -> list[Finding]:
    """What is said while a network that does no work takes batches from a loader."""
    watch, said = loading.Loading(loader.workers, cores=2, prepared=False), []
    batches = loader.epoch(0)
    for _ in range(intervals):
        began, waited = time.perf_counter(), loader.wait_seconds
        images = sum(len(next(batches).labels) for _ in range(2))
        seconds = time.perf_counter() - began
        said.append(watch.after_interval(images, seconds, loader.wait_seconds - waited))
    batches.close()
    return said


def test_a_slow_dataset_is_told_of(monkeypatch):
    monkeypatch.setattr(loading, "SECONDS", 0.0)  # however fast this machine is
    loader = Loader(Slow(effort=5), 8, seed=0, workers=1, train=True)
    first, second, *rest = train_from(loader, 4)
    assert first is None and second is None  # it may be slow for once
    assert all(finding.kind == "slow_loading" for finding in rest)
    assert "was spent waiting for images" in rest[0].measured
    assert "1 worker on 2 cores" in rest[0].cause
    assert "--workers 2" in rest[0].remedy and "`prepare`" in rest[0].remedy


FAST = (640, 6.4, 0.3)  # images, seconds in all and waiting
SLOW = (640, 6.4, 3.84)


def test_waiting_must_last_half_a_minute():
    watch = loading.Loading(workers=2, cores=2, prepared=True)
    found = [watch.after_interval(*SLOW) for _ in range(6)]
    assert [finding is not None for finding in found] == [False] * 4 + [True] * 2
    assert "60% of the last 32 s" in found[4].measured
    assert "delivers 100 a second, the network could train on 250" in found[4].measured
    assert "--workers" not in found[4].remedy and "prepared" in found[4].remedy
    assert watch.after_interval(*FAST) is None
    assert [watch.after_interval(*SLOW) for _ in range(4)] == [None] * 4


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
    assert [len(doctor.after_interval(*SLOW)) for _ in range(7)] == [0, 0, 0, 0, 1, 0, 0]
    assert doctor.state_dict() == before
