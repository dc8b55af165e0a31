"""Arrays of an .npz are checked before they get memory."""

import os

import numpy as np
import pytest
from fuzzing import damaged

from tinynet.files.npz_file import read_npz

WANTED = {"a": (np.float32, (None, 2)), "b": (np.int64, ())}


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(6, dtype=np.float32).reshape(3, 2), b=7)
    return tmp_path / "x.npz"


def test_what_is_wanted_is_given_to_be_changed(path):
    found = read_npz(path, WANTED)
    found["a"] += 1
    assert found["a"].tolist() == [[1, 2], [3, 4], [5, 6]] and found["b"] == 7


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"a": (np.float64, (None, 2))}, r"a is float32 \(3, 2\), wanted float64 \(any, 2\)"),
        ({"a": (np.float32, (2, 2))}, r"a is float32 \(3, 2\), wanted float32 \(2, 2\)"),
        ({"a": (np.float32, (None,))}, r"a is float32 \(3, 2\), wanted float32 \(any\)"),
        ({"c": (np.float32, ())}, "no item named 'c.npy'"),
    ],
)
def test_anything_else_is_refused(path, wanted, message):
    with pytest.raises(ValueError, match=message):
        read_npz(path, wanted)


def test_no_pickle_is_loaded(path):
    np.savez(path, a=np.array([print], object), b=7)
    with pytest.raises(ValueError, match="a is object"):
        read_npz(path, WANTED)


def test_a_fifo(tmp_path):
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(OSError, match="a FIFO, wanted a regular file"):
        read_npz(tmp_path / "x.npz", WANTED)


def test_any_bytes_are_the_arrays_or_a_value_error(path, fuzz):
    def check(data):
        path.write_bytes(data)
        try:
            assert read_npz(path, WANTED)["a"].shape == (3, 2)
        except ValueError as error:
            assert str(error)

    fuzz(check, damaged(path.read_bytes()))


def test_a_directory_that_points_before_the_start_of_the_file(path):
    """Found by the fuzzer: the seek fails, with an error of the disk that names no file."""
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\x05\x06")
    data[end + 16 : end + 20] = b"\xff\xff\xff\x7f"  # where the directory begins
    path.write_bytes(data)
    with pytest.raises(ValueError, match="Invalid argument"):
        read_npz(path, WANTED)
