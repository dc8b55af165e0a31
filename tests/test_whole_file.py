"""A file that is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from tinynet.files.whole_file import whole_file


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    return path


def test_it_appears_when_all_of_it_is_on_the_disk(old, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: done.append("fsync") or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda a, b: done.append("replace") or replace(a, b))
    with whole_file(old) as file:
        file.write(b"new")
        assert old.read_bytes() == b"old"
    assert done == ["fsync", "replace"]
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("stop", [KeyError, KeyboardInterrupt])
def test_what_stops_the_writing_leaves_the_old_file(old, stop):
    with pytest.raises(stop), whole_file(old) as file:
        file.write(b"half of a")
        raise stop
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("name", [".", "..", "/", "kept"])
def test_a_folder_is_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    with pytest.raises(IsADirectoryError, match="Is a directory"), whole_file(Path(name)):
        raise AssertionError("nothing should be written")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_full_disk_leaves_the_old_file(old, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught, whole_file(old) as file:
        file.write(b"new")
    assert caught.value.filename == str(old)
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as error, whole_file(tmp_path / "none" / "a.txt"):
        pass
    assert error.value.filename == str(tmp_path / "none" / "a.txt")
