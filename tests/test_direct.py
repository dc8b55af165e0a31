"""Which MPI takes memory of GPUs, by what it says of itself."""

import ctypes
from types import SimpleNamespace

import pytest

from tinynet.parallel import direct


class Info(dict):
    Get = dict.get

    def Free(self) -> None:  # noqa: N802 (MPI's name)
        """Nothing is held."""


def mpi_that_says(kinds: str | None, *vendor) -> SimpleNamespace:
    """What stands for mpi4py.MPI: `kinds` as MPI 4.1 tells them, None for an older one."""
    info = Info() if kinds is None else Info({direct.KINDS: kinds})
    world = SimpleNamespace(Get_info=lambda: info)
    return SimpleNamespace(__file__="", COMM_WORLD=world, get_vendor=lambda: vendor)


def of_mpich(answer: int, failed: int = 0):
    def query(kind, found):
        assert kind == 0  # CUDA, of the three that it may be asked for
        ctypes.cast(found, ctypes.POINTER(ctypes.c_int))[0] = answer
        return failed

    def aborts():
        raise AssertionError("that of MPICH before 4.0 ends the process")

    return SimpleNamespace(MPIX_GPU_query_support=query, MPIX_Query_cuda_support=aborts)


def of_open_mpi(answer: int):
    return SimpleNamespace(MPIX_Query_cuda_support=lambda: answer)


@pytest.mark.parametrize(
    ("kinds", "library", "wanted"),
    [
        ("mpi,system,cuda", SimpleNamespace(), True),
        ("system,cuda:device", SimpleNamespace(), True),
        ("mpi,system,cuda:host", of_mpich(0), False),
        ("mpi,system,rocm", of_mpich(0), False),
        ("mpi,system", of_mpich(0), False),
        (None, of_mpich(1), True),
        (None, of_mpich(1, failed=1), False),
        (None, of_open_mpi(1), True),
        (None, of_open_mpi(0), False),
        (None, SimpleNamespace(), False),
    ],
)
def test_an_mpi_takes_gpu_memory_if_it_says_so(monkeypatch, kinds, library, wanted):
    monkeypatch.setattr(direct.ctypes, "CDLL", lambda path: library)
    assert direct.takes_gpu_memory(mpi_that_says(kinds, "MPICH", (5, 0, 2))) is wanted


@pytest.mark.parametrize(("version", "wanted"), [((4, 1, 8), False), ((5, 0, 0), True)])
def test_open_mpi_4_only_says_how_it_was_built(monkeypatch, version, wanted):
    monkeypatch.setattr(direct.ctypes, "CDLL", lambda path: of_open_mpi(1))
    assert direct.takes_gpu_memory(mpi_that_says(None, "Open MPI", version)) is wanted
