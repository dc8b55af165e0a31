"""Is a claim reproduced? What the differences of a few pairs of runs say, and what they do not.

Two runs with the same seed see the same images in the same order, so they are compared with each
other. Of n such differences, with mean m and standard deviation s, Student's t says where the mean
of ever so many would lie, in 95 of 100 experiments:

    interval = m - t s / sqrt(n)  to  m + t s / sqrt(n)        t: 97.5 % quantile, n - 1 degrees

A claim says on which side of 0 the difference lies, and perhaps how far. Turned so that the claimed
side is above 0:

    reproduced              the interval lies above 0
    not reproduced          it lies below 0; or it holds 0, but not the size that was claimed
    not decided             anything else, and whatever fewer than three seeds say

What is not decided is told with the number of seeds that would decide it, were m and s to stay as
they are. Of twenty claims about nothing, one will seem reproduced or refuted at 95 %.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom.
STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
NORMAL = 1.959964  # the same for infinitely many
FEWEST = 3  # seeds: with two, t is 12.7, and chance alone makes two differences equal
MOST = 10_000  # seeds that are worth a number

REPRODUCED, NOT_DECIDED, NOT_REPRODUCED = "reproduced", "not decided", "not reproduced"


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, to four digits.

    Above the table by its expansion around the normal distribution's (Abramowitz and Stegun,
    26.7.5).
    """
    if degrees <= len(STUDENT):
        return STUDENT[degrees - 1]
    z, n = NORMAL, degrees
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first / n + second / n**2 + third / n**3 + fourth / n**4


@dataclass(frozen=True)
class Estimate:
    """A mean difference and what is known of it: n differences with standard deviation s."""

    n: int
    mean: float
    deviation: float | None  # one difference has none

    @property
    def error(self) -> float | None:
        """The standard error of the mean."""
        return None if self.deviation is None else self.deviation / math.sqrt(self.n)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean of ever so many would lie, at 95 %; None of one difference."""
        if self.error is None:
            return None
        half = student(self.n - 1) * self.error
        return self.mean - half, self.mean + half


def estimate(differences: Sequence[float]) -> Estimate:
    """What one or more differences say of their mean."""
    deviation = statistics.stdev(differences) if len(differences) > 1 else None
    return Estimate(len(differences), statistics.fmean(differences), deviation)


@dataclass(frozen=True)
class Verdict:
    """`word`, and `seeds`: of what is not decided, how many would decide it (None: too many)."""

    word: str
    seeds: int | None = None

    def __str__(self) -> str:
        if self.word != NOT_DECIDED:
            return self.word
        needed = f"more than {MOST:,}" if self.seeds is None else f"about {self.seeds:,}"
        return f"{self.word} at this size: {needed} seeds would"


def verdict(found: Estimate, side: int, size: float | None = None) -> Verdict:
    """Is the difference on the claimed `side`, 1 or -1, of 0?

    `size`: how far from 0 it was claimed to be, if anybody said so, without a sign.
    """
    word = _word(found, side, size)
    if word is not None and found.n >= FEWEST:
        return Verdict(word)
    return Verdict(NOT_DECIDED, _needed(found, side, size))


def _word(found: Estimate, side: int, size: float | None) -> str | None:
    if found.interval is None:
        return None
    low, high = sorted(side * end for end in found.interval)
    if low > 0:
        return REPRODUCED
    if high < 0 or low == high == 0 or (size is not None and high < size):
        return NOT_REPRODUCED
    return None


def _needed(found: Estimate, side: int, size: float | None) -> int | None:
    """The least number of seeds that decides, with the same mean and deviation."""
    if found.deviation is None:
        return FEWEST

    def decides(n: int) -> bool:
        return _word(Estimate(n, found.mean, found.deviation), side, size) is not None

    low = max(FEWEST, found.n)
    if decides(low):
        return low
    if not decides(MOST):
        return None
    high = MOST  # the interval shrinks as n grows: halve the range until one number is left
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
