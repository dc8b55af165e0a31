"""The memory ledger: bytes by kind, the peak, and what is said when there is no room."""

import gc

import numpy as np
import pytest
from tiny_runs import load_example, run, write_photos

import tinynet
from tinynet import Tensor, optim
from tinynet import functional as F
from tinynet.devices.ledger import KINDS, DeviceOutOfMemory
from tinynet.training.memory_table import memory_table, watch_training

alexnet = load_example("alexnet")


@pytest.fixture
def sim():
    try:
        return tinynet.device("sim:3")  # no other test's
    except ValueError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def towers(sim):
    """A trained model in two towers, and its devices with their ledgers."""
    model = alexnet.AlexNet(5, devices=("sim:3", "sim:4"), image_size=64, width=0.1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    devices = watch_training(model, optimizer)
    gc.collect()
    before = [device.ledger.now() for device in devices]
    for device in devices:
        device.ledger.sample()
    x = np.ones((4, 3, 64, 64), np.float32)
    loss = F.cross_entropy(model(x), np.arange(4))
    forward = [device.ledger.now() for device in devices]
    loss.backward()
    backward = [device.ledger.now() for device in devices]
    yield model, devices, before, forward, backward
    for device in devices:
        device.ledger.forget()


def test_each_kind_is_what_it_holds(towers):
    model, devices, before, forward, backward = towers
    for device, first, then, last in zip(devices, before, forward, backward):
        own = sum(p.data.nbytes for p in model.parameters() if p.device is device)
        assert first["parameters"] == then["parameters"] == last["parameters"] == own
        assert first["velocity"] == own
        assert (first["gradients"], then["gradients"], last["gradients"]) == (0, 0, own)
        # forward keeps at least the maps of conv1, (4, 5, 14, 14) per tower
        assert then["activations"] > first["activations"] + 4 * 4 * 5 * 14 * 14
        assert last["activations"] < then["activations"]
        peak = sum(device.ledger.peak.values())
        assert peak >= max(sum(held.values()) for held in (first, then, last))
        assert device.ledger.peak["activations"] > last["activations"]  # before all is freed


def test_the_sum_is_what_the_pool_has_given_out(towers):
    _, devices, *_, backward = towers
    for device, held in zip(devices, backward):
        with device.active():
            assert sum(held.values()) == device.xp.get_default_memory_pool().used_bytes()
        assert [*held] == [*KINDS]


def test_the_table(towers):
    _, devices, *_ = towers
    lines = memory_table(devices).splitlines()
    assert lines[0].split("  ")[0] == "memory, MB"
    assert [line.split("  ")[0] for line in lines[1:]] == [
        f"{name} {when}" for name in ("sim:3", "sim:4") for when in ("now", "peak")
    ]
    figures = [float(cell) for cell in lines[2].split()[2:-1]]
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=0.3)  # six figures of one decimal
    assert len({len(line) for line in lines}) == 1


def test_the_cpu_counts_its_pool_and_what_lies_outside_it():
    model = alexnet.AlexNet(5, devices=("cpu",), image_size=64, width=0.1)
    (cpu,) = watch_training(model, optim.SGD(model.parameters(), lr=0.01))
    try:
        before = cpu.ledger.now()
        kept = cpu.empty((4 << 20,), np.dtype(np.uint8))
        assert cpu.ledger.now()["activations"] == before["activations"] + kept.nbytes
        assert before["parameters"] == sum(p.data.nbytes for p in model.parameters())
    finally:
        cpu.ledger.forget()


def test_the_peak_counts_what_comes_from_outside_the_pool_later():
    """Small arrays do, here all the gradients, which come when the pool is at its fullest."""
    model = alexnet.AlexNet(5, devices=("cpu",), image_size=64, width=0.1)
    (cpu,) = watch_training(model, optim.SGD(model.parameters(), lr=0.01))
    try:
        kept = cpu.empty((4 << 20,), np.dtype(np.uint8))
        before = sum(cpu.ledger.peak.values())
        for p in model.parameters():
            p.grad = Tensor(np.ones(p.shape, np.float32))
        now, peak = (line.split() for line in memory_table([cpu]).splitlines()[1:])
        assert now[2:] == peak[2:]
        gradients = sum(p.data.nbytes for p in model.parameters())
        assert cpu.ledger.peak == cpu.ledger.now()
        assert sum(cpu.ledger.peak.values()) == before + gradients
        del kept
        assert sum(cpu.ledger.now().values()) == before + gradients - (4 << 20)
        assert sum(cpu.ledger.peak.values()) == before + gradients
    finally:
        cpu.ledger.forget()


def test_no_room_names_the_device_and_the_largest_holders(sim, towers, monkeypatch):
    sim.drop_buffers()
    limit = sim.bytes_taken() + 10_000
    monkeypatch.setenv("TINYNET_SIM_MEMORY", f"{limit}B")
    assert sim.memory_limit() == limit
    with pytest.raises(DeviceOutOfMemory, match=r"out of memory on sim:3 .*it holds ") as error:
        Tensor(np.ones(2_000_000, np.float32), device=sim)  # larger than any gap
    assert "fc7.a.weight 0.3 MB (parameters)" in str(error.value)
    x = Tensor(np.ones(1000, np.float32), device=sim)
    with pytest.raises(DeviceOutOfMemory, match="out of memory on sim:3"):
        F.concatenate([x] * 2000)  # an array made by CuPy, not by the device's `empty`


@pytest.mark.parametrize("text", ["3", "GB", "3PB", "-1GB", "3 iB", "3Gi"])
def test_a_size_that_is_none_is_refused(sim, monkeypatch, text):
    monkeypatch.setenv("TINYNET_SIM_MEMORY", text)
    with pytest.raises(ValueError, match="TINYNET_SIM_MEMORY must be a size such as 3GB"):
        sim.memory_limit()


@pytest.mark.parametrize(
    ("text", "size"),
    [("3GB", 3 << 30), ("1.5MB", 3 << 19), ("7KB", 7168)]
    + [("3GiB", 3 << 30), ("3 gb", 3 << 30), ("1TB", 1 << 40), ("100b", 100)],
)
def test_sizes(sim, monkeypatch, text, size):
    monkeypatch.setenv("TINYNET_SIM_MEMORY", text)
    assert sim.memory_limit() == size


# ---------------------------------------------------------------- on the command line


def small_run(tmp_path, *args):
    photos = tmp_path / "photos"
    if not photos.exists():
        write_photos(photos)
    size = ("--image-size", "64", "--width", "0.1", "--batch-size", "8", "--epochs", "2")
    return run("train", "--data", photos, *size, "--out", tmp_path / "run", *args)


def test_report(sim, tmp_path):
    result = small_run(
        tmp_path, "--devices", "sim:3,sim:4", "--steps", "2", "--report", "memory,traffic"
    )
    assert result.status == 0, result.err
    for start in (
        "memory, MB  parameters",
        "sim:3 peak",
        "sim:4 now",
        "floats per image  ",
        "conv3 ",
    ):
        assert f"\n{start}" in result.out
    assert not sim.ledger.peak  # the next run begins anew


def test_report_of_what_there_is_not(tmp_path):
    result = small_run(tmp_path, "--report", "memory,noise")
    assert result.status == 2
    assert "expects memory, traffic or memory,traffic, got memory,noise" in result.err


def test_out_of_memory_in_the_middle_keeps_the_last_checkpoint(sim, tmp_path, monkeypatch):
    pair = ("--devices", "sim:3,sim:4")
    assert small_run(tmp_path, *pair, "--steps", "2").status == 0
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("step-*")
    before = checkpoint.read_bytes()
    gc.collect()
    sim.drop_buffers()
    # room for weights and velocities, 0.8 MB, but not for what a step keeps
    monkeypatch.setenv("TINYNET_SIM_MEMORY", f"{sim.bytes_taken() + 1_500_000}B")
    result = small_run(tmp_path, *pair, "--resume")
    assert result.status == 1
    assert "error: out of memory on sim:3" in result.err
    assert f"the last checkpoint is {checkpoint}; to resume: " in result.err
    assert "a smaller --batch-size needs less" in result.err
    assert checkpoint.read_bytes() == before
