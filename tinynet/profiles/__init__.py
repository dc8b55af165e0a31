"""The versions of AlexNet as data (`versions.py`), and what differs between them (`points.py`)."""

from tinynet.profiles.points import BASES, POINTS, Point, differences, differing
from tinynet.profiles.versions import PROFILES, Profile

__all__ = ["BASES", "POINTS", "PROFILES", "Point", "Profile", "differences", "differing"]
