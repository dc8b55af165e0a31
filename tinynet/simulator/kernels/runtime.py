"""What Python and the runtime in cpp/ hand each other: its structures, field by field."""

import ctypes


class Launch(ctypes.Structure):
    """`sim::Launch` of runtime.h."""

    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("body", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("dynamic_shared", ctypes.c_void_p),
        ("stacks", ctypes.c_void_p),
        ("order", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("seconds", ctypes.c_double),
    ]


class Finding(ctypes.Structure):
    """`sim::Finding` of runtime.h."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("access", ctypes.c_int32),
        ("other_access", ctypes.c_int32),
        ("region", ctypes.c_int32),
        ("block", ctypes.c_uint32 * 3),
        ("thread", ctypes.c_uint32 * 3),
        ("other_block", ctypes.c_uint32 * 3),
        ("other_thread", ctypes.c_uint32 * 3),
        ("element", ctypes.c_int64),
        ("pc", ctypes.c_uint64),
        ("other_pc", ctypes.c_uint64),
        ("callers", ctypes.c_uint64 * 4),
        ("detail", ctypes.c_uint64),
        ("line", ctypes.c_uint64),
    ]


class Region(ctypes.Structure):
    """`sim::Region` of runtime.h: memory that check and profile mode watch."""

    _fields_ = [
        ("address", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("itemsize", ctypes.c_uint64),
        ("red_zone", ctypes.c_uint64),
        ("written", ctypes.c_void_p),
        ("shared", ctypes.c_int32),
        ("constant", ctypes.c_int32),
    ]


class LineCost(ctypes.Structure):
    """`sim::LineCost` of profile.cpp."""

    _fields_ = [
        ("line", ctypes.c_uint64),
        ("requests", ctypes.c_uint64),
        ("lanes", ctypes.c_uint64),
        ("cost", ctypes.c_uint64),
        ("least", ctypes.c_uint64),
        ("shared", ctypes.c_int32),
        ("access", ctypes.c_int32),
    ]


class LineRuns(ctypes.Structure):
    """`sim::LineRuns` of steps.cpp."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in ("line", "runs", "lanes", "branches", "parted", "passes")
    ]


class BlockRuns(ctypes.Structure):
    """`sim::BlockRuns` of steps.cpp."""

    _fields_ = [("at", ctypes.c_uint64), ("lanes", ctypes.c_uint64)]


class Wanted(ctypes.Structure):
    """`sim::Wanted` of record.cpp: which warps to record, a bit for each, of which blocks."""

    _fields_ = [
        ("first_block", ctypes.c_uint64),
        ("end_block", ctypes.c_uint64),
        ("warps", ctypes.c_uint32),
        ("most", ctypes.c_uint32),
    ]


class Step(ctypes.Structure):
    """`sim::Step` of record.cpp."""

    _fields_ = [
        ("block", ctypes.c_uint64),
        ("warp", ctypes.c_uint32),
        ("line", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
        ("kind", ctypes.c_int32),
    ]


class Kept(ctypes.Structure):
    """`sim::Kept` of record.cpp: an access of a step."""

    _fields_ = [
        ("step", ctypes.c_uint64),
        ("lanes", ctypes.c_uint32),
        ("access", ctypes.c_int32),
        ("region", ctypes.c_int32),
        ("bytes", ctypes.c_uint32),
    ]


class Touch(ctypes.Structure):
    """`sim::Touch` of record.cpp: what one lane of an access touches."""

    _fields_ = [("offset", ctypes.c_uint64), ("value", ctypes.c_ubyte * 16)]
