"""What is behind the command lines of the examples: a function for each command."""

import sys

try:
    import tinynet.files.file_lock  # noqa: F401
except ImportError as error:  # a Windows without WSL
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

from tinynet.commands.example import Example  # noqa: E402

__all__ = ["Example"]
