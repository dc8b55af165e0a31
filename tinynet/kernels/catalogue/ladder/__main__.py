"""`python -m tinynet.kernels.catalogue.ladder docs/ladder.md` writes the page of the ladder.

It takes a C++ compiler, which runs the kernels, and NVRTC, which knows their registers.
"""

import sys
from pathlib import Path

from tinynet import simulator
from tinynet.console.arguments import Parser
from tinynet.files.whole_file import whole_file
from tinynet.kernels.catalogue.ladder.writing import page


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 2 for a user's error."""
    parser = Parser(
        prog="python -m tinynet.kernels.catalogue.ladder",
        description="Climb the ladder, count, and write its page.",
    )
    parser.add_argument("page", type=Path, metavar="FILE.md")
    path = parser.parse_args(argv).page
    try:
        if simulator.unavailable():
            raise ValueError(simulator.unavailable())
        written = page().encode()
        with whole_file(path) as file:
            file.write(written)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
