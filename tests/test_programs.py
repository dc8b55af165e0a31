"""Small programs, drawn at random: a Tensor gives NumPy's values, or refuses what NumPy refuses."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinynet.functional as F
from tinynet import Tensor

numbers = st.integers(-3, 3) | st.sampled_from([0.5, np.float32(2), np.int64(-1), np.array(3.0)])


def arrays(shape):
    return hnp.arrays(np.float64, shape, elements=st.integers(-4, 4))


def operands(shape):
    """A number, or an array whose shape mostly broadcasts with `shape`."""
    fitting = hnp.broadcastable_shapes(shape, max_dims=3, max_side=3)
    return numbers | (fitting | hnp.array_shapes(max_dims=2, max_side=3)).flatmap(arrays)


def axes(shape):
    if not shape:
        return st.none() | st.just((0,))  # NumPy alone takes the number 0 for one of no axes
    one = st.integers(-len(shape) - 1, len(shape))
    return st.none() | one | st.lists(one, max_size=2).map(tuple)


def lengths(shape):
    """Shapes of the same size, and others."""
    size = int(np.prod(shape))
    divisors = [n for n in range(1, size + 1) if size % n == 0] or [0]
    some = st.sampled_from(divisors).map(lambda n: (n, -1))
    return some | st.lists(st.integers(-1, 4), max_size=3).map(tuple)


def indices(shape):
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    numbers_of_rows = hnp.arrays(np.int64, st.integers(0, 3), elements=st.integers(-3, 3))
    whole = [n for n in shape if n]
    arrays_of_ints = hnp.integer_array_indices(shape) if whole == [*shape] != [] else basic
    return basic | arrays_of_ints | numbers_of_rows | hnp.arrays(bool, shape)


def bounds(_shape):
    ends = st.none() | st.integers(-3, 3)
    return st.tuples(ends, ends).filter(lambda b: b != (None, None) and (None in b or b[0] <= b[1]))


# name -> (what is drawn for a shape, what it does to a Tensor, what it does to an array)
STEPS = {
    "abs": (lambda _: st.none(), lambda x, _: abs(x), None),
    "add": (operands, lambda x, y: x + y, None),
    "subtract from": (operands, lambda x, y: y - x, None),
    "multiply": (operands, lambda x, y: y * x, None),
    "compare": (operands, lambda x, y: y < x, None),
    "equal": (operands, lambda x, y: x == y, None),
    "maximum": (operands, lambda x, y: F.maximum(x, y), np.maximum),
    "where": (operands, lambda x, y: F.where(x > 0, x, y), lambda x, y: np.where(x > 0, x, y)),
    "clip": (bounds, lambda x, b: x.clip(*b), None),
    "index": (indices, lambda x, i: x[i], None),
    "reshape": (lengths, lambda x, shape: x.reshape(shape), None),
    "transpose": (axes, lambda x, a: x.transpose() if a is None else x.transpose(a), None),
    "sum": (axes, lambda x, a: x.sum(axis=a), None),
    "mean": (axes, lambda x, a: x.mean(axis=a, keepdims=True), None),
    "max": (axes, lambda x, a: x.max(axis=a), None),
}


@st.composite
def programs(draw):
    """An array, and the steps that are done with it one after another, with their arguments."""
    start = x = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=3).flatmap(arrays))
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from([*STEPS]))
        argument = draw(STEPS[name][0](x.shape))
        steps.append((name, argument))
        x = done(on_arrays, x, name, argument)
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            break
    return start, steps


def on_arrays(name):
    _, of_tensor, of_array = STEPS[name]
    return of_array or of_tensor


def on_tensors(name):
    return STEPS[name][1]


def done(functions, x, name, argument):
    """The result, as an array if NumPy made it a number, or the error's kind."""
    try:
        with np.errstate(all="ignore"):
            y = functions(name)(x, argument)
    except (ValueError, TypeError, IndexError, RuntimeWarning) as error:
        return type(error)
    return y if isinstance(y, Tensor) else np.asarray(y)


def test_a_tensor_computes_as_numpy_does(device, fuzz):
    def check(program):
        x, steps = program
        t = Tensor(x, device=device)
        for name, argument in steps:
            x, t = done(on_arrays, x, name, argument), done(on_tensors, t, name, argument)
            assert isinstance(x, np.ndarray) == isinstance(t, Tensor), (name, x, t)
            if isinstance(x, np.ndarray):
                assert (t.shape, t.dtype) == (x.shape, x.dtype), name
                np.testing.assert_allclose(t.numpy(), x, rtol=1e-12, atol=1e-12)

    fuzz(check, programs())
