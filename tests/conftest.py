"""What tests share: the devices, a folder of photographs, and examples drawn alike in every run."""

from functools import partial

import pytest
from fuzzing import fuzz as fuzz_for
from hypothesis import settings
from tiny_runs import train, write_photos

import tinynet

settings.register_profile("tinynet", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("tinynet")


def pytest_addoption(parser):
    parser.addoption(
        "--kills", type=int, default=3, help="how often the tests of kills kill a process (3)"
    )
    parser.addoption(
        "--fuzz-seconds",
        type=float,
        default=0,
        help="how long each fuzzer runs (one round of inputs, a second or two)",
    )


def pytest_generate_tests(metafunc):
    """Refuse parameters in a set: processes that share the tests would order them differently."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if isinstance(mark.args[1], set | frozenset):
            raise TypeError(f"{metafunc.definition.nodeid}: parametrized by a set: sort it")


@pytest.fixture
def kills(request) -> int:
    """How often a process is to be killed at a random moment."""
    return request.config.getoption("kills")


@pytest.fixture
def fuzz(request):
    """fuzz(check, inputs): call `check` with what the Hypothesis strategy `inputs` draws."""
    return partial(fuzz_for, seconds=request.config.getoption("fuzz_seconds"))


@pytest.fixture(autouse=True)
def same_seed_for_every_test():
    """A test gets the same weights on its own as in the whole suite."""
    tinynet.manual_seed(0)


@pytest.fixture(scope="session", params=["cpu", "sim:0", "cuda:0"])
def device(request):
    """Each device in turn; one that this machine lacks is skipped with the reason it gives."""
    if request.param == "cpu":
        return tinynet.device("cpu")
    try:
        return tinynet.device(request.param)
    except ValueError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of photographs, to be read only: 20 per class, 5 batches of 8 per epoch."""
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def trained(photos, tmp_path_factory):
    """The run of a small network that tells these photographs apart, to be read only."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    train("--profile", "modern", "--data", photos, "--epochs", 4, "--lr", 0.003, "--out", out)
    return out


@pytest.fixture(scope="session")
def two_epochs(photos, tmp_path_factory):
    """A run of two epochs, never interrupted: 10 steps; to be read only."""
    out = tmp_path_factory.mktemp("runs") / "two-epochs"
    train("--profile", "modern", "--data", photos, "--epochs", 2, "--out", out)
    return out


@pytest.fixture(scope="session")
def whole(photos, tmp_path_factory):
    """Four epochs, never interrupted: 20 steps with crops, mirror images, dropout and a drop."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    return out
