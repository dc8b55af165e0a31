"""An int and a number are the same things everywhere: Python's and NumPy's, and no bools."""

import numpy as np
import pytest
from inputs import normal

import tinynet
import tinynet.functional as F
from tinynet import Tensor, nn
from tinynet.optim import SGD, ReduceLROnPlateau, StepLR

IMAGES = Tensor(normal(0, 2, 4, 5, 5))
FILTERS = Tensor(normal(1, 4, 2, 1, 1))
WEIGHT = nn.Parameter(normal(0, 2))
INTS = {  # (a function of the argument, a value that it takes)
    "conv2d groups": (lambda n: F.conv2d(IMAGES, FILTERS, groups=n), 2),
    "conv2d padding": (lambda n: F.conv2d(IMAGES, FILTERS, groups=2, padding=n), 1),
    "conv2d stride": (lambda n: F.conv2d(IMAGES, FILTERS, groups=2, stride=(1, n)), 2),
    "max_pool2d kernel_size": (lambda n: F.max_pool2d(IMAGES, n), 2),
    "avg_pool2d kernel_size": (lambda n: F.avg_pool2d(IMAGES, (n, 1)), 2),
    "local_response_norm size": (lambda n: F.local_response_norm(IMAGES, n), 3),
    "local_response_norm groups": (lambda n: F.local_response_norm(IMAGES, groups=n), 2),
    "within size": (lambda n: F.local_response_norm_within(IMAGES, n, 0.1, 0.7), 3),
    "dropout seed": (lambda n: F.dropout(IMAGES, seed=n), 3),
    "dropout counter": (lambda n: F.dropout(IMAGES, seed=1, counter=n), 3),
    "dropout offset": (lambda n: F.dropout(IMAGES, seed=1, offset=n, full_shape=(4, 4, 5, 5)), 100),
    "pad": (lambda n: F.pad(IMAGES, n), 1),
    "concatenate axis": (lambda n: F.concatenate([IMAGES, IMAGES], n), 1),
    "softmax axis": (lambda n: F.softmax(IMAGES, n), 1),
    "sum axis": (lambda n: IMAGES.sum(axis=n), 1),
    "mean axes": (lambda n: IMAGES.mean(axis=(0, n)), 1),
    "flatten": (lambda n: IMAGES.flatten(n), 1),
    "reshape": (lambda n: IMAGES.reshape(n, -1), 8),
    "transpose": (lambda n: IMAGES.transpose(0, n, 1, 3), 2),
    "Conv2d channels": (lambda n: nn.Conv2d(n, n, 1, groups=n), 4),
    "Linear": (lambda n: nn.Linear(n, n), 4),
    "StepLR": (lambda n: StepLR(None, n), 3),
    "ReduceLROnPlateau": (lambda n: ReduceLROnPlateau(None, patience=n, max_drops=n), 3),
    "manual_seed": (tinynet.manual_seed, 0),
}
NUMBERS = {
    "dropout p": (lambda n: F.dropout(IMAGES, n, seed=1), 0.5),
    "Dropout p": (lambda n: nn.Dropout(n, seed=1)(IMAGES), 0.5),
    "local_response_norm": (lambda n: F.local_response_norm(IMAGES, 3, n, n, n), 0.5),
    "within": (lambda n: F.local_response_norm_within(IMAGES, 3, n, n, n), 0.5),
    "clip": (lambda n: IMAGES.clip(-n, n), 0.5),
    "SGD": (lambda n: SGD([WEIGHT], n, n, n).state_dict()["groups"][0]["lr"], 0.5),
    "StepLR gamma": (lambda n: StepLR(None, 1, n), 0.5),
    "ReduceLROnPlateau": (lambda n: ReduceLROnPlateau(None, n, threshold=n), 0.5),
    "maximum": (lambda n: F.maximum(IMAGES, n), 0.5),
    "where": (lambda n: F.where(IMAGES > 0, IMAGES, n), 0.5),
}


def elements(result):
    return result.numpy() if isinstance(result, Tensor) else result


def same(a, b):
    a, b = elements(a), elements(b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray | float) else type(a) is type(b)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32, np.array])
@pytest.mark.parametrize("name", INTS)
def test_an_int_of_numpys_is_an_int(name, kind):
    function, value = INTS[name]
    assert same(function(kind(value)), function(value))


@pytest.mark.parametrize("wrong", [2.0, np.float64(2), True, np.True_, "2", None])
@pytest.mark.parametrize("name", INTS)
def test_what_is_no_int_is_refused(name, wrong):
    function, _ = INTS[name]
    if wrong is None and name in ("dropout seed", "sum axis", "ReduceLROnPlateau"):
        return  # there None has a meaning
    with pytest.raises((TypeError, ValueError), match="expects|is not"):
        function(wrong)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.array])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_numpys_is_a_number(name, kind):
    function, value = NUMBERS[name]
    assert same(function(kind(value)), function(value))


@pytest.mark.parametrize("wrong", ["0.5", None, [0.5]])
@pytest.mark.parametrize("name", sorted(NUMBERS.keys() - {"clip"}))
def test_what_is_no_number_is_refused(name, wrong):
    function, _ = NUMBERS[name]
    with pytest.raises((TypeError, ValueError), match="expects"):
        function(wrong)
