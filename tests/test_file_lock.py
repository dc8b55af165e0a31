"""Only one process at a time holds a lock, and a killed one holds it no longer; new folders."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from tinynet.files.file_lock import lock
from tinynet.files.new_folder import new_folder

HOLD = """
import sys
from tinynet.files.file_lock import lock
lock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_one_holds_it_until_it_is_closed(tmp_path):
    path = tmp_path / ".lock"
    held = lock(path)
    with pytest.raises(BlockingIOError):
        lock(path)
    os.close(held)
    os.close(lock(path))


def test_a_killed_process_holds_it_no_longer(tmp_path):
    path = tmp_path / ".lock"
    path.write_bytes(b"what it held before")
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            lock(path)
        other.kill()
    os.close(lock(path))
    assert path.read_bytes() == b"what it held before"


def test_a_file_that_cannot_be_made_is_another_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "nothing" / ".lock")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch, capsys, code):
    def refuse(descriptor, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / ".lock"
    for descriptor in (lock(path), lock(path)):
        os.close(descriptor)
    told = f"warning: {path} cannot be locked ({os.strerror(code)}): take care that no other"
    assert [line.startswith(told) for line in capsys.readouterr().err.splitlines()] == [True, True]


def test_another_error_names_the_file(tmp_path, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match=r"Input/output error: .*/\.lock") as caught:
        lock(tmp_path / ".lock")
    assert caught.value.errno == errno.EIO


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(OSError, match=r"\.lock"):
        lock(tmp_path / ".lock")


# ---------------------------------------------------------------- new folders


def test_the_same_name_twice_is_two_folders(tmp_path):
    wish = tmp_path / "runs" / "shapes"
    made = [new_folder(wish) for _ in range(3)]
    assert made == [wish, wish.with_name("shapes-2"), wish.with_name("shapes-3")]
    assert all(path.is_dir() for path in made)


def test_a_name_that_a_file_has_is_taken(tmp_path):
    (tmp_path / "a").touch()
    assert new_folder(tmp_path / "a") == tmp_path / "a-2"
