"""The versions of AlexNet as data (`versions.py`), and what differs between them (`points.py`).

A version can also do without one part of it, which a switch takes away (`switches.py`). Where the
paper and its source differ but the versions do not, `notes.py` says so.
"""

from tinynet.alexnet_profiles.notes import NOTES
from tinynet.alexnet_profiles.point import BASES, Point
from tinynet.alexnet_profiles.points import POINTS, differences, differing
from tinynet.alexnet_profiles.switches import SWITCHES, Switch, profile_named
from tinynet.alexnet_profiles.versions import PROFILES, Profile

__all__ = [
    "BASES",
    "NOTES",
    "POINTS",
    "PROFILES",
    "SWITCHES",
    "Point",
    "Profile",
    "Switch",
    "differences",
    "differing",
    "profile_named",
]
