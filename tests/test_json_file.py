"""JSON files are checked before they are believed."""

import json
import os
from typing import Annotated, TypedDict

import pytest
from hypothesis import strategies as st
from msgspec import Meta

from tinynet.files.json_file import parse_json, read_json


class Cat(TypedDict):
    name: str
    age: Annotated[float, Meta(ge=0, le=40)]
    lives: list[Annotated[int, Meta(ge=1, le=9)]]


GOOD = b'{"name": "Tom\\udcff", "age": 3, "lives": [9, 8]}'


def test_a_file_that_is_as_wanted(tmp_path):
    (tmp_path / "a.json").write_bytes(GOOD)
    # The name is one of a file that was not UTF-8.
    expected = {"name": "Tom\udcff", "age": 3.0, "lives": [9, 8]}
    assert read_json(tmp_path / "a.json", Cat, 100) == expected


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b'"name"', b'"nome"', "missing required field `name`"),
        (b"9, 8", b"9, 10", r"Expected `int` <= 9 - at `\$.lives\[1\]`"),
        (b"9, 8", b"9, true", r"Expected `int`, got `bool` - at `\$.lives\[1\]`"),
        (b"9, 8", b"9, 8.5", r"Expected `int`, got `float`"),
        (b"[9, 8]", b'"98"', r"Expected `array`, got `str` - at `\$.lives`"),
        (b": 3", b": NaN", "NaN is no finite number"),
        (b": 3", b": 1e999", "1e999 is no finite number"),
        (b": 3", b": 1" + b"0" * 5_000, "Exceeds the limit"),
        (b"9, 8", b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b"Tom", b"\xff", "can't decode byte 0xff"),
        (GOOD, b"[]", "Expected `object`, got `array`"),
        (GOOD, b"", "Expecting value"),
        (GOOD, GOOD[:-1], "Expecting ',' delimiter"),
    ],
)
def test_what_differs_is_said(tmp_path, before, after, message):
    (tmp_path / "a.json").write_bytes(GOOD.replace(before, after))
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / "a.json", Cat, 10**6)


def test_too_large_and_no_file(tmp_path):
    (tmp_path / "a.json").write_bytes(GOOD)
    with pytest.raises(OSError, match="larger than 10 bytes: '.*a.json'"):
        read_json(tmp_path / "a.json", Cat, 10)
    os.mkfifo(tmp_path / "b.json")
    with pytest.raises(OSError, match="a FIFO, wanted a regular file: '.*b.json'"):
        read_json(tmp_path / "b.json", Cat, 10)


def test_any_text_is_a_value_or_a_value_error(fuzz):
    def check(text):
        try:
            json.dumps(parse_json(text), allow_nan=False)
        except ValueError as error:
            assert str(error)

    fuzz(check, st.binary() | st.text() | st.text('[]{}:,"\\0123456789.eE-+tru'))
