"""Two towers on two GPUs: the weights are the same whenever queued work runs, with peers or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOWERS = Path(__file__).with_name("towers.py")


def weights(**fake):
    """What towers.py prints with these variables, FAKE_..., set."""
    environment = {**os.environ, **{f"FAKE_{name}": value for name, value in fake.items()}}
    command = [sys.executable, TOWERS, "cuda:0,cuda:1"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def at_once():
    return weights(ORDER="now")


@pytest.mark.parametrize(
    "fake",
    [
        {"ORDER": "late"},
        {"ORDER": "random", "SEED": "3"},
        {"ORDER": "random", "SEED": "4", "PEERS": "0"},
    ],
    ids=lambda fake: " ".join(fake.values()),
)
def test_the_order_of_queued_work_changes_nothing(fake, at_once):
    assert weights(**fake) == at_once
