"""What the user sees during a run: a bar on a terminal, plain lines anywhere else.

A log file or a pipe gets whole lines without control characters.
"""

import sys
import time

from tinynet.console.printable import complain, printable

LINE_SECONDS = 30  # between two lines of a piece of work that has none of its own


def minutes(seconds: float) -> str:
    """75 -> "1:15"; 3675 -> "1:01:15"."""
    minute, second = divmod(round(seconds), 60)
    hour, minute = divmod(minute, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


class Progress:
    """Reports work under way on stderr and results on stdout."""

    def __init__(self):
        self._terminal = sys.stderr.isatty()
        self._bar = None

    def begin(self, title: str, total: int, done: int = 0) -> None:
        """Begin a new piece of work of `total` parts, of which `done` are done already."""
        self.end()
        self._title, self._total, self._time_left = title, total, TimeLeft(total, done)
        self._last_line = time.perf_counter()
        if self._terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=done,
                desc=title,
                leave=False,
                dynamic_ncols=True,
                bar_format=_bar_format(),
            )

    def advance(self, done: int, left: str = "", state: str = "") -> None:
        """`done` parts are done. Before the bar comes how long the rest takes.

        `left` says so where these parts are not all; then the caller prints lines for a log too.
        """
        now = time.perf_counter()
        if self._bar is not None:
            self._bar.bar_format = _bar_format(left or f"{self._time_left(done)} left", state)
            self._bar.update(done - self._bar.n)
        elif not left and now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            place = f"{self._title}  {done:,}/{self._total:,}"
            self.line(f"{place}  {self._time_left(done)} left")

    def line(self, text: str) -> None:
        """Print how it goes, for a log: only where there is no bar to show it."""
        if not self._terminal:
            complain(text)

    def warn(self, text: str) -> None:
        """Print, in one line on stderr, a problem that stops nothing."""
        self._above_bar(printable(text), sys.stderr)

    def say(self, text: str) -> None:
        """Print a result, on stdout."""
        self._above_bar(text, sys.stdout)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _above_bar(self, text: str, file) -> None:
        if self._bar is not None:
            self._bar.write(text, file=file)
        else:
            print(text, file=file, flush=True)


def _bar_format(left: str = "", state: str = "") -> str:
    """What matters most comes first: a narrow terminal cuts off the rest."""
    return f"{{desc}}  {{n_fmt}}/{{total_fmt}}  {left and left + ' '}|{{bar:20}}| {state}"


class TimeLeft:
    """How long `total` steps will still take, at the rate of this session so far."""

    def __init__(self, total: int, done: int):
        self._total, self._first = total, done
        self._began = time.perf_counter()

    def __call__(self, done: int) -> str:
        rate = (time.perf_counter() - self._began) / max(done - self._first, 1)
        return minutes(rate * (self._total - done))
