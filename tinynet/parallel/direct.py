"""Does this MPI read and write the memory of GPUs? Such an MPI is called CUDA-aware.

Any other takes a pointer to a GPU's memory for one to the host's, and crashes. mpi4py does not say
which it is, so the MPI itself is asked: in the standard's way (MPI 4.1, section 12.4.5: the kinds
of memory that a communicator takes), else by the functions that MPICH and Open MPI add to it.
"""

import ctypes
from types import ModuleType

KINDS = "mpi_memory_alloc_kinds"  # such as "mpi,system,cuda:device"
CUDA = 0  # MPIX_GPU_SUPPORT_CUDA


def takes_gpu_memory(mpi: ModuleType) -> bool:
    """May pointers to memory of GPUs be given to `mpi`, which is mpi4py.MPI, by what it says?"""
    name, version = mpi.get_vendor()
    if name == "Open MPI" and version < (5,):
        return False  # it says how it was built, and may have CUDA switched off all the same
    return "cuda" in _kinds(mpi) or _says_so(ctypes.CDLL(mpi.__file__))


def _kinds(mpi: ModuleType) -> list[str]:
    """The kinds of memory that it says it takes, without what narrows them: "cuda:device" is cuda.

    But "cuda:host" alone is memory of the host.
    """
    info = mpi.COMM_WORLD.Get_info()
    kinds = (info.Get(KINDS) or "").split(",")
    info.Free()
    return [kind.partition(":")[0] for kind in kinds if kind != "cuda:host"]


def _says_so(library: ctypes.CDLL) -> bool:
    """The answer of the functions beside the standard; the library knows those of its MPI."""
    if hasattr(library, "MPIX_GPU_query_support"):  # MPICH's; its other one may abort (before 4.0)
        answer = ctypes.c_int(0)
        failed = library.MPIX_GPU_query_support(CUDA, ctypes.byref(answer))
        return not failed and answer.value == 1
    return hasattr(library, "MPIX_Query_cuda_support") and library.MPIX_Query_cuda_support() == 1
