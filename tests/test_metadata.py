"""What the installed distribution says of itself, and brings."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest

import tinynet

NAME = "tinynet-alexnet"  # `tinynet` on the package index is another project


@pytest.fixture(scope="module")
def metadata():
    try:
        return importlib.metadata.metadata(NAME)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{NAME} is not installed: pip install -e .")


def test_the_version_is_that_of_the_package(metadata):
    assert metadata["Version"] == tinynet.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", tinynet.__version__)


def test_a_page_of_the_index_could_show_it(metadata):
    readme = metadata.get_payload() or metadata["Description"]
    assert readme.startswith("# tinynet")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"] and metadata["Author"] and metadata["Project-URL"]
    assert "MIT" in (metadata["License"] or metadata["License-Expression"])
    classifiers = metadata.get_all("Classifier")
    assert "Operating System :: POSIX" in classifiers and "Typing :: Typed" in classifiers
    oldest = re.search(r"3\.(\d+)", metadata["Requires-Python"])[0]
    assert f"Programming Language :: Python :: {oldest}" in classifiers


def test_a_minimum_is_declared_for_whatever_is_needed():
    """.ci/run installs exactly these, so a name without one would be tried with the newest."""
    setup = (Path(__file__).parents[1] / "setup.py").read_text(encoding="utf-8")
    lists = re.findall(r"(?:install_requires=|\"test\": )\[(.*?)\]", setup, re.DOTALL)
    needed = [name for text in lists for name in re.findall(r'"(.+?)"', text)]
    assert len(lists) == 2 and "numpy>=2.0" in needed
    assert all(re.fullmatch(r"[a-z]+>=[\d.]+", name) for name in needed)


def test_type_checkers_may_read_its_hints():
    assert (Path(tinynet.__file__).parent / "py.typed").exists()


def test_the_lowest_versions_that_ci_installs_are_those_declared():
    root = Path(__file__).parents[1]
    spec = importlib.util.spec_from_file_location("lowest", root / ".ci" / "lowest_versions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    declared = [
        "numpy>=2.0",
        'scipy>=1.13; extra == "test"',
        'cupy-cuda12x[ctk]>=14.0.1; extra == "cuda12"',
        "cupy-cuda13x==14.2.0 ; extra == 'cuda-check'",
    ]
    assert module.lowest(declared) == ["numpy==2.0", "scipy==1.13"]
