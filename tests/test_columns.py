"""How a convolution lays out its columns, and in which parts a batch goes through."""

from contextlib import contextmanager

import by_definition
import numpy as np
import pytest
from hypothesis import given
from inputs import convolutions, leaf, normal, whole

import tinynet.functional as F
from tinynet import Tensor, gradcheck
from tinynet.devices import device as device_named
from tinynet.ops import filter_rows, phases
from tinynet.ops.batch import parts
from tinynet.ops.columns import Columns
from tinynet.ops.conv import layout_for
from tinynet.ops.filter_rows import FilterRows
from tinynet.ops.phases import Phases
from tinynet.ops.window import Window

LAYOUTS = (Columns, FilterRows, Phases)


@contextmanager
def taken_everywhere(layout):
    """The cpu takes this one wherever it can be taken, and not only where it is faster."""
    everywhere = 10**9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filter_rows, "SHALLOW", everywhere if layout is Columns else 1)
        patch.setattr(filter_rows, "WASTED", everywhere)
        patch.setattr(phases, "PADDED", everywhere if layout is Phases else 0)
        yield patch


@pytest.mark.parametrize("layout", LAYOUTS)
@given(drawn=convolutions())
def test_each_layout_of_the_columns(layout, drawn):
    arrays, options = drawn
    expected = by_definition.conv2d(*arrays, *([None] if len(arrays) == 2 else []), **options)
    with taken_everywhere(layout):
        y = F.conv2d(*(Tensor(a) for a in arrays), **options)
        # some tens of products of values around 1, each rounded to 1e-16
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)
        gradcheck(lambda *inputs: F.conv2d(*inputs, **options), [leaf(a) for a in arrays])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("images", [0.5, 1, 2, 5, 9])  # in a part, of 11
@pytest.mark.parametrize("stride", [1, 2])
def test_each_layout_in_parts_of_any_size(layout, images, stride):
    """Whole numbers, so that sums are exact. Where half an image fits, a group of it at a time."""
    arrays = [whole(0, 11, 4, 6, 5), whole(1, 6, 2, 3, 3), whole(2, 6)]
    leaves = [leaf(a) for a in arrays]
    options = {"stride": (stride, stride), "padding": (1, 0, 2, 1), "groups": 2}
    with taken_everywhere(layout) as patch:
        patch.setattr(device_named("cpu"), "part_bytes", int(images * 8 * 4 * 9 * 6 * 6))
        y = F.conv2d(*leaves, **options)
        dy = whole(3, *y.shape)
        y.backward(dy)
    assert np.array_equal(y.numpy(), by_definition.conv2d(*arrays, **options))
    x, weight, bias = leaves
    step_x, step_w = whole(4, *x.shape), whole(5, *weight.shape)
    by_x = by_definition.conv2d(step_x, arrays[1], None, **options)
    by_w = by_definition.conv2d(arrays[0], step_w, None, **options)
    assert (x.grad.numpy() * step_x).sum() == (dy * by_x).sum()
    assert (weight.grad.numpy() * step_w).sum() == (dy * by_w).sum()
    assert np.array_equal(bias.grad.numpy(), dy.sum((0, 2, 3)))


@pytest.mark.parametrize(
    ("channels", "image", "kernel", "stride", "padding", "expected"),
    [
        (3, 227, 11, 4, 0, Phases),  # AlexNet's conv1
        (48, 27, 5, 1, 2, FilterRows),  # conv2, a tower of it
        (256, 13, 3, 1, 1, FilterRows),
        (3, 32, 5, 1, 2, Columns),  # 15 weights in a row of a filter
        (256, 6, 6, 1, 0, Columns),  # one row of y, and six of the image
        (64, 27, 3, 2, 0, Columns),  # 9 weights would be 16
        (3, 227, 1, 4, 0, Columns),  # 1 weight would be 16
    ],
)
def test_which_layout_is_taken(channels, image, kernel, stride, padding, expected):
    window = Window.of("conv2d", (kernel, kernel), stride, padding)
    out = window.output_size("conv2d", image, image)
    assert layout_for(device_named("cpu"), window, channels, (image, image), out) is expected


@pytest.fixture
def sim():
    try:
        return device_named("sim:0")
    except ValueError as reason:
        pytest.skip(str(reason))


def test_a_gpu_takes_whole_windows(sim):
    window = Window.of("conv2d", (5, 5), 1, 2)
    assert layout_for(sim, window, 48, (27, 27), (27, 27)) is Columns


# ------------------------------------------------------------------------------- parts, on a GPU


def backward_of_many_filters(device, images=6) -> None:
    """More numbers per image in the products of dW, 20*9*64, than in the columns, 20*9*3*3."""
    x = Tensor(normal(0, images, 20, 3, 3).astype(np.float32), device=device)
    weight = Tensor(normal(1, 64, 20, 3, 3).astype(np.float32), True, device=device)
    y = F.conv2d(x, weight, padding=1)
    y.backward(np.ones(y.shape, np.float32))


def test_a_gpu_goes_on_in_parts_that_its_workspace_holds(sim, monkeypatch):
    """Two images' columns fit, and beside them lie their dy; more is never in use."""
    sim.drop_buffers()
    columns, dy = 4 * 20 * 9 * (3 * 3), 4 * 64 * (3 * 3)
    monkeypatch.setattr(sim, "part_bytes", 2 * columns)
    backward_of_many_filters(sim)
    assert sum(buffer.nbytes for _, buffer in sim.buffers()) == 2 * (columns + dy)
    sim.drop_buffers()


@pytest.mark.parametrize(
    ("n", "fitting", "expected"),
    [
        (128, 47, [44, 44, 40]),  # conv2 in 320 MB: rows of 44 x 729 begin at multiples of 16 bytes
        (128, 76, [64, 64]),
        (7, 128, [7]),
        (9, 5, [4, 4, 1]),
        (5, 3, [3, 2]),
        (2, 0, [1, 1]),  # not even one image: a group of it at a time
    ],
)
def test_parts_on_a_gpu_are_few_and_begin_at_multiples_of_four(
    sim, monkeypatch, n, fitting, expected
):
    columns = 4 * 4 * 1 * 9
    monkeypatch.setattr(sim, "part_bytes", fitting * columns or columns - 1)
    cut = [*parts(sim, range(n), 2, columns)]
    taken = [range(n)[images] for images, g in cut if g.start == 0]
    assert [len(part) for part in taken] == expected
    assert [i for part in taken for i in part] == [*range(n)]
    assert {(g.start, g.stop) for _, g in cut} == ({(0, 2)} if fitting else {(0, 1), (1, 2)})


@pytest.mark.parametrize("images", [0.5, 1, 2, 5, 9])  # in the workspace, of 11
@pytest.mark.parametrize("bias", [True, False])
def test_parts_of_any_size_give_the_same_sums(sim, monkeypatch, images, bias):
    """Whole numbers, so that sums are exact. Where half an image fits, a group of it at a time."""
    arrays = [whole(0, 11, 4, 6, 5), whole(1, 6, 2, 3, 3), whole(2, 6)][: 3 if bias else 2]
    monkeypatch.setattr(sim, "part_bytes", int(images * 8 * 4 * 9 * 6 * 5))
    results = []
    for device in ("cpu", sim):
        leaves = [leaf(a, device) for a in arrays]
        y = F.conv2d(*leaves, padding=1, groups=2)
        y.backward(whole(3, *y.shape))
        results.append([y.numpy(), *(x.grad.numpy() for x in leaves)])
    assert all(np.array_equal(a, b) for a, b in zip(*results))
