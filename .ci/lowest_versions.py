"""Print constraints for pip: of each package that setup.py names, the lowest version it takes.

    pip install --constraint <(python .ci/lowest_versions.py) ".[test]"

It reads what the installed tinynet-alexnet declares, for itself and for its tests.
"""

import importlib.metadata
import re

EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")


def lowest(requirements: list[str]) -> list[str]:
    """`numpy==2.0` of `numpy>=2.0`; those of extras other than `test` are left out."""
    found = []
    for requirement in requirements:
        needed, _, marker = requirement.partition(";")
        extra = EXTRA.search(marker)
        if extra is None or extra[1] == "test":
            name, version = needed.strip().split(">=")
            found.append(f"{name}=={version}")
    return found


if __name__ == "__main__":
    print(*lowest(importlib.metadata.requires("tinynet-alexnet")), sep="\n")
