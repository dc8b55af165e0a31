"""How readers are fuzzed: a hundred inputs in every run of the tests, more by --fuzz-seconds."""

import itertools
import json
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

ROUND = 100  # inputs drawn from one seed


def fuzz(check: Callable[[Any], None], inputs: st.SearchStrategy, seconds: float) -> None:
    """Call `check` with what `inputs` draws: one round, and others until `seconds` have passed.

    Each round has a seed of its own, so what an hour finds is found again after the same rounds.
    """
    ends = time.monotonic() + seconds
    for number in itertools.count():

        @seed(number)
        @settings(
            derandomize=False,
            database=None,
            max_examples=ROUND,
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs)
        def check_round(drawn):
            check(drawn)

        check_round()
        if time.monotonic() >= ends:
            return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def edited(draw, value):
    """The text of the JSON `value` with one part, at whatever depth, replaced or taken out."""
    value = deepcopy(value)
    place, key, part = None, None, value
    while isinstance(part, dict | list) and part and (place is None or draw(st.booleans())):
        place = part
        key = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        part = place[key]
    if draw(st.booleans()):
        place[key] = draw(JSON)
    elif isinstance(part, int) and draw(st.booleans()):
        place[key] = draw(st.integers(-(2**70), 2**70) | st.integers(-3, 3) | st.just(part + 1))
    else:
        del place[key]
    return json.dumps(value)


@st.composite
def damaged(draw, data: bytes):
    """`data` with some bytes changed, cut, or all of it something else."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        return bytes(changed)
    return bytes(changed[: draw(st.integers(0, len(data)))]) or draw(st.binary())
