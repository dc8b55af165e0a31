"""Every CUDA kernel, run by the simulator, against its NumPy twin.

kernel_cases.py draws the arguments, and says how far the two may differ.
"""

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import REALS, Arrays, arguments_of, assert_agree, copied, outputs, twin

from tinynet import simulator
from tinynet.kernels import KERNELS

pytestmark = pytest.mark.skipif(
    simulator.unavailable() is not None, reason=f"{simulator.unavailable()}"
)

few = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])


# ---------------------------------------------------------------------------------- running one


@cache
def module(text, real, mode):
    return simulator.RawModule(code=text, options=(f"-DREAL={real}",), mode=mode)


def run(kernel, real, arguments, mode=None, grid=None):
    """Launch `kernel` on these arguments; without a mode the simulator takes TINYNET_SIM."""
    launch(module(KERNELS[kernel].source, real, mode), kernel, real, arguments, grid)


def launch(module, kernel, real, arguments, grid=None):
    """Launch as the engine does: scalars cast to the kernel's C types, its grid from the table."""
    parameters = KERNELS[kernel].parameters
    cast = [
        argument if parameter.is_pointer else parameter.dtype(REALS[real]).type(argument)
        for parameter, argument in zip(parameters, arguments)
    ]
    usual_grid, block = KERNELS[kernel].launch_shape(arguments)
    function = module.get_function(f"{kernel}_kernel")
    function(usual_grid if grid is None else grid, block, tuple(cast))


# -------------------------------------------------------------------------------------- the tests

every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_real = pytest.mark.parametrize("real", REALS)


@every_real
@every_kernel
@few
@given(data=st.data())
def test_kernels_agree_with_their_twins(kernel, real, data):
    arguments = data.draw(arguments_of(kernel, real))
    ours, theirs = copied(arguments), copied(arguments)
    run(kernel, real, ours)
    twin(kernel)(*theirs)
    assert_agree(kernel, ours, theirs)


@pytest.mark.parametrize("order", ["forward", "reversed"])
@every_kernel
@settings(few, max_examples=2)
@given(data=st.data())
def test_kernels_are_clean_under_check(kernel, order, data):
    """No race, nothing out of bounds, no uninitialized read; the same bits in any order."""
    arguments = data.draw(arguments_of(kernel, "float"))
    plain, checked = copied(arguments), copied(arguments)
    run(kernel, "float", plain, mode="run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYNET_SIM_ORDER", order)
        run(kernel, "float", checked, mode="check")
    for name, expected in outputs(kernel, plain).items():
        np.testing.assert_array_equal(outputs(kernel, checked)[name], expected, err_msg=name)


def test_kernels_max_pool_keeps_a_nan():
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    x[0, 0, 0, 1] = x[0, 0, 1, 1] = np.nan
    y, argmax = np.zeros((1, 1, 2, 2), np.float32), np.zeros((1, 1, 2, 2), np.int32)
    run("max_pool_forward", "float", [y, argmax, x, 1, 1, 3, 3, 2, 2, 1, 1, 0, 0, 2, 2])
    assert np.isnan(y).all()
    assert argmax.tolist() == [[[[1, 0], [1, 0]]]]  # the first NaN of each window


def test_kernels_dropout_draws_the_published_philox():
    """The known answer of Philox4x32-10 for counter 0 and key 0 (Random123's table)."""
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    for place, word in enumerate(words):
        for p, kept in ((word / 2**32, True), ((word + 1) / 2**32, False)):
            x, y = np.ones((1, 1), np.float32), np.full((1, 1), np.nan, np.float32)
            run("dropout_forward", "float", [y, x, 1, 1, 1, p, 1.0, 0, 0, place])
            assert y[0, 0] == kept


@every_kernel
@settings(few, max_examples=3)
@given(data=st.data())
def test_kernels_do_not_depend_on_the_grid(kernel, data):
    """One block that loops over all the work gives the same bits as a block for each part.

    In check mode, because only here does a block reuse its shared memory from row to row.
    """
    arguments = data.draw(arguments_of(kernel, "float"))
    many, one = copied(arguments), copied(arguments)
    run(kernel, "float", many, mode="run")
    # products loop down the rows alone
    across = KERNELS[kernel].launch_shape(arguments)[0][:1] if kernel.startswith("gemm") else (1,)
    run(kernel, "float", one, grid=across, mode="check")
    for name, expected in outputs(kernel, many).items():
        np.testing.assert_array_equal(outputs(kernel, one)[name], expected, err_msg=name)


# ------------------------------------------------------------------- what the memory is asked for

RUN = 5.0  # sectors of 32 bytes: a run of 32 floats is 4, and 5 where it begins inside a sector


def requests(kernel, arguments, text=None):
    """Sectors (global) or bank passes (shared) a warp's request: {(line's text, space, access)}."""
    text = text or KERNELS[kernel].source
    module = simulator.RawModule(code=text, options=("-DREAL=float",), mode="profile")
    launch(module, kernel, "float", arguments)
    lines = text.splitlines()
    return {
        (lines[line.line - 1].strip(), line.space, line.access): line.per_request
        for line in module.profile()
    }


@pytest.mark.parametrize(
    "size, window, stride, padding, out, reads",
    [
        pytest.param(224, 11, 4, 0, 55, 17.0, id="conv1"),  # 4 apart: 2 pixels of each sector
        pytest.param(27, 5, 1, 2, 27, 6.0, id="conv2"),  # 27 a row: a warp reads two rows or three
        pytest.param(13, 3, 1, 1, 13, 5.0, id="conv3"),
    ],
)
def test_kernels_im2col_writes_are_coalesced(size, window, stride, padding, out, reads):
    a, c = Arrays("float", seed=0), 2
    col, x = a.blank(c * window**2, 1, out**2), a.normal(1, c, size, size)
    sizes = [1, c, size, size, window, window, stride, stride, padding, padding, out, out]
    for (_, _, access), cost in requests("im2col", [col, x, *sizes]).items():
        assert cost <= (RUN if access == "write" else reads)


@pytest.mark.parametrize("side", [55, 27])
def test_kernels_lrn_reads_and_writes_are_coalesced(side):
    a, shape = Arrays("float", seed=0), (1, 8, side * side)
    y, scale, x = a.blank(*shape), a.blank(*shape), a.normal(*shape)
    forward = requests("lrn_forward", [y, scale, x, *shape, 2, 5, 1e-4, 0.75, 2.0])
    dx, dy = a.blank(*shape), a.normal(*shape)
    backward = requests("lrn_backward", [dx, dy, x, scale, *shape, 2, 5, 1e-4, 0.75])
    assert max(*forward.values(), *backward.values()) <= RUN


@pytest.mark.parametrize("side, out", [(55, 27), (27, 13), (13, 6)])
def test_kernels_max_pool_reads_and_writes_are_coalesced(side, out):
    """AlexNet's three, windows 2 apart: twice the sectors of a run, and a few more at row ends."""
    a, sizes = Arrays("float", seed=0), [1, 2, side, side, 3, 3, 2, 2, 0, 0, out, out]
    y, argmax = a.blank(1, 2, out, out), np.zeros((1, 2, out, out), np.int32)
    x, dx, dy = a.normal(1, 2, side, side), a.blank(1, 2, side, side), a.normal(1, 2, out, out)
    for (_, _, access), cost in requests("max_pool_forward", [y, argmax, x, *sizes]).items():
        assert cost <= (RUN if access == "write" else 2.1 * RUN)
    backward = requests("max_pool_backward", [dx, dy, argmax, *sizes])
    assert max(backward.values()) <= RUN


def test_kernels_gemm_tiled_has_no_bank_conflicts():
    a, (m, n, k) = Arrays("float", seed=0), (64, 128, 64)
    arguments = [a.blank(m, n), a.normal(m, k), a.normal(k, n), m, n, k]

    def passes(text):
        found = requests("gemm_tiled", arguments, text)
        return {line: cost for (line, space, _), cost in found.items() if space == "shared"}

    padded = KERNELS["gemm_tiled"].source
    assert list(passes(padded).values()) == [1.0] * 4  # each tile is filled, and read
    unpadded = passes(padded.replace("[DEPTH + 1]", "[DEPTH]"))
    assert unpadded.pop("a_part[j] = a_tile[threadIdx.y + SIDE * j][i];") == 2.0
    assert list(unpadded.values()) == [1.0] * 3
