"""The parser of a command line: argparse's, which names the flag that was probably meant."""

import argparse
import difflib
import platform
import sys
from collections.abc import Iterable
from typing import NoReturn

import numpy as np

from tinynet.console.printable import printable, quoted


class Parser(argparse.ArgumentParser):
    """Refuses what it does not know by itself, and so with the flags of its own command."""

    _commands = None

    def add_subparsers(self, **options):
        self._commands = super().add_subparsers(**options)
        return self._commands

    def parse_known_args(self, args=None, namespace=None):
        self._refuse_flag_before_command(sys.argv[1:] if args is None else args)
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            if not flags:
                self.error(f"takes no {unknown[0]!r}")
            meant = meant_by(flags[0], self._option_string_actions)
            hint = f": did you mean {meant}?" if meant else f"; {self.prog} --help lists its flags"
            self.error(f"has no flag {flags[0]}{hint}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))

    def _refuse_flag_before_command(self, words: list[str]) -> None:
        """Of `--lr 3 train`, argparse would say that there is no command 3."""
        if self._commands is None or not words or not words[0].startswith("-"):
            return
        if words[0].partition("=")[0] in self._option_string_actions:
            return
        command = next((word for word in words if word in self._commands.choices), None)
        rest = [word for word in words if word is not command]
        right = f"{self.prog} {command or self._commands.metavar} {' '.join(map(quoted, rest))}"
        self.error(f"the command comes first, and then its flags: {right}")

    def flags_first(self, words: list[str]) -> list[str]:
        """The words with flags, and what belongs to them, before all others.

        argparse takes several words without a flag only where they stand together.
        """
        flags: list[str] = []
        others: list[str] = []
        waiting = iter(words)
        for word in waiting:
            if word == "--":
                return [*flags, "--", *others, *waiting]
            if not word.startswith("-") or word == "-":
                others.append(word)
                continue
            flags.append(word)
            meant = [
                action
                for flag, action in self._option_string_actions.items()
                if flag == word or (word.startswith("--") and flag.startswith(word))
            ]
            if meant and meant[0].nargs is None:
                flags += [value for value in [next(waiting, None)] if value is not None]
        return [*flags, *others]


def add_version(parser: argparse.ArgumentParser, version: str) -> None:
    """Add --version, which says what a report of a fault should say."""
    parser.add_argument(
        "--version",
        action="version",
        version=f"tinynet {version} (Python {platform.python_version()}, NumPy {np.__version__})",
    )


def meant_by(flag: str, known: Iterable[str]) -> str | None:
    """Which of the `known` flags whoever typed `flag` probably meant; None if none is like it.

    Alike are an abbreviation and its words (--learning-rate and --lr), names of which one has the
    other as a word (--num-workers and --workers), and names that differ in a few letters.
    """
    named = {name.lstrip("-"): name for name in known}
    asked = flag.lstrip("-").lower().replace("_", "-")
    words = asked.split("-")
    for name in named:
        its_words = name.split("-")
        if asked == _initials(its_words) or name == _initials(words):
            return named[name]
    for name in named:
        if len(name) > 1 and (name in words or asked in name.split("-")):
            return named[name]
    close = difflib.get_close_matches(asked, named, n=1)
    return named[close[0]] if close else None


def _initials(words: list[str]) -> str | None:
    return "".join(word[:1] for word in words) if len(words) > 1 else None
