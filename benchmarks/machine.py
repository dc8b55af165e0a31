"""What the figures were measured with: machine, versions, and the BLAS kernel that did the work."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

import tinynet

# They choose the code that a BLAS library runs, or how many threads: figures change with them.
PREFIXES = ("OPENBLAS_", "MKL_", "OMP_", "BLIS_", "VECLIB_", "NVPL_BLAS")
SLOWER = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # a kernel, and blocks, of another processor
ROOT = Path(__file__).parents[1]


def described() -> dict[str, str]:
    """In words: processor, memory, system, versions."""
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {
        "processor": _from("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _from("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "BLAS": "; ".join(
            f"{b['internal_api']} {b['version']}, kernel {b.get('architecture', 'unknown')}"
            for b in blas
        ),
        "tinynet": f"{tinynet.__version__}, {commit()}",
        "variables": ", ".join(f"{name}={value}" for name, value in chosen().items()) or "none",
        "load": f"{os.getloadavg()[0]:.1f} processes before the first measurement",
    }


def chosen() -> dict[str, str]:
    """The variables of the environment that change how BLAS works."""
    return {name: v for name, v in sorted(os.environ.items()) if name.startswith(PREFIXES)}


def warnings() -> list[str]:
    """What makes the figures of this machine, as it is now, unlike those of others."""
    found = []
    slower = [name for name in SLOWER if name in os.environ]
    if slower:
        names = " and ".join(slower)
        found.append(
            f"{names} set: OpenBLAS runs code made for another processor, at as little as half the "
            "speed; unset for figures that mean something elsewhere"
        )
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > 0.5 * cores:
        found.append(f"the machine is busy: a load of {load:.1f} on {cores} cores")
    return found


def commit() -> str:
    """The commit that is measured, and whether the files are still its."""
    try:
        git = ["git", "-C", str(ROOT)]
        run = {"capture_output": True, "text": True, "check": True}
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], **run).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], **run).stdout
    except (OSError, subprocess.CalledProcessError):
        return "no git"
    return f"commit {name}{', with changes' if changed else ''}"


def _from(path: str, key: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
