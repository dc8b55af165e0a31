"""The versions of AlexNet as data: what each of them is, and who says so.

They belong to the example, not to the engine: nothing below the commands and reports that compare
versions knows of them. The files, in the order to read them:

    versions.py   the eight profiles: the paper's text, what was released, what others made of it
    point.py      a point in which profiles differ
    words.py      what a profile does at each point, in a few words
    switches.py   a profile without one of its parts
    claims.py     what the paper claims, as experiments
    effects.py    what a difference does, where that depends on both profiles
    points.py     all points: what differs between two profiles, and who says so
    torchvision.py  what another library calls the layers of the profile `owt`
    notes.py      where the source departs from the paper, but no profile from another
"""

from tinynet.alexnet_profiles.claims import CLAIMS, KINDS, Claim, Comparison, Kind
from tinynet.alexnet_profiles.notes import NOTES
from tinynet.alexnet_profiles.point import BASES, Point
from tinynet.alexnet_profiles.points import POINTS, differences, differing
from tinynet.alexnet_profiles.switches import SWITCHES, Switch, profile_named
from tinynet.alexnet_profiles.versions import PROFILES, Profile

__all__ = [
    "BASES",
    "CLAIMS",
    "Claim",
    "Comparison",
    "KINDS",
    "Kind",
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
