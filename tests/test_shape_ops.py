"""Operations that move elements: reshape, transpose, slices, pad, concatenate, flatten."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import leaf, normal, seeds, shapes

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.shape import Concatenate, GetItem, Transpose


def check(fn, reference, x, device):
    """The same elements as in NumPy, bit for bit, and their gradient."""
    y = fn(leaf(x, device))
    assert np.array_equal(y.numpy(), reference(x))
    assert y.shape == reference(x).shape
    gradcheck(fn, [leaf(x, device)])


# ---------------------------------------------------------------------------- values and gradients


@given(shape=shapes, seed=seeds, data=st.data())
def test_transpose(device, shape, seed, data):
    axes = data.draw(st.permutations(range(len(shape))))
    signed = [a - len(shape) if data.draw(st.booleans()) else a for a in axes]
    x = normal(seed, *shape)
    check(lambda x: x.transpose(*signed), lambda x: x.transpose(axes), x, device)
    check(lambda x: x.transpose(tuple(signed)), lambda x: x.transpose(axes), x, device)
    check(lambda x: x.T, lambda x: x.T, x, device)
    check(lambda x: x.transpose(), lambda x: x.transpose(), x, device)


@given(shape=shapes, seed=seeds, data=st.data())
def test_reshape_and_flatten(device, shape, seed, data):
    x = normal(seed, *shape)
    size = math.prod(shape)
    rows = data.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
    check(lambda x: x.reshape(rows, size // rows), lambda x: x.reshape(rows, -1), x, device)
    check(lambda x: x.reshape((rows, -1)), lambda x: x.reshape(rows, -1), x, device)
    start = data.draw(st.integers(0, max(0, len(shape) - 1)))
    flat = (*shape[:start], math.prod(shape[start:]))
    check(lambda x: x.flatten(start), lambda x: x.reshape(flat), x, device)
    check(lambda x: x.flatten(), lambda x: x.reshape(-1), x, device)


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), seed=seeds, data=st.data())
def test_slices(device, shape, seed, data):
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = normal(seed, *shape)
    if x[index].size:
        check(lambda x: x[index], lambda x: x[index], x, device)


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), seed=seeds, data=st.data())
def test_arrays_of_indices(device, shape, seed, data):
    """About half of them name an element more than once."""
    index = data.draw(hnp.integer_array_indices(shape))
    check(lambda x: x[index], lambda x: x[index], normal(seed, *shape), device)


@given(shape=hnp.array_shapes(max_dims=2, max_side=4), seed=seeds)
def test_bool_masks(device, shape, seed):
    mask = normal(seed, *shape) > -0.5
    mask.flat[0] = True
    x = normal(seed + 1, *shape)
    check(lambda x: x[mask], lambda x: x[mask], x, device)
    check(lambda x: x[Tensor(mask, device=device)], lambda x: x[mask], x, device)


@given(seed=seeds)
def test_masks_beside_other_indices(device, seed):
    rows, columns = normal(seed, 4) > 0, normal(seed + 1, 3) > 0
    rows[0] = columns[:] = True
    columns[: 3 - rows.sum()] = False  # as many as there are rows
    rows[np.flatnonzero(rows)[columns.sum() :]] = False
    x = normal(seed, 4, 3, 2)
    for index in (
        (rows, 1),
        (rows, slice(1, None)),
        (..., np.ones(3, bool), np.array([True, False])),
        (rows, columns),
        (rows, np.zeros(rows.sum(), int)),
        (np.array([False, True, False, False]), np.array([0, 2, 0])),  # names two twice
        (np.array(True), slice(0, 2)),
    ):
        check(lambda x, index=index: x[index], lambda x, index=index: x[index], x, device)


@given(
    shape=hnp.array_shapes(min_dims=2, max_dims=4, max_side=3),
    sides=st.tuples(*[st.integers(0, 2)] * 4),
    seed=seeds,
)
def test_pad(device, shape, sides, seed):
    top, bottom, left, right = sides
    width = [(0, 0)] * (len(shape) - 2) + [(top, bottom), (left, right)]
    check(lambda x: F.pad(x, sides), lambda x: np.pad(x, width), normal(seed, *shape), device)


@given(shape=hnp.array_shapes(max_dims=3, max_side=3), seed=seeds, data=st.data())
def test_concatenate(device, shape, seed, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    arrays = []
    for i, length in enumerate(lengths):
        part = list(shape)
        part[axis] = length
        arrays.append(normal(seed + i, *part))
    leaves = [leaf(x, device) for x in arrays]
    y = F.concatenate(leaves, axis)
    assert np.array_equal(y.numpy(), np.concatenate(arrays, axis))
    gradcheck(lambda *parts: F.concatenate(parts, axis), leaves)
    labels = [Tensor(np.arange(n), device=device) for n in lengths]
    joined = F.concatenate(labels, 0).numpy()
    np.testing.assert_array_equal(joined, np.concatenate([x.numpy() for x in labels]), strict=True)


# ----------------------------------------------------------------------------------------- by hand


def gradient(y, x):
    y.backward(np.arange(1.0, y.size + 1).reshape(y.shape))
    return x.grad.numpy().tolist()


def test_an_element_named_twice_gets_both_gradients():
    x = leaf([10.0, 20, 30])
    y = x[np.array([2, 0, 2, 2])]
    assert y.numpy().tolist() == [30, 10, 30, 30]
    assert gradient(y, x) == [2, 0, 1 + 3 + 4]
    x = leaf([[1.0, 2], [3, 4]])
    assert gradient(x[[0, 0], [1, 1]], x) == [[0, 3], [0, 0]]


@pytest.mark.parametrize("one", [np.asarray(1), np.int64(1), np.uint8(1), Tensor(np.asarray(1))])
def test_an_index_of_numpys_is_an_index(one, device):
    one = one.to(device) if isinstance(one, Tensor) else one
    x = leaf([[1.0, 2], [3, 4], [5, 6]], device)
    assert x[one].numpy().tolist() == [3, 4]
    assert x[:, one].numpy().tolist() == [2, 4, 6]
    assert x[one, one].item() == 4
    assert gradient(x[one], x) == [[0, 0], [1, 2], [0, 0]]


@pytest.mark.parametrize(
    "shape", [np.array([3, 2]), [3, 2], (np.int32(3), np.array(2)), (np.uint8(3), -1)]
)
def test_a_shape_of_numpys_is_a_shape(shape):
    x = Tensor(normal(0, 2, 3))
    assert x.reshape(shape).shape == (3, 2)
    assert x.reshape(*shape).shape == (3, 2)
    assert x.transpose(np.array([1, 0])).shape == (3, 2)
    assert x.reshape(np.array(6)).shape == (6,)


def test_slices_by_hand():
    x = leaf([[1.0, 2, 3], [4, 5, 6]])
    assert x[0].numpy().tolist() == [1, 2, 3]
    assert x[:, 1].numpy().tolist() == [2, 5]
    assert x[1, 2].item() == 6
    assert x[..., ::-1].numpy().tolist() == [[3, 2, 1], [6, 5, 4]]
    assert x[-1, -1].shape == ()
    assert gradient(x[:, ::2], x) == [[1, 0, 2], [3, 0, 4]]


def test_pad_by_hand():
    x = leaf([[1.0, 2]])
    y = F.pad(x, (1, 0, 0, 2))
    # one row above, two columns to the right
    assert y.numpy().tolist() == [[0, 0, 0, 0], [1, 2, 0, 0]]
    assert gradient(y, x) == [[5, 6]]


def test_flatten_by_hand():
    x = Tensor(normal(0, 2, 3, 4))
    assert x.flatten().shape == (24,)
    assert x.flatten(1).shape == (2, 12)
    assert x.flatten(-1).shape == (2, 3, 4)
    assert Tensor(5.0).flatten().shape == (1,)
    assert Tensor(np.zeros((0, 3, 2))).flatten(1).shape == (0, 6)


# -------------------------------------------------------------------- mistakes that must be caught


def test_an_index_that_overwrites_instead_of_adding_is_caught(monkeypatch):
    def backward(self, dy):
        shape, index = self.saved
        dx = np.zeros(shape)
        dx[index] = dy
        return dx

    monkeypatch.setattr(GetItem, "backward", backward)
    with pytest.raises(GradcheckError, match=r"getitem: gradient of argument 0 at index \(2,\)"):
        gradcheck(lambda x: x[np.array([2, 0, 2])], [leaf(normal(0, 3))])


def test_a_transpose_that_does_not_turn_back_is_caught(monkeypatch):
    monkeypatch.setattr(Transpose, "backward", lambda self, dy: dy.reshape(3, 3))
    with pytest.raises(GradcheckError, match="transpose: gradient of argument 0"):
        gradcheck(lambda x: x.T, [leaf(normal(0, 3, 3))])


def test_parts_handed_back_in_the_wrong_order_are_caught(monkeypatch):
    backward = Concatenate.backward
    monkeypatch.setattr(Concatenate, "backward", lambda self, dy: backward(self, dy)[::-1])
    with pytest.raises(GradcheckError, match="concatenate: gradient of argument 0"):
        gradcheck(lambda x, y: F.concatenate([x, y]), [leaf(normal(0, 2)), leaf(normal(1, 2))])


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("shape", [(5,), (2, 4), (-1, -1), (-1, 4), (-2, -3), (0, -1)])
def test_reshape_refuses(shape):
    with pytest.raises(ValueError, match=r"reshape: x has 6 elements \(2, 3\), cannot become"):
        leaf(normal(0, 2, 3)).reshape(shape)


@pytest.mark.parametrize("axes", [(0,), (0, 0), (0, 2), (2, 1), (-3, 1), (0, 1, 2)])
def test_transpose_refuses(axes):
    with pytest.raises(ValueError, match="transpose: axes expects each of the 2 axes of x once"):
        leaf(normal(0, 2, 3)).transpose(*axes)
    with pytest.raises(ValueError, match=r"once, got \(\)"):
        leaf(normal(0, 2, 3)).transpose(())  # not the default


def test_flatten_refuses():
    for axis in (2, -3):
        with pytest.raises(ValueError, match=rf"flatten: start_axis {axis} is not an axis of"):
            leaf(normal(0, 2, 3)).flatten(axis)


def test_reshape_refuses_what_is_no_integer():
    with pytest.raises(TypeError, match=r"reshape: shape expects ints, got \(2.0, 3\)"):
        leaf(normal(0, 2, 3)).reshape(2.0, 3)


def test_integers_are_moved_too_off_the_tape(device):
    labels = np.arange(6).reshape(2, 3)
    x = Tensor(labels, device=device)
    for moved, expected in (
        (x[1], labels[1]),
        (x[:, 1:], labels[:, 1:]),
        (x.reshape(3, 2), labels.reshape(3, 2)),
        (x.flatten(), labels.ravel()),
        (x.T, labels.T),
    ):
        assert moved.dtype == labels.dtype
        assert not moved.requires_grad
        assert np.array_equal(moved.numpy(), expected)
    bits = Tensor(np.array([True, False]), device=device)
    assert bits[:1].dtype == bool


def test_indices_out_of_range():
    with pytest.raises(IndexError, match=r"getitem: x has shape \(2, 3\), got index 5: index 5"):
        leaf(normal(0, 2, 3))[5]
    with pytest.raises(IndexError, match=r"getitem: .* got index \(0, 0, 0\): too many"):
        leaf(normal(0, 2, 3))[0, 0, 0]


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize(
    "index, message",
    [
        (([0, 2],), "index 2 is out of bounds for axis 0 with size 2"),
        (([-3],), "index -3 is out of bounds for axis 0 with size 2"),
        ((slice(None), [0, 5]), "index 5 is out of bounds for axis 1 with size 3"),
        ((..., [4]), "index 4 is out of bounds for axis 1 with size 3"),
        ((None, [0, 1], [0, 3]), "index 3 is out of bounds for axis 1 with size 3"),
        (([True, False, True],), "boolean index did not match"),
        (([0, 1], [0, 1, 2]), "shape mismatch"),
    ],
)
def test_arrays_of_indices_out_of_range(index, message, as_tensor, device):
    """CuPy wraps them and says nothing."""
    x = Tensor(normal(0, 2, 3), True, device=device)
    if as_tensor:
        index = tuple(
            Tensor(np.array(part), device=device) if isinstance(part, list) else part
            for part in index
        )
    with pytest.raises(IndexError, match=rf"getitem: x has shape \(2, 3\), got index .*{message}"):
        x[index]


@pytest.mark.parametrize("padding", [-1, (1, -1, 0, 0), (1, 2, 3), ()])
def test_pad_refuses(padding):
    with pytest.raises(ValueError, match=r"pad: padding expects an int, \(h, w\) or \(top, bottom"):
        F.pad(leaf(normal(0, 2, 3)), padding)


def test_pad_refuses_more():
    with pytest.raises(TypeError, match="pad: padding expects"):
        F.pad(leaf(normal(0, 2, 3)), (1.5, 1))
    with pytest.raises(ValueError, match=r"pad: x expects at least 2 axes \(..., h, w\), got \(3,"):
        F.pad(leaf(normal(0, 3)), 1)


def test_concatenate_refuses():
    x, y = leaf(normal(0, 2, 3)), leaf(normal(0, 3, 3))
    with pytest.raises(ValueError, match=r"concatenate: tensors\[1\] has shape \(3, 3\)"):
        F.concatenate([x, y], axis=1)
    with pytest.raises(ValueError, match=r"concatenate: tensors\[1\] has shape \(3,\)"):
        F.concatenate([x, leaf(normal(0, 3))])
    with pytest.raises(ValueError, match="concatenate: axis 2 is not one of the 2 axes"):
        F.concatenate([x, x], axis=2)
    with pytest.raises(ValueError, match="concatenate: tensors expects at least one Tensor"):
        F.concatenate([])
    with pytest.raises(TypeError, match="concatenate: tensors expects a list of Tensors, got"):
        F.concatenate(x)
    with pytest.raises(TypeError, match=r"concatenate: tensors\[1\] expects a Tensor"):
        F.concatenate([x, np.zeros((2, 3))])
