"""The training loop: what happens to a network from its first step to its last.

    for each epoch:
        for each batch:  loss -> gradients -> step; now and then a line in the log, a checkpoint
        errors on the validation images; the learning rate; a checkpoint

A run can be left at any moment, by Ctrl-C, a kill or a full disk: it goes on from its last
checkpoint to the very bits that it would have reached without.
"""

import math
import os
import signal
import time
from contextlib import closing

from tinynet import functional as F
from tinynet.checkpoint import differences, network_state, restore_training, training_state
from tinynet.data import Batch, DataError, Dataset, Loader
from tinynet.errors import Interrupted, NonFiniteError, UserError
from tinynet.evaluate import Network, evaluate
from tinynet.non_finite import bad_parameter, first_bad_layer
from tinynet.optim import SGD
from tinynet.progress import Progress, TimeLeft
from tinynet.run_folder import RunFolder
from tinynet.schedule import Drops, Plateau
from tinynet.scores import Scores, Tally
from tinynet.settings import Settings


class Trainer:
    """One run. `step` counts updates; `epoch` counts epochs done, `batch` batches of the next."""

    def __init__(
        self,
        settings: Settings,
        network: Network,
        optimizer: SGD,
        train_set: Dataset,
        val_set: Dataset,
        folder: RunFolder,
        progress: Progress,
    ):
        self.settings, self.network, self.optimizer = settings, network, optimizer
        self.train_set, self.val_set = train_set, val_set
        self.folder, self.progress = folder, progress
        self._told: set[str] = set()  # of images that could not be read
        self.loader = Loader(
            train_set,
            settings.batch_size,
            seed=settings.seed,
            workers=settings.workers,
            train=True,
            crop=settings.crop,
            flip=settings.flip,
            on_skip=self._warn_of_skip,
        )
        steps = settings.epochs * len(self.loader)
        self.last_step = min(steps, settings.steps or steps)
        if settings.drops is None:
            self.schedule = Plateau(optimizer)
        else:
            self.schedule = Drops(optimizer, settings.drops, steps)
        self.step = self.epoch = self.batch = 0
        self.best: dict = {}  # the log's line of the best validation
        self._news: list[str] = []  # of the learning rate, for the log's next line
        self._seconds_before = 0.0
        self._interrupted = False

    @property
    def lr(self) -> float:
        """The rate of the weights now; biases may have another."""
        return self.optimizer.groups[0]["lr"]

    @property
    def done(self) -> bool:
        to_validate = self.batch == len(self.loader)  # an epoch that was left at its end
        cut = self.step >= self.last_step and not to_validate
        return self.epoch >= self.settings.epochs or cut

    @property
    def skipped(self) -> int:
        """How many files were left out: no images by their names, or not to be read."""
        return len({*self._told, *self.train_set.ignored, *self.val_set.ignored})

    # ---------------------------------------------------------------- from start to end

    def resume(self, state: dict) -> None:
        """Go on where a checkpoint's `state` was written. UserError if it is another run's."""
        if found := differences(state, self.settings, self.train_set):
            raise UserError(
                f"{self.folder.path} was begun with other settings: {'; '.join(found)}. Resume "
                "with the same ones, or begin anew with another --out"
            )
        restore_training(state, self.network.model, self.optimizer, self.schedule)
        self.step, self.epoch, self.batch = state["step"], state["epoch"], state["batch"]
        if self.settings.lr != state["lr"]:
            self.optimizer.scale_lr(self.settings.lr / state["lr"])
            self._news.append(f"learning rate changed by hand to {self.lr:g}")
        lines = self.folder.rewind(self.step)
        self._seconds_before = lines[-1]["seconds"] if lines else 0.0
        for line in lines:
            self._keep_best(line)
        if self.best.get("step") == self.step:  # a kill may have come before the best was marked
            self.folder.mark_best(self.folder.of_step(self.step))

    def run(self) -> None:
        """Train to the last epoch or step. To be called in the main thread, which gets Ctrl-C.

        Raises Interrupted after Ctrl-C, when all is saved; NonFiniteError when the numbers go bad,
        which are then not saved; OSError when the disk is full. A second Ctrl-C ends it at once.
        """
        self._began = time.perf_counter()
        self._time_left = TimeLeft(self.last_step, self.step)
        before = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            while not self.done:
                self._run_epoch()
        except (Interrupted, BrokenPipeError):
            self.save()
            self._log_interval()
            raise
        finally:
            signal.signal(signal.SIGINT, before)
            self.progress.end()

    def save(self) -> None:
        """Write a checkpoint of this moment; the best too, where this moment was validated best."""
        if bad := bad_parameter(self.network.model):
            raise NonFiniteError(f"after step {self.step} the parameter {bad}")
        state = network_state(self.settings, self.network, self.train_set)
        state |= training_state(self.network.model, self.optimizer, self.schedule)
        state |= {"step": self.step, "epoch": self.epoch, "batch": self.batch}
        path = self.folder.save(self.step, state)
        if self.best.get("step") == self.step:
            self.folder.mark_best(path)

    def _on_interrupt(self, signal_number, frame) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True  # seen after the step under way: in the middle nothing is whole
        os.write(2, b"\nstopping after this step; Ctrl-C again to stop at once\n")

    def _warn_of_skip(self, name: str, reason: str) -> None:
        if name not in self._told:  # each validation comes by again
            self._told.add(name)
            self.progress.warn(f"skipped {name}: {reason}")

    # ---------------------------------------------------------------- one epoch

    def _run_epoch(self) -> None:
        number, lr = self.epoch + 1, self.lr
        self._epoch_tally = Tally()
        complete = self._train_batches(f"epoch {number}/{self.settings.epochs}")
        self._log_interval()
        try:
            scores = self._validate()
        except (DataError, OSError, MemoryError):
            self.save()  # the training of this epoch is not lost; a resumed run validates first
            raise
        if complete:
            self._tell(self.schedule.after_epoch(scores.top1_error))
            self.epoch, self.batch = number, 0
        self._keep_best(self._log({"epoch": number, "lr": lr, **scores.as_validation()}))
        self.save()
        # An epoch that was resumed at its end has no training of its own to tell of.
        trained = self._epoch_tally
        loss = f"train loss {trained.scores().loss:.4f}  " if trained.images else ""
        self.progress.say(
            f"epoch {number}/{self.settings.epochs}  {loss}val {scores}  lr {lr:g}  "
            f"{self._time_left(self.step)} left"
        )

    def _train_batches(self, title: str) -> bool:
        """Train on what is left of the epoch. False where --steps cuts it short."""
        self.progress.begin(title, len(self.loader), self.batch)
        self._interval = Interval(self.loader)
        with closing(self.loader.epoch(self.epoch, self.batch)) as batches:
            for batch in batches:
                self._train_on(batch)
                self.step, self.batch = self.step + 1, batch.number + 1
                self._tell(self.schedule.after_step(self.step))
                self.progress.advance(self.batch, self._how_it_goes())
                if self._interrupted:
                    raise Interrupted
                if self.step % self.settings.log_every == 0:
                    self._log_interval()
                if self.step == self.last_step and self.batch < len(self.loader):
                    return False
                if self.step % self.settings.checkpoint_every == 0:
                    self._log_interval()  # a resumed run's log then has the same intervals
                    self.save()
                    self._interval = Interval(self.loader)
        return True

    def _train_on(self, batch: Batch) -> None:
        x = self.network.inputs.training_batch(batch)
        logits = self.network.model(x)
        loss = F.cross_entropy(logits, batch.labels)
        value = loss.item()
        if not math.isfinite(value):
            where = first_bad_layer(self.network.model, x)
            raise NonFiniteError(f"the loss of step {self.step + 1} is {value}: {where}")
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._interval.tally.add(value * len(batch.labels), logits.numpy(), batch.labels)

    def _validate(self) -> Scores:
        self.progress.begin("validation", len(self.val_set))
        scores = evaluate(
            [self.network],
            [self.val_set],
            batch_size=self.settings.batch_size,
            workers=self.settings.workers,
            after_batch=self._after_validation_batch,
            on_skip=self._warn_of_skip,
        )
        if not math.isfinite(scores.loss):
            where = self._bad_layer_in_validation()
            raise NonFiniteError(
                f"after step {self.step} the validation loss is nan or inf: {where}"
            )
        return scores

    def _bad_layer_in_validation(self) -> str:
        """Where the first of the validation batches goes bad."""
        loader = Loader(self.val_set, self.settings.batch_size, seed=0, workers=1, train=False)
        with closing(loader.epoch(0)) as batches:
            batch = next(batches)
        x = self.network.inputs(batch.images, batch.top, batch.left, batch.flip)
        return first_bad_layer(self.network.model.eval(), x)

    def _after_validation_batch(self, done: int, total: int) -> None:
        self.progress.advance(done)
        if self._interrupted:
            raise Interrupted

    # ---------------------------------------------------------------- what is told

    def _tell(self, news: str | None) -> None:
        """Say what became of the learning rate, here and in the log's next line."""
        if news is not None:
            self._news.append(f"{news}, now {self.lr:g}")
            self.progress.say(f"step {self.step}: {self._news[-1]}")

    def _log_interval(self) -> None:
        """A line for the steps since the last one, if there were any."""
        if not self._interval.tally.images:
            return
        self._log({"epoch": self.epoch + 1, "lr": self.lr, **self._interval.figures()})
        self._epoch_tally.add_all(self._interval.tally)
        how = self._how_it_goes()
        self._interval = Interval(self.loader)
        self.progress.line(f"epoch {self.epoch + 1}  step {self.step}/{self.last_step}  {how}")

    def _how_it_goes(self) -> str:
        now = self._interval.figures()
        return (
            f"loss {now['loss']:.4f}, top-1 error {now['top1_error']:.1%}, "
            f"{now['images_per_s']:.0f} images/s, {now['data_wait']:.0%} waiting for data, "
            f"{self._time_left(self.step)} left"
        )

    def _log(self, figures: dict) -> dict:
        seconds = self._seconds_before + time.perf_counter() - self._began
        line = {**figures, "step": self.step, "seconds": round(seconds, 2)}
        if self._news:
            line["event"] = "; ".join(self._news)
            self._news = []
        self.folder.log(line)
        return line

    def _keep_best(self, line: dict) -> None:
        error = line.get("val_top1_error", math.inf)
        if error < self.best.get("val_top1_error", math.inf):
            self.best = line


class Interval:
    """Training since the last line of the log: errors, and how the time was spent."""

    def __init__(self, loader: Loader):
        self.tally = Tally()
        self._loader, self._waited = loader, loader.wait_seconds
        self._began = time.perf_counter()

    def figures(self) -> dict:
        seconds = time.perf_counter() - self._began
        scores = self.tally.scores()
        return {
            "loss": scores.loss,
            "top1_error": scores.top1_error,
            "top5_error": scores.top5_error,
            "images_per_s": round(scores.images / seconds, 1),
            "data_wait": round((self._loader.wait_seconds - self._waited) / seconds, 4),
        }
