"""The engine asks nothing of CuPy that CuPy does not have.

No GPU is needed: the whole engine runs on `sim:0`, whose array module is wrapped so that every name
asked of it, and every call, is recorded. Each must then exist in CuPy, which imports without a
driver; and where CuPy's signature can be read, the call must fit it.
"""

import ast
import inspect
import sys
from functools import reduce
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tinynet
from tinynet import Tensor, nn, optim
from tinynet import functional as F
from tinynet.commands.gradient_cases import CASES
from tinynet.devices import copies
from tinynet.devices.gpu import Gpu

cupy = pytest.importorskip("cupy", reason="CuPy is not installed (extra cuda-check)")


def in_cupy(name: str):
    """What CuPy has under this name. Its module cublas loads the library, so it is only read."""
    if not name.startswith("cublas."):
        return reduce(getattr, name.split("."), cupy)
    text = Path(find_spec("cupy.cublas").origin).read_text(encoding="utf-8")
    for found in ast.parse(text).body:
        if isinstance(found, ast.FunctionDef) and found.name == name.removeprefix("cublas."):
            found.body = [ast.Pass()]
            names: dict = {}
            exec(ast.unparse(found), names)
            return names[found.name]
    raise AttributeError(name)


class Recorder:
    """Wraps a module and records (dotted name, args, kwargs) of everything used."""

    def __init__(self, module, log: list, prefix: str = ""):
        self._module, self._log, self._prefix = module, log, prefix

    def __getattr__(self, name: str):
        value = getattr(self._module, name)
        dotted = f"{self._prefix}{name}"
        self._log.append((dotted, None, None))
        if inspect.ismodule(value):
            return Recorder(value, self._log, f"{dotted}.")
        if isinstance(value, type) and issubclass(value, np.generic) or name == "ndarray":
            return value
        if not callable(value):
            return value

        def recorded(*args, **kwargs):
            self._log.append((dotted, args, kwargs))
            return value(*args, **kwargs)

        if hasattr(value, "at"):  # xp.add.at

            def recorded_at(*args):
                self._log.append((f"{dotted}.at", args, {}))
                return value.at(*args)

            recorded.at = recorded_at
        return recorded


@pytest.fixture(scope="module")
def calls():
    """Every (name, args, kwargs) in training a small net and in every operation."""
    try:
        xp = tinynet.device("sim:0").xp
    except ValueError as reason:
        pytest.skip(str(reason))
    log: list = []

    def two():
        """Devices of their own: nothing is compiled for them, and no copy was tried."""
        return [Gpu("sim", index, Recorder(xp, log)) for index in (0, 1)]

    here, there = two()
    for case in CASES.values():
        y = case.fn(*(Tensor(a, True, device=here) for a in case.arrays()))
        y.backward(np.ones(y.shape, y.dtype))
    train_a_little(here, there)
    for peers in ("1", "0"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TINYNET_SIM_PEERS", peers)
            copies.gigabytes_per_second(*two())
    return log


def train_a_little(device, other) -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2, device=device),
        nn.ReLU(),
        nn.LocalResponseNorm(3),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Dropout(0.5, seed=1),
        nn.Linear(16, 3, device=device),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = Tensor(np.ones((2, 2, 7, 7), np.float32), device=device)
    loss = F.cross_entropy(model(x), np.array([0, 2]))
    loss.backward()
    optimizer.step()
    loss.to("cpu")
    x.to(other)
    model.load_state_dict(model.state_dict())


def test_every_name_exists_in_cupy(calls):
    names = sorted({name for name, _, _ in calls})
    assert {"matmul", "cuda.Device", "RawModule", "asnumpy", "add.at"} <= set(names)
    assert {"cuda.Event", "cuda.alloc_pinned_memory"} <= set(names)
    assert "cuda.runtime.deviceCanAccessPeer" in names
    missing = [name for name in names if name != "cublas" and not found(name)]
    assert not missing


def found(name: str) -> bool:
    try:
        in_cupy(name)
    except AttributeError:
        return False
    return True


def test_every_call_fits_cupys_signature(calls):
    bound = set()
    for name, args, kwargs in calls:
        if args is None:
            continue
        try:
            signature = inspect.signature(in_cupy(name))
        except ValueError:  # compiled without a signature
            continue
        signature.bind(*args, **kwargs)
        bound.add(name)
    assert {"empty", "asarray", "concatenate", "broadcast_to", "cublas.gemm"} <= bound


def test_array_methods_exist_in_cupy(calls):
    """What the engine can call on arrays themselves: all that the simulator's arrays offer."""
    from tinynet.simulator.devices import arrays

    missing = [name for name in arrays.METHODS if not hasattr(cupy.ndarray, name)]
    assert not missing


def test_cupy_without_a_gpu_says_so_in_one_line():
    if cupy.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device: CuPy finds no GPU for 'cuda:0': ") as error:
        tinynet.device("cuda:0")
    assert "\n" not in str(error.value)


def test_import_does_not_load_cupy():
    assert "cupy" in sys.modules  # here, by this test
    import subprocess

    code = "import sys, tinynet; tinynet.nn; print('cupy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
