"""The wheel: it holds every file of the package, and works where nothing can be written."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from imports import ROOT

from tinynet import simulator

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
SCRIPT = "import sys\nfrom {module} import {attr}\nsys.exit({attr}())\n"  # as pip writes it
NOT_GIT = shutil.ignore_patterns("__pycache__", ".lock")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the wheel is built from, since building writes beside its source."""
    pytest.importorskip("setuptools", "70.1")
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "tinynet", folder / "tinynet", ignore=NOT_GIT)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-W", "ignore", "-c", BUILD, folder]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def tinynet(wheel, tmp_path_factory):
    """tinynet(*words): run the installed console command, in an empty folder."""
    place, elsewhere = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    (information,) = place.glob("*.dist-info")
    (entry,) = Distribution.at(information).entry_points.select(group="console_scripts")
    script = place / "bin" / entry.name
    script.parent.mkdir()
    script.write_text(SCRIPT.format(module=entry.module, attr=entry.attr))
    before = _state(place)
    for path in (place, *place.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    environment = {
        **os.environ,
        "PYTHONPATH": str(place),
        # Whoever is root may write all the same.
        "PYTHONPYCACHEPREFIX": str(elsewhere / "pycache"),
    }

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, script, *words],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
        )

    yield run
    assert _state(place) == before
    for path in (place, *place.rglob("*")):  # so that pytest can remove it
        path.chmod(path.stat().st_mode | 0o200)


def _state(folder: Path) -> dict[Path, int]:
    """All files and when they were last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_every_file_of_the_package_is_in_the_wheel(source, wheel):
    files = {str(p.relative_to(source)) for p in (source / "tinynet").rglob("*") if p.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("tinynet/")}
    assert packed == files
    assert {Path(name).suffix for name in packed} >= {".py", ".cu", ".h", ".json", ".typed"}


def test_the_command_trains(tinynet, photos):
    words = ("train", "--network", "lenet", "--data", str(photos), "--devices", "cpu")
    run = tinynet(*words, "--steps", "1", "--workers", "1", "--out", "run")
    assert run.returncode == 0, run.stderr
    assert "network  lenet 1998" in run.stdout
    assert "next     tinynet eval --checkpoint run" in run.stdout


def test_the_trained_network_looks_at_a_picture(tinynet, photos):
    run = tinynet("predict", "--devices", "cpu", "--top", "1", str(photos / "val/red/0.png"))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("network  the trained 80sec that comes with tinynet, ")
    assert len(run.stdout.splitlines()) == 3


def test_the_wheel_has_the_kernels_and_the_simulator(tinynet, tmp_path):
    shown = tinynet("kernels", "lrn_forward")
    assert shown.returncode == 0 and "__global__ void lrn_forward_kernel" in shown.stdout
    if simulator.unavailable():
        pytest.skip(simulator.unavailable())
    file = tmp_path / "twice.cu"
    file.write_text("__global__ void twice(float* y) { y[threadIdx.x] *= 2; }")
    ran = tinynet("kernels", "run", str(file), "twice<<<1, 3>>>(y=ones(3))", "--print", "y")
    assert ran.returncode == 0 and "[2. 2. 2.]" in ran.stdout, ran.stdout + ran.stderr


def test_the_networks_are_imported_from_the_package():
    from tinynet.models import AlexNet, CifarNet, LeNet

    assert [cls.__module__.rpartition(".")[2] for cls in (AlexNet, CifarNet, LeNet)] == [
        *("alexnet", "cifar10", "lenet")
    ]
