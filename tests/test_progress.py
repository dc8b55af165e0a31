"""Work under way: a bar with the time to go, and lines where there is no terminal."""

import sys
import time

import pytest

from tinynet.console import progress as console
from tinynet.console.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be set by the test."""
    now = [0.0]
    monkeypatch.setattr(console.time, "perf_counter", lambda: now[0])
    return now


def evaluate(clock, seconds):
    """Progress over five parts, `seconds` each."""
    progress = Progress()
    progress.begin("evaluation", 5)
    for done in range(1, 6):
        clock[0] += seconds
        progress.advance(done)
    progress.end()


def test_a_log_gets_a_line_with_the_time_to_go_every_half_minute(clock, capsys):
    evaluate(clock, 20)  # at 20, 40, 60, 80 and 100 s: lines after 40 and 80
    assert capsys.readouterr().err.splitlines() == [
        "evaluation  2/5  1:00 left",
        "evaluation  4/5  0:20 left",
    ]


def test_short_work_leaves_no_lines(clock, capsys):
    evaluate(clock, 5)
    assert capsys.readouterr().err == ""


def test_work_with_lines_of_its_own_gets_no_others(clock, capsys):
    progress = Progress()
    progress.begin("epoch 1/2", 5)
    clock[0] += 100
    progress.advance(1, "3:20 left", "loss 2.3")
    assert capsys.readouterr().err == ""


def test_a_bar_shows_the_time_to_go(clock, capsys, monkeypatch):
    """Of a validation, which says nothing of it: 4 of 5 parts to go at 20 s each."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress()
    progress.begin("validation", 5)
    clock[0] += 20
    time.sleep(0.15)  # tqdm, which has a clock of its own, draws every 0.1 s
    progress.advance(1)
    progress.end()
    assert "validation  1/5  1:20 left" in capsys.readouterr().err
