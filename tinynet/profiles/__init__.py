"""The versions of AlexNet as data (`versions.py`), and what differs between them (`points.py`)."""

from tinynet.profiles.versions import PROFILES, Profile

__all__ = ["PROFILES", "Profile"]
