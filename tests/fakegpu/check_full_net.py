"""The full net over the real CuPy: what `plan` says of its memory, and how much a step issues."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinynet import simulator
from tinynet.models import AlexNet
from tinynet.training.plan import Plan

FULL_NET = Path(__file__).with_name("full_net.py")
IMAGES = 132  # on one card of 3 GB, says the README


def train(devices, n, memory):
    """Train the full net on devices with so many bytes, without computing."""
    environment = {**os.environ, "FAKE_DRY": "1", "FAKE_MEM": str(memory)}
    command = [sys.executable, FULL_NET, devices, str(n)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("count", [1, 2])
def test_training_takes_what_was_planned(count):
    with simulator.dry_run():
        names = [f"sim:{i}" for i in range(count)]
        model = AlexNet(1000, devices=names, profile="source2012")
    planned = [*Plan(model, 224, 256).taken(IMAGES).values()]
    devices = ",".join(f"cuda:{i}" for i in range(count))
    enough = max(planned) + (16 << 20)
    result = train(devices, IMAGES, enough)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["taken"] == pytest.approx(planned, rel=0.01)
    # The pool gives blocks back before it fails, so a little less would do; but not much less.
    result = train(devices, IMAGES, int(0.75 * enough))
    assert result.returncode == 1
    assert "DeviceOutOfMemory: out of memory on cuda:" in result.stderr


def test_what_a_step_issues():
    """Launches are products too. Whoever needs fewer, or must have more, changes the figures."""
    result = train("cuda:0", 128, 8 << 30)
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)["counts"]
    host = ("copy to", "copy on", "fill", "record", "synchronize", "allocate")
    launches = sum(times for what, times in counts.items() if not what.startswith(host))
    assert launches == 148
    assert counts["cublasSgemm"] == 46
    assert "cupy_mat_ptrs" not in counts  # arrays of pointers for products of stacks
    assert counts["copy to device"] == 2  # images with crops and colours; labels
    assert counts["copy to host"] == counts["synchronize stream"] == 1  # the loss
    assert not {"allocate", "synchronize device", "copy on devices"} & {*counts}
