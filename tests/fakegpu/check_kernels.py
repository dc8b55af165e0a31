"""Every kernel as NVRTC compiles it, in the interpreter, against its NumPy twin.

The same cases as those of the simulator (kernel_cases.py), through the engine's own launch.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import REALS, arguments_of, assert_agree, copied, twin

import tinynet
from tinynet.kernels import KERNELS, launch
from tinynet.kernels.catalogue.examples import EXAMPLES, arguments

DEVICE = tinynet.device("cuda:0")
few = settings(max_examples=3, suppress_health_check=list(HealthCheck))


def run(kernel, given_arguments):
    """Launch on copies of the arrays on the device, and copy back what they hold then."""
    is_array = [isinstance(a, np.ndarray) for a in given_arguments]
    there = [DEVICE.asarray(a) if is_one else a for a, is_one in zip(given_arguments, is_array)]
    launch(DEVICE, kernel, *there)
    for ours, theirs, is_one in zip(given_arguments, there, is_array):
        if is_one:
            ours[...] = DEVICE.to_numpy(theirs)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("kernel", KERNELS)
@few
@given(data=st.data())
def test_compiled_kernels_agree_with_their_twins(kernel, real, data):
    ours = data.draw(arguments_of(kernel, real))
    theirs = copied(ours)
    run(kernel, ours)
    twin(kernel)(*theirs)
    assert_agree(kernel, ours, theirs)


@pytest.mark.parametrize("kernel", KERNELS)
def test_compiled_kernels_agree_on_their_examples(kernel):
    for sizes in EXAMPLES[kernel].checked:
        ours, theirs = (
            arguments(KERNELS[kernel], sizes, np.float32, np.random.default_rng(0))
            for _ in range(2)
        )
        run(kernel, ours)
        twin(kernel)(*theirs)
        assert_agree(kernel, ours, theirs)
