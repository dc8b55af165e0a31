"""The libraries that tinynet is compared with: which of them are here, and how their engines start.

A peer is used as installed beside tinynet, or in a Python of its own: one that has it and NumPy
(--python torch=VENV/bin/python). tinynet needs none of them.
"""

import subprocess
from dataclasses import dataclass

from engine import Engine

# By name: the distribution, and the engine's file with its arguments.
PEERS = {
    "torch": ("torch", ["engine_torch.py"]),
    "torch-compile": ("torch", ["engine_torch.py", "--compile"]),
    "jax": ("jax", ["engine_jax.py"]),
    "chainer": ("chainer", ["engine_chainer.py"]),
}


@dataclass(frozen=True)
class Peer:
    name: str
    version: str
    python: str

    def engine(self, cores: int | None = None) -> Engine:
        return Engine(self.name, self.python, PEERS[self.name][1], cores)


def find(names: list[str], pythons: dict[str, str]) -> tuple[list[Peer], list[str]]:
    """Those that are installed; and for each that is not, a line that says so."""
    found, missing = [], []
    for name in names:
        distribution = PEERS[name][0]
        version = _version(pythons[name], distribution)
        if version is None:
            missing.append(f"{name} left out: {distribution} is not installed in {pythons[name]}")
        else:
            found.append(Peer(name, version, pythons[name]))
    return found, missing


def _version(python: str, distribution: str) -> str | None:
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None
