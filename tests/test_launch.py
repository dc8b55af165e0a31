"""launch: what it refuses, on every device, before a kernel could read garbage; where it runs what.

Errors name the kernel, the argument, what came, and what was wanted.
"""

from pathlib import PureWindowsPath

import numpy as np
import pytest

from tinynet.devices import gpu
from tinynet.kernels import KERNELS, launch
from tinynet.kernels.launching import gate

SIZES = (1, 2, 3, 4, 2, 2, 1, 1, 0, 0, 2, 3)  # n, c, h, w, kh, kw, strides, pads, oh, ow


@pytest.fixture
def im2col(device):
    """Arguments that `im2col` takes, as a list for tests to spoil."""
    x = device.asarray(np.arange(24.0, dtype=np.float32).reshape(1, 2, 3, 4))
    col = device.empty((8, 1, 6), np.dtype(np.float32))
    return [col, x, *SIZES]


def test_kernels_run_with_what_they_declare(device, im2col):
    launch(device, "im2col", *im2col)
    first_tap = device.to_numpy(im2col[0])[0, 0]
    assert first_tap.tolist() == [0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize(
    ("position", "value", "error", "message"),
    [
        (0, 1.5, TypeError, r"im2col: col expects an array on .*, got float 1.5"),
        (2, 1.5, TypeError, r"im2col: n expects an integer \(int\), got float 1.5"),
        (2, True, TypeError, r"im2col: n expects an integer \(int\), got a bool"),
        (3, "2", TypeError, r"im2col: c expects an integer \(int\), got str '2'"),
        (4, 2**31, ValueError, r"im2col: h expects an integer \(int\), got 2147483648"),
    ],
)
def test_kernels_refuse_a_wrong_scalar(device, im2col, position, value, error, message):
    im2col[position] = value
    with pytest.raises(error, match=message):
        launch(device, "im2col", *im2col)


def test_kernels_refuse_a_wrong_dtype(device, im2col):
    im2col[1] = im2col[1].astype(np.float64)
    with pytest.raises(TypeError, match="im2col: x expects float32, .* got float64"):
        launch(device, "im2col", *im2col)
    im2col[0] = device.zeros(im2col[0].shape, np.dtype(np.int32))
    with pytest.raises(TypeError, match="im2col: col expects float32 or 64, got int32"):
        launch(device, "im2col", *im2col)


def test_kernels_refuse_a_wrong_integer_dtype(device):
    x = device.zeros((1, 1, 2, 2), np.dtype(np.float32))
    y = device.zeros((1, 1, 1, 1), np.dtype(np.float32))
    argmax = device.zeros((1, 1, 1, 1), np.dtype(np.int64))
    with pytest.raises(TypeError, match="max_pool_forward: argmax expects int32, got int64"):
        launch(device, "max_pool_forward", y, argmax, x, 1, 1, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1)


def test_kernels_refuse_a_wrong_count(device, im2col):
    with pytest.raises(TypeError, match=r"expects 14 arguments \(col, x, n, .*ow\), got 13"):
        launch(device, "im2col", *im2col[:-1])


def test_kernels_refuse_what_is_not_contiguous(device, im2col):
    im2col[1] = im2col[1].transpose(0, 1, 3, 2)
    with pytest.raises(ValueError, match="im2col: x expects a C-contiguous array, got shape"):
        launch(device, "im2col", *im2col)


def test_kernels_refuse_to_write_to_read_only_memory():
    import tinynet

    y, x = np.zeros(3, np.float32), np.ones(3, np.float32)
    y.flags.writeable = False
    with pytest.raises(ValueError, match="relu_forward: y is written to, but the array is read-"):
        launch(tinynet.device("cpu"), "relu_forward", y, x, 3)


def test_kernels_refuse_nan_as_a_rate(device):
    arrays = [device.zeros((3,), np.dtype(np.float32)) for _ in range(3)]
    with pytest.raises(ValueError, match="sgd_update: lr expects a finite number, got nan"):
        launch(device, "sgd_update", *arrays, 3, float("nan"), 0.9, 0.0)


def test_kernels_refuse_more_elements_than_an_int_counts(device, im2col, monkeypatch):
    monkeypatch.setattr(gate, "MOST_ELEMENTS", 23)
    with pytest.raises(ValueError, match="col has 48 elements; .*: use a smaller batch"):
        launch(device, "im2col", *im2col)


def test_kernels_refuse_an_array_of_another_device(device, im2col):
    im2col[1] = "cpu" if device.name != "cpu" else object()
    with pytest.raises(TypeError, match=f"x expects an array on {device.name}, got"):
        launch(device, "im2col", *im2col)


def test_kernels_refuse_an_array_of_another_simulated_device():
    import tinynet

    try:
        here, there = tinynet.device("sim:0"), tinynet.device("sim:1")
    except ValueError as reason:
        pytest.skip(str(reason))
    x, y = (d.zeros((3,), np.dtype(np.float32)) for d in (here, there))
    with pytest.raises(TypeError, match="relu_forward: x expects an array on sim:1, got"):
        launch(there, "relu_forward", y, x, 3)


def test_kernels_get_scalars_of_their_exact_c_types():
    """What CuPy packs: it takes a NumPy scalar's bytes as they are, and converts nothing."""
    arguments = [None] * 2 + [3, 4, 5, 0.5, 2.0, 7, 8, 9]
    packed = KERNELS["dropout_forward"].cast(tuple(arguments), np.dtype(np.float64))
    declared = KERNELS["dropout_forward"].parameters
    assert [(p.name, type(value)) for p, value in zip(declared, packed)][2:] == [
        ("rows", np.int32),
        ("cols", np.int32),
        ("full_cols", np.int64),
        ("p", np.float64),
        ("scale", np.float64),
        ("seed", np.uint64),
        ("counter", np.uint64),
        ("offset", np.int64),
    ]
    packed = KERNELS["dropout_forward"].cast(tuple(arguments), np.dtype(np.float32))
    assert type(packed[6]) is np.float32  # scale is REAL
    assert type(packed[5]) is np.float64  # p is not: the threshold must be the twin's


def test_kernels_are_compiled_once_for_each_device_and_real(device, im2col, monkeypatch):
    if device.name == "cpu":
        pytest.skip("the CPU runs twins")
    modules = []
    raw_module = device.xp.RawModule
    monkeypatch.setattr(
        device.xp, "RawModule", lambda **named: modules.append(named) or raw_module(**named)
    )
    new = gpu.Gpu(device.name.split(":")[0], device.index, device.xp)  # nothing is compiled for it
    launch(new, "im2col", *im2col)
    launch(new, "im2col", *im2col)
    launch(new, "col2im", im2col[1], im2col[0], *SIZES)  # of the same file
    assert [named["options"] for named in modules] == [("-DREAL=float",)]
    assert modules[0]["code"].startswith('#line 1 "')
    assert 'conv.cu"' in modules[0]["code"].splitlines()[0]


def test_the_line_that_names_a_file_has_no_backslash(device, monkeypatch):
    r"""#line 1 "C:\Users\..." does not compile: \U begins a character's number."""
    if device.name == "cpu":
        pytest.skip("the CPU runs twins")
    windows = PureWindowsPath(r"C:\Users\new\tinynet\kernels\conv.cu")
    modules = []
    monkeypatch.setattr(device.xp, "RawModule", lambda **named: modules.append(named))
    gpu.compiled_file(device, windows, "text", np.dtype(np.float32))
    assert modules[0]["code"] == '#line 1 "C:/Users/new/tinynet/kernels/conv.cu"\ntext'
