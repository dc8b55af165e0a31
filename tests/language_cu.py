"""tests/cuda/language.cu: kernels of every part of CUDA C, which tests of the simulator run."""

from pathlib import Path

import numpy as np

from tinynet import simulator

CODE = (Path(__file__).parent / "cuda" / "language.cu").read_text(encoding="utf-8")


def line_of(mark: str) -> int:
    return next(i for i, line in enumerate(CODE.splitlines(), 1) if f"// {mark}" in line)


def load(real: str = "float", mode: str | None = None) -> simulator.RawModule:
    code = f'#line 1 "language.cu"\n{CODE}'
    return simulator.RawModule(code=code, options=(f"-DREAL={real}",), mode=mode)


def ints(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int32)
