"""Files are opened only if they are files, and read only as far as their content can be right."""

import os
import socket

import pytest

from tinynet.files.regular_file import open_regular, read_regular


def test_a_file_and_a_link_to_it(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("a")
    for name in ("a", "link"):
        assert read_regular(tmp_path / name, 5) == b"hello"
        with open_regular(tmp_path / name) as file:
            assert file.read(2) == b"he"


def test_more_than_the_limit_is_refused_by_name(tmp_path):
    with open(tmp_path / "big", "wb") as file:
        file.truncate(2**40)  # a terabyte, on no disk
    with pytest.raises(OSError, match="larger than 4,096 bytes: '.*big'"):
        read_regular(tmp_path / "big", 4096)


def fifo(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def link_to_zero(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "kind"), [(fifo, "a FIFO"), (folder, "a folder"), (link_to_zero, "a device")]
)
@pytest.mark.parametrize("read", [open_regular, lambda path: read_regular(path, 10)])
def test_what_is_no_file_is_neither_waited_for_nor_read(tmp_path, make, kind, read):
    make(tmp_path / "odd")
    with pytest.raises(OSError, match=f"{kind}, wanted a regular file: '.*odd'"):
        read(tmp_path / "odd")


def test_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("odd")
        with pytest.raises(OSError, match="odd"):
            open_regular("odd")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        read_regular(tmp_path / "none", 10)
