"""JSON that somebody else may have written, or a disk have damaged: nothing of it is believed.

What may stand in a file is written down once, as a type: names, kinds, ranges. msgspec holds the
text against it and says where it differs: "Expected `int`, got `str` - at `$.shards[3][1]`".

    class Description(TypedDict):
        size: Annotated[int, Meta(ge=1, le=8192)]
        classes: list[str]

    read_json(path, Description, limit=2**20)
"""

import json
import math
import os
from typing import Any, TypeVar

import msgspec

from tinynet.files.regular_file import read_regular

Kind = TypeVar("Kind")


def read_json(path: str | os.PathLike, kind: type[Kind], limit: int) -> Kind:
    """What the file says, of the type `kind`. ValueError if it is anything else.

    OSError if the file cannot be read, is not regular, or has more than `limit` bytes.
    """
    return checked(parse_json(read_regular(path, limit)), kind)


def parse_json(text: bytes | str) -> Any:
    """The value in `text`, in which every number is finite. Raises ValueError.

    Python's reader, not msgspec's, for it keeps names of files that are not UTF-8.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def checked(value: Any, kind: type[Kind]) -> Kind:
    """`value` as a `kind`: a msgspec.Struct, a TypedDict, list[int]... Raises ValueError."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:  # a ValueError since msgspec 0.19 only
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse(text)
    return value
