"""Reproduced, not reproduced or not decided: the rules, on cases that were worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from tinynet.reports.verdict import Estimate, Verdict, estimate, student, verdict

NO, YES = Verdict("not reproduced"), Verdict("reproduced")


def undecided(seeds):
    return Verdict("not decided", seeds)


@pytest.mark.parametrize("degrees", [*range(1, 40), 100, 1000, 10_000])
def test_quantiles_of_t(degrees):
    assert student(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=1e-4)


def test_the_mean_and_where_it_would_lie():
    found = estimate([3.0, 1.0, 4.0])
    # Deviations 1/3, -5/3 and 4/3: variance 42/9 / 2 = 7/3, of the mean a third of that.
    assert found.mean == pytest.approx(8 / 3)
    assert found.error == pytest.approx(math.sqrt(7 / 9))
    # t of 2 degrees is 4.3027: 4.3027 x 0.8819 = 3.795 to either side.
    assert found.interval == pytest.approx((-1.128, 6.461), abs=1e-3)


def test_the_interval_holds_the_mean_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [estimate(rng.normal(2.0, 3.0, 4)).interval for _ in range(2000)]
    held = np.mean([low < 2.0 < high for low, high in intervals])
    assert abs(held - 0.95) < 0.015  # 3 standard deviations


@pytest.mark.parametrize(
    ("differences", "side", "size", "expected"),
    [
        # 3.5 +- 4.30 x 0.5 / sqrt(3) = 2.26 to 4.74
        ((3.0, 3.5, 4.0), 1, None, YES),
        ((3.0, 3.5, 4.0), 1, 1.4, YES),
        ((3.0, 3.5, 4.0), 1, 9.0, YES),  # smaller than claimed, and still on its side
        ((3.0, 3.5, 4.0), -1, None, NO),
        ((-3.0, -3.5, -4.0), -1, 1.4, YES),
        ((-3.0, -3.5, -4.0), 1, 1.4, NO),
        # 2.67 +- 3.79; of 4 seeds +- 3.18 x 1.53 / 2 = 2.43
        ((3.0, 1.0, 4.0), 1, 1.4, undecided(4)),
        ((3.0, 1.0, 4.0), -1, None, undecided(4)),
        # 0 +- 0.25: no effect is seen, and one of 1.4 would have been
        ((0.1, -0.1, 0.0), 1, 1.4, NO),
        ((0.1, -0.1, 0.0), -1, 1.4, NO),
        ((0.1, -0.1, 0.0), 1, None, undecided(None)),  # more seeds leave it at 0
        # 0.1 +- 0.25: more seeds would tell 0.1 from 0, and fewer from 0.2:
        # n = 6: 0.1 +- 2.57 x 0.1 / sqrt(6) = 0.105; n = 7: +- 2.45 x 0.1 / sqrt(7) = 0.092
        ((0.2, 0.0, 0.1), 1, None, undecided(7)),
        ((0.2, 0.0, 0.1), 1, 0.2, undecided(7)),
        ((0.2, 0.0, 0.1), 1, 0.35, NO),
        ((0.0, 0.0, 0.0), 1, None, NO),
        ((2.0, 2.0, 2.0), 1, None, YES),
        # Too few, whatever they say.
        ((2.0, 2.0), 1, None, undecided(3)),
        ((2.0, 2.1), 1, None, undecided(3)),
        ((2.0,), 1, None, undecided(3)),
    ],
)
def test_verdicts(differences, side, size, expected):
    assert verdict(estimate(differences), side, size) == expected


@pytest.mark.parametrize("mean", [0.01, 0.1, 1.0])
def test_as_many_seeds_as_it_says_decide_and_one_fewer_do_not(mean):
    needed = verdict(Estimate(3, mean, 1.0), 1).seeds
    if needed is None:
        assert mean == 0.01  # 38,416 of them
        return
    assert verdict(Estimate(needed, mean, 1.0), 1) == YES
    assert verdict(Estimate(needed - 1, mean, 1.0), 1) == undecided(needed)


def test_in_words():
    assert [str(v) for v in (YES, NO, undecided(7), undecided(None))] == [
        "reproduced",
        "not reproduced",
        "not decided at this size: about 7 seeds would",
        "not decided at this size: more than 10,000 seeds would",
    ]
