"""Only one process at a time holds a lock, and a killed one holds it no longer."""

import os
import subprocess
import sys

import pytest

from tinynet.files.file_lock import lock

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
