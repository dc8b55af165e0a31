"""Tensor: what it takes, what it refuses, and how it meets NumPy arrays and Python numbers."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from inputs import leaf, normal

import tinynet
import tinynet.functional as F
from tinynet import Tensor

# ------------------------------------------------------------------------------ what it is made of


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (np.zeros(3, np.float32), np.float32),
        (np.zeros(3, np.float64), np.float64),
        (np.float32(1), np.float32),
        (np.float64(1), np.float64),
        (2.5, np.float32),
        (3, np.float32),
        ([[1, 2], [3, 4]], np.float32),
        ([1.5, 2.5], np.float32),
        (np.arange(3), np.int64),
        (np.zeros(3, np.uint8), np.uint8),
        (np.array([True, False]), np.bool_),
        ([True, False], np.bool_),
    ],
)
def test_dtype_of_arrays_stays_and_python_numbers_become_float32(data, dtype, device):
    x = Tensor(data, device=device)
    assert x.dtype == dtype
    assert x.shape == np.shape(data)
    assert np.array_equal(x.numpy(), data)


def test_dtype_can_be_asked_for():
    assert Tensor([1, 2], dtype="float64").dtype == np.float64
    assert Tensor(np.zeros(2), dtype=np.float32).dtype == np.float32
    assert Tensor([1, 2], dtype=np.int32).dtype == np.int32


def test_an_array_is_not_copied():
    array = np.zeros(3)
    x = Tensor(array)
    x.data[0] = 5
    assert array[0] == 5
    assert Tensor(x).data is x.data


def test_float64_where_long_double_is_the_same(monkeypatch):
    """As with Microsoft's compiler and on ARM Macs."""
    monkeypatch.setattr(np, "longdouble", np.float64)
    assert Tensor(np.zeros(2)).dtype == np.float64


@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_foreign_byte_order_is_refused(kind):
    foreign = np.zeros(2, np.dtype(kind).newbyteorder())
    with pytest.raises(TypeError, match="Tensor: data expects this machine's byte order, got >"):
        Tensor(foreign)
    assert Tensor(foreign, dtype=kind).dtype == kind


def test_data_is_always_c_contiguous():
    assert Tensor(np.zeros((2, 3)).T).data.flags.c_contiguous
    assert Tensor(np.zeros((2, 3, 4))).transpose(2, 0, 1).data.flags.c_contiguous


def test_lists_of_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="Tensor: data expects lists of equal lengths"):
        Tensor([[1, 2], [3]])


def test_attributes(device):
    x = Tensor(np.zeros((2, 3), np.float32), requires_grad=True, device=device)
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
    assert x.requires_grad
    assert x.grad is None
    assert x.device is device
    assert not Tensor(0.0).requires_grad


def test_a_number_is_a_tensor_of_no_axes(device):
    x = Tensor(3.0, device=device)
    assert x.shape == ()
    assert x.ndim == 0
    assert x.size == 1
    assert (x * 2 + x).shape == ()
    assert Tensor([1.0, 2.0], device=device).sum().shape == ()


@pytest.mark.parametrize(
    "data", ["text", None, 1 + 2j, np.zeros(2, np.float16), np.zeros(2, complex), [None, 1]]
)
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match="Tensor: data expects numbers in float32 or float64"):
        Tensor(data)


@pytest.mark.parametrize("data", [np.arange(3), np.array([True])])
def test_integers_and_bools_have_no_gradient(data):
    with pytest.raises(TypeError, match="Tensor: requires_grad expects float data, got"):
        Tensor(data, requires_grad=True)


@pytest.mark.parametrize("second", ["cuda:0", np.float64, "float32", 1, None])
def test_a_device_or_a_dtype_in_the_place_of_requires_grad_is_refused(second):
    with pytest.raises(
        TypeError, match="requires_grad expects True or False, got .*; write device="
    ):
        Tensor([1.0], second)
    assert Tensor([1.0], np.True_).requires_grad


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([np.zeros(2), np.ones(2)], np.float64),
        ([np.zeros(2, np.float32), np.ones(2, np.float32)], np.float32),
        ([[np.float64(1), 2.0], [3, 4]], np.float64),
        ([np.float32(1), 2.0], np.float32),
        ([np.int64(3), np.int64(1)], np.int64),
        ([np.zeros((2, 2), np.uint8)], np.uint8),
        ((1.0, [2][0]), np.float32),
    ],
)
def test_a_list_of_arrays_keeps_their_dtype(data, dtype):
    x = Tensor(data)
    assert x.dtype == dtype
    assert np.array_equal(x.numpy(), data)


class Foreign:
    """An array of another library, such as PyTorch: its dtype is none of NumPy's."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, "torch.float64", array.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype)


def test_arrays_of_other_libraries_are_taken_as_numpy_takes_them(device):
    array = normal(0, 2, 3)
    x = Tensor(Foreign(array), device=device)
    assert x.dtype == np.float64
    assert np.array_equal(x.numpy(), array)
    assert np.array_equal((Tensor(array, device=device) + Foreign(array)).numpy(), array + array)


# ---------------------------------------------------------------------------------- and back again


def test_item_float_and_bool():
    assert Tensor(2.5).item() == 2.5
    assert Tensor([[4]]).item() == 4
    assert float(Tensor(2.5)) == 2.5
    assert isinstance(Tensor(np.array(3)).item(), int)
    assert bool(Tensor(1.0))
    assert not Tensor(0.0)
    with pytest.raises(
        ValueError, match=r"item: expects a Tensor of one element, got shape \(2,\)"
    ):
        Tensor([1, 2]).item()
    with pytest.raises(ValueError, match="item"):
        bool(Tensor([1, 2]))
    with pytest.raises(TypeError, match="len: a Tensor with no axes"):
        len(Tensor(1.0))


def test_numbers_of_python_from_one_element():
    x = Tensor(np.array([-2.567]))
    assert int(x) == -2
    assert round(x, 1) == -2.6
    assert round(x) == -3
    assert abs(x).numpy().tolist() == [2.567]
    assert isinstance(abs(x), Tensor)
    with pytest.raises(ValueError, match="item: expects a Tensor of one element"):
        int(Tensor([1, 2]))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles(duplicate, device):
    x = tinynet.nn.Parameter(normal(0, 2, 3), device=device)
    (x * x).sum().backward()
    twin = duplicate(x)
    assert type(twin) is tinynet.nn.Parameter
    assert twin.device is device
    assert twin.requires_grad
    assert np.array_equal(twin.numpy(), x.numpy())
    assert np.array_equal(twin.grad.numpy(), x.grad.numpy())
    twin.write(np.zeros((2, 3)))
    assert np.array_equal(x.numpy(), normal(0, 2, 3))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_module_that_holds_a_result_can_be_copied(duplicate):
    net = tinynet.nn.Linear(3, 2)
    net.kept = net(Tensor(np.ones((1, 3), np.float32)))
    twin = duplicate(net)
    assert np.array_equal(twin.kept.numpy(), net.kept.numpy())
    assert not twin.kept.requires_grad  # off the tape
    assert [*twin.state_dict()] == ["weight", "bias"]


def test_another_dtype_does_not_cut_a_gradient_off_unseen():
    y = Tensor([1.0, 2.0], requires_grad=True) * 2
    with pytest.raises(
        TypeError, match="Tensor: dtype would cut data's gradient off: hand in its detach"
    ):
        Tensor(y, dtype="float64")
    assert Tensor(y.detach(), dtype="float64").dtype == np.float64


def test_write_refuses_what_does_not_fill():
    x = Tensor([1.0, 2.0])
    for values, got in ((np.ones(3), r"shape \(3,\)"), ("a", "'a'"), ([[1], [2, 3]], r"\[\[1\]")):
        with pytest.raises(ValueError, match=rf"write: values .* fill \(2,\), got {got}"):
            x.write(values)
    x.write(3)
    assert x.numpy().tolist() == [3, 3]


def test_numpy_functions_see_the_elements():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert np.asarray(x).dtype == np.float64
    assert np.array_equal(np.asarray(x), [[1, 2], [3, 4]])
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])


def test_an_array_in_use_is_never_used_again(device):
    """Large results come from a pool: it must know about views, and arrays whose Tensor is gone."""
    n = 300_000
    held = [F.relu(Tensor(np.full(n, i + 1.0), device=device)).numpy()[i:] for i in range(5)]
    parts = [F.relu(Tensor(np.full(n, i + 1.0), device=device))[i:5] for i in range(5)]
    F.relu(Tensor(np.zeros(n), device=device))
    assert [set(array) for array in held] == [{1}, {2}, {3}, {4}, {5}]
    assert [set(part.numpy()) for part in parts] == [{1}, {2}, {3}, {4}, {5}]


def test_repr_tells_values_dtype_and_device():
    assert repr(leaf([1.5])) == "Tensor([1.5], float64, cpu, requires_grad=True)"
    assert repr(Tensor(2.0)) == "Tensor(2., float32, cpu)"


def test_detach_shares_the_data_and_leaves_the_tape():
    x = leaf([1.0, 2.0])
    y = (x * 3).detach()
    assert not y.requires_grad
    assert y.creator is None
    assert np.array_equal(y.numpy(), [3, 6])
    assert x.detach().data is x.data


def test_to_the_same_device_is_the_tensor_itself(device):
    x = Tensor([1.0], device=device)
    assert x.to(device) is x
    assert x.to(device.name) is x


def test_zero_grad_forgets():
    x = leaf([1.0])
    (x * 2).backward()
    assert x.grad.item() == 2
    x.zero_grad()
    assert x.grad is None


# ---------------------------------------------------------------------------------- mixed operands


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 2.0, True, np.int64(2), np.float64(2)])
def test_numbers_take_the_dtype_of_the_tensor(dtype, number, device):
    x = Tensor(np.full(3, 8, dtype), device=device)
    for y in (x + number, number + x, x * number, number - x, x / number, number / x, x**number):
        assert isinstance(y, Tensor)
        assert y.dtype == dtype


def test_numpy_arrays_stand_on_either_side(device):
    array, x = normal(0, 2, 3), Tensor(normal(1, 3), device=device)
    for y in (array + x, x + array, array * x, array - x, array / x, (array * array) ** x):
        assert isinstance(y, Tensor)
        assert y.shape == (2, 3)
    assert np.array_equal((array - x).numpy(), array - x.numpy())
    product = array.T @ Tensor(array, device=device)
    # each a sum of two products near 1, which cuBLAS may round once less: 1 or 2 of 2.2e-16
    np.testing.assert_allclose(product.numpy(), array.T @ array, rtol=1e-15, atol=1e-15)


def test_dtypes_never_mix():
    x, y = Tensor(np.zeros(3)), Tensor(np.zeros(3, np.float32))
    with pytest.raises(TypeError, match="add: x is float64, y is float32: tinynet never changes"):
        x + y
    with pytest.raises(TypeError, match="linear: x is float64, weight is float32"):
        F.linear(x, Tensor(np.zeros((2, 3), np.float32)))
    with pytest.raises(TypeError, match="conv2d: x is float64, bias is float32"):
        images, weight = Tensor(np.zeros((1, 1, 3, 3))), Tensor(np.zeros((1, 1, 2, 2)))
        F.conv2d(images, weight, Tensor(np.zeros(1, np.float32)))
    with pytest.raises(TypeError, match=r"concatenate: tensors\[0\] is float64, tensors\[1\] is"):
        F.concatenate([x, y])
    with pytest.raises(TypeError, match="multiply: y expects a float Tensor, got int64"):
        x * Tensor(np.arange(3))
    with pytest.raises(TypeError, match="sum: x expects a float Tensor, got bool"):
        Tensor([True]).sum()


@pytest.mark.parametrize("number", [np.float32(2), np.array(2.0), np.uint8(2), np.array(2)])
def test_numbers_of_numpy_of_any_dtype_are_numbers(number):
    for dtype in (np.float32, np.float64):
        x = Tensor(np.full(3, 8, dtype))
        for y in (x / number, number * x, x**number):
            assert y.dtype == dtype
    assert (x - number).numpy().tolist() == [6, 6, 6]


def test_what_is_no_tensor_is_refused_by_name():
    with pytest.raises(TypeError, match="relu: x expects a float Tensor, got ndarray"):
        F.relu(np.zeros(3))
    with pytest.raises(TypeError, match="linear: weight expects a float Tensor, got list"):
        F.linear(Tensor([1.0]), [[1.0]])
    x = Tensor([1.0])
    like_one = SimpleNamespace(creator=None, data=x.data, device=x.device, dtype=x.dtype)
    with pytest.raises(TypeError, match="relu: x expects a float Tensor, got SimpleNamespace"):
        F.relu(like_one)
    with pytest.raises(TypeError, match="add: expects a Tensor, an array or a number, got str"):
        Tensor([1.0]) + "a"
    with pytest.raises(TypeError, match="maximum: x or y expects a Tensor, got float and float"):
        F.maximum(1.0, 2.0)


# ---------------------------------------------------------------------------- devices and the seed


def test_device_by_name():
    cpu = tinynet.device("cpu")
    assert cpu.name == "cpu"
    assert tinynet.device("cpu") is cpu
    assert tinynet.device(cpu) is cpu
    assert tinynet.device() is cpu
    assert repr(cpu) == "device('cpu')"
    assert f"{cpu} {cpu!s}" == "cpu cpu"


def test_a_device_is_equal_to_its_name(device):
    assert device == device.name
    assert device != "cpu:7"
    assert (device == "cpu") is (device.name == "cpu")
    assert {device: 1}[device] == {device: 1}[device.name] == 1
    assert device != 0


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda", "CPU", "", "cuda:x", "sim:-1"])
def test_unknown_devices_are_refused(name):
    with pytest.raises(ValueError, match=f"device: expected .*{name!r}"):
        tinynet.device(name)
    with pytest.raises(ValueError, match="device"):
        Tensor([1.0], device=name)


@pytest.mark.parametrize("name", [0, 1.5, ["cpu"], b"cpu"])
def test_a_device_name_is_a_string(name):
    with pytest.raises(TypeError, match="device: expected a name"):
        tinynet.device(name)


def test_manual_seed_repeats_weights_and_masks():
    def draw():
        tinynet.manual_seed(7)
        layer = tinynet.nn.Linear(4, 3)
        masks = [F.dropout(Tensor(np.ones(50))).numpy() for _ in range(2)]
        return [layer.weight.numpy(), layer.bias.numpy(), *masks]

    first, second = draw(), draw()
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert not np.array_equal(first[2], first[3])  # each call of dropout draws its own mask
    tinynet.manual_seed(8)
    assert not np.array_equal(tinynet.nn.Linear(4, 3).weight.numpy(), first[0])


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", None, True])
def test_manual_seed_refuses(seed):
    with pytest.raises(ValueError, match="manual_seed: seed expects an int from 0"):
        tinynet.manual_seed(seed)


def test_formats_as_a_number():
    assert f"{Tensor(1.23456):.2f}" == "1.23"
    assert f"{Tensor([1.0, 2.0])}" == "Tensor([1. 2.], float32, cpu)"
    with pytest.raises(ValueError, match="item: expects a Tensor of one element"):
        f"{Tensor([1.0, 2.0]):.2f}"


def test_iterates_over_its_first_axis():
    assert [row.numpy().tolist() for row in Tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match="a Tensor with no axes has no length"):
        list(Tensor(1.0))


def test_an_empty_index_takes_nothing():
    assert Tensor([1.0, 2.0])[[]].shape == (0,)
