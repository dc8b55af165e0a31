"""A GPU that cannot be used is refused in one line that says what to install.

CuPy is faked: what it says comes from machines with a driver and no toolkit, or an old card.
"""

import sys
from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace

import pytest

from tinynet import devices
from tinynet.commands.example import named_devices

NO_HEADERS = RuntimeError("Failed to find CUDA headers. Please install CUDA toolkit headers")
OLD_CARD = Exception("nvrtc: error: invalid value for\n --gpu-architecture (-arch)\n")
NO_CUBLAS = ImportError("libcublas.so.13: cannot open shared object file")


class CUDARuntimeError(RuntimeError):
    pass


@pytest.fixture
def cupy(monkeypatch):
    """A CuPy with one GPU on which everything works."""
    fake = SimpleNamespace()
    fake.started = []
    fake.RawModule = lambda code: SimpleNamespace(get_function=fake.started.append)
    fake.cuda = SimpleNamespace(
        Device=lambda index: nullcontext(),
        get_cublas_handle=lambda: fake.started.append("cuBLAS"),
        runtime=SimpleNamespace(
            getDeviceCount=lambda: 1,
            driverGetVersion=lambda: 12040,
            CUDARuntimeError=CUDARuntimeError,
        ),
    )
    for name in ("cupy", "cupy.cublas"):
        monkeypatch.setitem(sys.modules, name, fake)
    monkeypatch.setattr(devices, "_open", cache(devices._open.__wrapped__))  # nothing opened yet
    return fake


def fails_with(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


def refused() -> str:
    with pytest.raises(ValueError) as caught:
        devices.device("cuda:0")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gpu_is_tried_out_once(cupy):
    assert devices.device("cuda:0") is devices.device("cuda:0")
    assert cupy.started == ["probe", "cuBLAS"]
    assert named_devices("auto") == ("cuda:0",)


@pytest.mark.parametrize("error", [NO_HEADERS, OLD_CARD])
def test_a_gpu_for_which_nothing_compiles_is_refused(cupy, capsys, error):
    cupy.RawModule = lambda code: SimpleNamespace(get_function=fails_with(error))
    message = refused()
    assert 'pip install -e ".[cuda12]"' in message and "before Turing need cuda12" in message
    assert " ".join(str(error).split()) in message
    check_auto_says(message, capsys)


def test_a_gpu_without_cublas_is_refused(cupy, capsys):
    cupy.cuda.get_cublas_handle = fails_with(NO_CUBLAS)
    message = refused()
    assert "libcublas.so.13" in message and 'pip install -e ".[cuda12]"' in message
    check_auto_says(message, capsys)


def test_a_driver_that_is_too_old_is_named(cupy, capsys):
    cupy.cuda.runtime.getDeviceCount = fails_with(
        CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    )
    message = refused()
    assert "too old a driver" in message
    check_auto_says(message, capsys)
    cupy.cuda.runtime.driverGetVersion = lambda: 0  # CuPy says the same where there is no driver
    assert "finds no GPU" in refused()
    assert named_devices("auto") == ("cpu",)
    assert capsys.readouterr().err == ""


def check_auto_says(message: str, capsys) -> None:
    """`auto` takes the CPU, and says why in one line."""
    assert named_devices("auto") == ("cpu",)
    assert capsys.readouterr().err == f"note: --devices auto takes cpu: {message}\n"


def test_auto_is_the_cpu_without_a_word_where_there_is_no_gpu(cupy, capsys):
    cupy.cuda.runtime.getDeviceCount = fails_with(CUDARuntimeError("cudaErrorNoDevice: none"))
    assert "finds no GPU" in refused()
    assert named_devices("auto") == ("cpu",)
    assert capsys.readouterr().err == ""


def test_without_cupy_the_extra_is_named(cupy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    message = refused()
    assert "needs CuPy" in message and 'pip install -e ".[cuda12]"' in message
    assert named_devices("auto") == ("cpu",)
