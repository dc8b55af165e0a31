"""How readers are fuzzed: a hundred inputs in every run of the tests, more by --fuzz-seconds."""

import itertools
import time
from collections.abc import Callable
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
