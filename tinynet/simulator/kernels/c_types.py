"""Types as entry.h spells them, and the NumPy types that hold the same bytes.

"const float*", "int", "float4"                   a number, a vector, or what points to them
"{int@0 width,float*@8 elements}16"               a structure: its fields, where each lies, and
                                                  its bytes
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DTYPES = {
    "float": np.float32, "double": np.float64, "bool": np.bool_, "__half": np.float16,
    "char": np.int8, "signed char": np.int8, "unsigned char": np.uint8,
    "short": np.int16, "unsigned short": np.uint16, "int": np.int32, "unsigned int": np.uint32,
    "long": np.int64, "unsigned long": np.uint64,
    "long long": np.int64, "unsigned long long": np.uint64,
    "void": np.float32,  # void* takes any array
    "Dual": np.complex128,  # a value and a slope, in this order
}  # fmt: skip
# float4 is a vector of 4 float, and so on.
VECTORS = {
    f"{name}{count}": (base, count)
    for name, base in {
        "char": "signed char", "uchar": "unsigned char", "short": "short",
        "ushort": "unsigned short", "int": "int", "uint": "unsigned int", "long": "long",
        "ulong": "unsigned long", "longlong": "long long", "ulonglong": "unsigned long long",
        "float": "float", "double": "double",
    }.items()
    for count in (1, 2, 3, 4)
} | {"__half2": ("__half", 2)}  # fmt: skip


def base_of(type_: str) -> str:
    """The C type without const and *; of a vector that of its fields: of "const float4*" float."""
    base = _bare(type_)
    if structure := structure_of(type_):
        return _alike(structure) or base
    return VECTORS[base][0] if base in VECTORS else base


def dtype_of(type_: str) -> np.dtype:
    """The dtype of a number of this C type, or of the elements of an array."""
    structure = structure_of(type_)
    if structure is None or _alike(structure):
        return np.dtype(DTYPES[base_of(type_)])
    fields = structure.fields
    return np.dtype(
        {
            "names": [field.name for field in fields],
            "formats": [(dtype_of(field.type), fields_of(field.type)) for field in fields],
            "offsets": [field.offset for field in fields],
            "itemsize": structure.bytes,
        }
    )


def fields_of(type_: str) -> tuple[int, ...]:
    """(4,) for float4 and what points to it, () for what is no vector.

    A structure whose fields are all of one type is a vector, too.
    """
    base = _bare(type_)
    if structure := structure_of(type_):
        return (len(structure.fields),) if _alike(structure) else ()
    return (VECTORS[base][1],) if base in VECTORS else ()


def vector_dtype(type_: str) -> np.dtype:
    """The dtype of a vector that is passed by its value: int2 has the fields x and y."""
    return np.dtype([(name, dtype_of(type_)) for name in "xyzw"[: fields_of(type_)[0]]])


def known(type_: str) -> bool:
    """Whether the simulator can pass a parameter of this type.

    An array of structures cannot hold pointers: nobody could say where they point to.
    """
    if structure := structure_of(type_):
        inside = [field.type for field in structure.fields]
        plain = not (type_.endswith("*") and any(each.endswith("*") for each in inside))
        return plain and all(map(known, inside))
    return base_of(type_) in DTYPES


def grain(dtype: np.dtype) -> int:
    """The bytes that are watched as one: of a number all, of a structure its smallest field's."""
    return min((dtype[name].base.itemsize for name in dtype.names or ()), default=dtype.itemsize)


def in_structure(dtype: np.dtype, offset: int) -> tuple[int, str]:
    """The number of the structure that a byte of an array lies in, and its field: ".x"."""
    number, inside = divmod(offset, dtype.itemsize)
    begun = [name for name in dtype.names if dtype.fields[name][1] <= inside]
    return number, f".{begun[-1]}" if begun else ""


# ---------------------------------------------------------------- structures


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    offset: int


@dataclass(frozen=True)
class Structure:
    fields: tuple[Field, ...]
    bytes: int


@lru_cache
def structure_of(type_: str) -> Structure | None:
    """The structure that a type is, or points to; None if it is another type."""
    match = re.fullmatch(r"\{(.*)\}(\d+)", _bare(type_))
    if match is None:
        return None
    found = re.findall(r"([^,@]+)@(\d+) (\w+)", match[1])
    return Structure(tuple(Field(name, kind, int(at)) for kind, at, name in found), int(match[2]))


def _alike(structure: Structure) -> str | None:
    """The type of all fields, if they are one type of number without gaps between."""
    kinds = {field.type for field in structure.fields}
    kind = min(kinds, default="")
    if len(kinds) != 1 or kind not in DTYPES:
        return None
    tight = len(structure.fields) * np.dtype(DTYPES[kind]).itemsize == structure.bytes
    return kind if tight else None


def _bare(type_: str) -> str:
    return type_.removeprefix("const ").removesuffix("*")
