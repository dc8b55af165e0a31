"""Names as they are printed: nothing in them steers a terminal."""

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet.console.printable import printable
from tinynet.console.standard_streams import Shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tench, Tinca tinca", "tench, Tinca tinca"),
        ("caf\xe9 \u6771\u4eac \U0001f41f", "caf\xe9 \u6771\u4eac \U0001f41f"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\x9b2J", r"\x9b2J"),  # the same in one character
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("a\u2028b", r"a\u2028b"),
        ("\u202egnp.tac", r"\u202egnp.tac"),  # would be read from right to left
        ("caf\udce9", r"caf\xe9"),  # a byte that is not UTF-8
        ("\ud800", r"\ud800"),
        (
            "\u0646\u0627\u0645\u0647\u200c\u0647\u0627",
            "\u0646\u0627\u0645\u0647\u200c\u0647\u0627",
        ),
        ("no\xa0break", "no\xa0break"),
    ],
)
def test_what_is_shown(name, shown):
    assert printable(name) == shown


@given(st.text(st.characters()))
def test_any_name_can_be_printed(name):
    shown = printable(name)
    shown.encode()
    assert not set(shown) & set(map(chr, [*range(32), *range(127, 160), 0x202E, 0x2028]))
    assert printable(shown) == shown


def test_a_stream_keeps_what_the_program_prints():
    stream = io.StringIO()
    print("a\x1b\udce9\r", "b", sep="\n", file=Shown(stream, "\n"))
    print("a\x1b\r", "b", sep="\n", file=Shown(stream, "\n\r"))
    assert stream.getvalue() == "a\\x1b\\xe9\\r\nb\na\\x1b\r\nb\n"
    assert Shown(stream, "\n").write(string.printable) == len(string.printable)
