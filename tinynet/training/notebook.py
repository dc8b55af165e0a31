"""A run's notebook: lines in log.jsonl, and the same in sentences on the screen.

There is a line for each interval of a few steps and one for each validation. A change made in
between goes into the next line, with its place and reason (controls.py), so that the log
is also the schedule, which `train --replay` reads. What the doctor finds goes there too.

What is noted (changes, findings, batches) only waits here. Then `after_step`, `after_training` and
`after_validation` write it down, each in the one order that loses nothing: first a line in the log,
then a checkpoint, which a resumed run takes for the end of the log, and last the screen, since
whoever reads that may be gone.
"""

import math
import time
from collections.abc import Callable

from tinynet.console.progress import Progress, TimeLeft
from tinynet.data import Loader
from tinynet.training.controls import Controls, changed, in_words
from tinynet.training.doctor import Doctor, Finding
from tinynet.training.other_logs import OtherLogs
from tinynet.training.run_folder import RunFolder
from tinynet.training.scores import Scores, Tally

NOTHING = {"lr": {}, "colour_noise": None}  # the values of the controls before the start


class Notebook:
    """`best` is the log line of the best validation. `save(wait)` writes a checkpoint."""

    def __init__(
        self,
        folder: RunFolder,
        progress: Progress,
        controls: Controls,
        loader: Loader,
        doctor: Doctor,
        epochs: int,
        save: Callable[[bool], None],
    ):
        self._folder, self._progress, self._controls = folder, progress, controls
        self._loader, self._doctor, self._epochs, self._save = loader, doctor, epochs, save
        self._others = OtherLogs(folder, progress.warn)
        self._values = NOTHING
        self._lr = controls.lr  # of the last step
        self._changes: list[dict] = []  # for the log's next line, as data
        self._events: list[str] = []  # the same in words
        self._findings: list[str] = []  # the doctor's, for the next line too
        self._untold: list[tuple[Callable[[str], None], str]] = []  # how to say it, and what
        self._seconds_before = 0.0
        self._intervals: list[dict] = []  # the log's lines for the training of this epoch
        self.best: dict = {}

    def go_on(self, lines: list[dict]) -> None:
        """Continue after the `lines` of a resumed run's log, with the controls as they stand."""
        self._values = self._controls.values()
        self._seconds_before = lines[-1].get("seconds", 0.0) if lines else 0.0
        self._intervals = [line for line in lines if "loss" in line]
        for line in lines:
            self._keep_best(line)

    def keep_best_of(self, lines: list[dict], steps: set[int]) -> None:
        """Take for `best` the best validation in `lines` that came after one of `steps`."""
        self.best = {}
        for line in lines:
            if line["step"] in steps:
                self._keep_best(line)

    def open(self, step: int, last_step: int) -> None:
        """Start the clocks: training begins after `step`."""
        self._began = time.perf_counter()
        self._last_step, self._time_left = last_step, TimeLeft(last_step, step)
        self._lr = self._controls.lr
        self._others.open()

    def close(self) -> None:
        """Training has ended, however it did."""
        self._others.close()

    # ---------------------------------------------------------------- what waits to be written

    def note_changes(self, step: int, reasons: list[str]) -> None:
        """Note which controls have changed since the last call, if any, and why."""
        before, self._values = self._values, self._controls.values()
        change = changed(before, self._values)
        if not change:
            return
        epoch, why = step / len(self._loader), "; ".join(reasons)
        self._changes.append({"epoch": epoch, **change, "why": why})
        if before is not NOTHING:
            place = "1 epoch" if epoch == 1 else f"{epoch:.5g} epochs"
            self._events.append(f"after {place}: {in_words(change, before)} - {why}")
            self._untold.append((self._progress.say, self._events[-1]))

    def note_findings(self, findings: list[Finding]) -> None:
        """Note what the doctor has to say."""
        for finding in findings:
            self._findings.append(finding.text)
            self._untold.append((self._progress.warn, f"doctor   {finding.text}"))

    def begin_epoch(self, number: int, done: int) -> None:
        """Begin epoch `number`, of whose batches `done` are done already."""
        self._number = number
        self._intervals = [line for line in self._intervals if line["epoch"] == number]
        self._interval = Interval(self._loader)
        self._progress.begin(f"epoch {number}/{self._epochs}", len(self._loader), done)

    def add(self, tally: Tally) -> None:
        """Count a batch that was trained on, at the rate that the controls show."""
        self._lr = self._controls.lr
        self._interval.tally.include(tally)

    # ---------------------------------------------------------------- log, checkpoint, screen

    def after_step(self, step: int, batch: int, log: bool, save: bool) -> None:
        """Step `step` is done, and `batch` batches of the epoch: with `log`, log a line for the
        steps since the last one; with `save`, write a checkpoint as well."""
        self._progress.advance(batch, f"{self._time_left(step)} left", self._how_it_goes())
        if save:
            self.save(step)
        elif log:
            self._log_interval(step)
        self._tell()

    def after_training(self, step: int) -> None:
        """The training of an epoch is over, or cut short: log it."""
        self._log_interval(step)
        self._tell()

    def after_validation(self, step: int, scores: Scores, save_seconds: float) -> None:
        """Log a line for a validation, sum the epoch up in a sentence, and write a checkpoint.

        `save_seconds`: how long training has waited for its checkpoints since it last started.
        """
        figures = {**scores.as_validation(), "save_seconds": round(save_seconds, 2)}
        self._keep_best(self._log(step, figures))
        text = (
            f"epoch {self._number}/{self._epochs}  {self._train_loss()}val {scores}  "
            f"lr {self._lr:g}  {self._time_left(step)} left"
        )
        self._untold.append((self._progress.say, text))
        self._save(False)
        self._tell()

    def save(self, step: int, wait: bool = False) -> None:
        """Write a checkpoint, after a line in the log for the steps since the last one: a run
        resumed from here then logs the same intervals. With `wait`, until it is on the disk."""
        self._log_interval(step)
        self._save(wait)
        self._interval = Interval(self._loader)  # in which the time until now does not count

    def end_with(self, finding: Finding, step: int, done: int) -> None:
        """Log what is bad at `step`, since training ends with it; `done` steps are done."""
        self._log_interval(done)
        self._findings.append(finding.text)
        self._log(step, {})

    def _tell(self) -> None:
        while self._untold:
            say, text = self._untold.pop(0)
            say(text)

    # ---------------------------------------------------------------- a line of the log

    def _log_interval(self, step: int) -> None:
        """Log a line for the steps since the last one, if there were any."""
        tally = self._interval.tally
        if not tally.images:
            return
        figures = self._interval.figures()
        self.note_findings(self._doctor.after_interval(tally.images, *self._interval.seconds()))
        self._intervals.append(self._log(step, figures))
        place = f"epoch {self._number}  step {step}/{self._last_step}"
        line = f"{place}  {self._how_it_goes()}, {self._time_left(step)} left"
        self._untold.append((self._progress.line, line))
        self._interval = Interval(self._loader)

    def _how_it_goes(self) -> str:
        now = self._interval.figures()
        return (
            f"loss {now['loss']:.4f}, top-1 error {now['top1_error']:.1%}, "
            f"{now['images_per_s']:.0f} images/s, {now['data_wait']:.0%} waiting for data"
        )

    def _train_loss(self) -> str:
        """The mean loss in this epoch, also before a resume; "" if the log of that is gone."""
        if not self._intervals:
            return ""
        begin = end = (self._number - 1) * len(self._loader)
        total = 0.0
        for line in self._intervals:
            total += line["loss"] * (line["step"] - end)
            end = line["step"]
        return f"train loss {total / (end - begin):.4f}  "

    def is_best(self, step: int) -> bool:
        """Whether the best validation was after `step`."""
        return self.best.get("step") == step

    def _log(self, step: int, figures: dict) -> dict:
        seconds = self._seconds_before + time.perf_counter() - self._began
        place = {"epoch": self._number, "step": step, "lr": self._lr}
        line = {**place, **figures, "seconds": round(seconds, 2)}
        if self._changes:
            line["changes"] = self._changes
        if self._events:
            line["event"] = "; ".join(self._events)
        if self._findings:
            line["doctor"] = self._findings
        self._folder.log(line)
        self._others.add(line)
        self._changes, self._events, self._findings = [], [], []
        return line

    def _keep_best(self, line: dict) -> None:
        error = line.get("val_top1_error", math.inf)
        if error < self.best.get("val_top1_error", math.inf):
            self.best = line


class Interval:
    """Training since the last line of the log: errors, and how the time was spent."""

    def __init__(self, loader: Loader):
        self.tally = Tally()
        self._loader, self._waited_before = loader, loader.wait_seconds
        self._began = time.perf_counter()

    def seconds(self) -> tuple[float, float]:
        """How long it has lasted, and how much of that training waited for data."""
        return time.perf_counter() - self._began, self._loader.wait_seconds - self._waited_before

    def figures(self) -> dict:
        seconds, waited = self.seconds()
        scores = self.tally.scores()
        return {
            "loss": scores.loss,
            "top1_error": scores.top1_error,
            "top5_error": scores.top5_error,
            "images_per_s": round(scores.images / seconds, 1),
            "data_wait": round(waited / seconds, 4),
        }
