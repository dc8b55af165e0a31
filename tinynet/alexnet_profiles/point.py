"""A point in which profiles differ: in words, with what it does and who says so.

A Point reads the Profiles themselves, so that what it says cannot go stale. Where a profile agrees
with the one it was made from (`BASES`), the source is that one's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tinynet.alexnet_profiles.versions import PROFILES, Profile

# Where a profile says nothing of its own, it follows:
BASES = {
    "source2012": "paper",
    "no-crosstalk": "source2012",
    "one-tower": "source2012",
    "caffe": "paper",
    "caffenet": "caffe",
    "owt": "paper",
    "modern": "paper",
}


@dataclass(frozen=True)
class Point:
    """A row of the table: `words` says what a Profile does, `sources` who says so, by profile."""

    name: str
    fields: tuple[str, ...]  # of Profile, that it describes
    words: Callable[[Profile], str]
    effect: str | Callable[[Profile, Profile], str]  # what it does, always or between these two
    sources: dict[str, str]
    measured: str = ""  # the result, if somebody tried it,
    tried: Callable[[Profile], object] | None = None  # and which of the variants this Profile has

    def effect_between(self, a: Profile, b: Profile) -> str:
        return self.effect if isinstance(self.effect, str) else self.effect(a, b)

    def measured_between(self, a: Profile, b: Profile) -> str:
        """What was measured, if it is about the difference between these two; else ""."""
        if self.tried is None:
            return ""
        sides = {self.tried(a), self.tried(b)}
        return self.measured if len(sides) == 2 and None not in sides else ""

    def source(self, profile: str) -> str:
        """Who says so about the profile of this name. KeyError if nobody does."""
        base = BASES.get(profile)
        if profile in self.sources or base is None:
            return self.sources[profile]
        if self.words(PROFILES[profile]) != self.words(PROFILES[base]):
            raise KeyError(f"{self.name} of {profile}")
        said = self.source(base)
        return said if said.startswith("as ") else f"as {base}: {said}"
