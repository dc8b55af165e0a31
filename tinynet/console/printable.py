"""Names of files and classes as they can be shown: whatever they hold, they stay names."""

import shlex
import sys
import unicodedata
from pathlib import Path

# Control characters (Cc) steer a terminal; format characters (Cf) turn the direction of writing;
# lone surrogates (Cs) stand for bytes of a file's name that are not UTF-8; Zl and Zp end a line.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"  # format characters without which some languages cannot be written


def complain(text: str) -> None:
    """Print one line on stderr: of the names in it, none begins another."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str | Path) -> str:
    """`text` with what would not show, or act on the terminal, as in Python: "a\\x1b[2J".

    >>> printable("caf\\udce9\\n")
    'caf\\\\xe9\\\\n'
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def quoted(path: str | Path) -> str:
    """A path as it can be typed into a shell; as $'...', which Bash knows, if parts are escaped."""
    text = str(path)
    if printable(text) == text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{printable(escaped)}'"


def _escaped(letter: str) -> str:
    if letter in JOINERS or unicodedata.category(letter) not in HIDDEN:
        return letter
    if "\udc80" <= letter <= "\udcff":  # the byte that Python, reading a name, put there
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()
