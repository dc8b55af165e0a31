"""The training loop: what happens to a network from its first step to its last.

    for each epoch:
        for each batch:  loss -> gradients -> step; now and then a line in the log, a checkpoint
        errors on the validation images; the schedule may turn the rates down; a checkpoint

A run can be stopped at any moment, by Ctrl-C, a kill or a full disk: resumed from its last
checkpoint, it reaches the very bits that it would have reached uninterrupted.
"""

import math
import os
import signal
import time
from contextlib import closing

from tinynet.console.progress import Progress
from tinynet.data import DataError, Dataset, Loader
from tinynet.optim import SGD
from tinynet.parallel.divided import divided_layers
from tinynet.parallel.ranks import ONE_PROCESS, STUCK, Alone
from tinynet.training.checkpoint import network_state, restore_training, training_state
from tinynet.training.checkpoint_writer import CheckpointWriter
from tinynet.training.controls import BY_HAND, Controls
from tinynet.training.doctor import Doctor
from tinynet.training.errors import Interrupted, NonFiniteError
from tinynet.training.evaluate import Network, bad_layer_in, evaluate
from tinynet.training.gradients import FINITE, gradients_of
from tinynet.training.non_finite import bad_parameter
from tinynet.training.notebook import Notebook
from tinynet.training.run_folder import RunFolder
from tinynet.training.schedule import schedule_for
from tinynet.training.scores import Scores
from tinynet.training.settings import Settings
from tinynet.training.sharing import Share, shares


class Trainer:
    """One run. `step` counts updates; `epoch` counts epochs done, `batch` batches of the next.

    `better_start`: see `Doctor`.
    """

    def __init__(
        self,
        settings: Settings,
        network: Network,
        optimizer: SGD,
        train_set: Dataset,
        val_set: Dataset,
        folder: RunFolder,
        progress: Progress,
        better_start: str,
        ranks: Alone = ONE_PROCESS,
    ):
        self.settings, self.network, self.optimizer = settings, network, optimizer
        self.train_set, self.val_set = train_set, val_set
        self.folder, self.progress, self.ranks = folder, progress, ranks
        self._told: set[str] = set()  # images already reported as unreadable
        self.loader = Loader(
            train_set,
            settings.batch_size,
            seed=settings.seed,
            workers=settings.workers,
            train=True,
            crop=settings.crop,
            flip=settings.flip,
            on_skip=self._warn_of_skip,
            part=None if ranks.size == 1 else ranks.part,
        )
        self.gradients = gradients_of(network, ranks)
        self._whole = not divided_layers(network.model)  # or does it take all ranks to save it?
        self._steps = settings.epochs * len(self.loader)
        self.last_step = min(self._steps, settings.steps or self._steps)
        self.controls = Controls(optimizer, network.inputs)
        self.schedule = schedule_for(settings, self.controls, len(self.loader))
        self.doctor = Doctor(
            network.model,
            optimizer,
            self.controls,
            train_set.labels,
            better_start=better_start,
            workers=settings.workers,
            prepared=train_set.prepared,
        )
        self.notebook = Notebook(
            folder, progress, self.controls, self.loader, self.doctor, settings.epochs, self._save
        )
        self.writer = CheckpointWriter(folder)
        self.save_seconds = 0.0
        self.step = self.epoch = self.batch = 0
        self._interrupted = False

    @property
    def done(self) -> bool:
        to_validate = self.batch == len(self.loader)  # stopped between training and validation
        cut = self.step >= self.last_step and not to_validate
        return self.epoch >= self.settings.epochs or cut

    @property
    def skipped(self) -> int:
        """How many files were left out: not images by their names, or unreadable."""
        return len({*self._told, *self.train_set.ignored, *self.val_set.ignored})

    # ---------------------------------------------------------------- from start to end

    def resume(self, state: dict) -> None:
        """Continue from a checkpoint's `state`, which must be one of this very run."""
        restore_training(state, self.network, self.optimizer, self.schedule)
        self.doctor.load_state_dict(state["doctor"])
        self.step, self.epoch, self.batch = state["step"], state["epoch"], state["batch"]
        validated = self.batch < len(self.loader)
        lines = self.folder.rewind(self.step, validated)
        self.notebook.go_on(lines)
        self._mark_best_again(lines)
        if self.settings.lr != state["lr"]:
            self.controls.set_lr(self.settings.lr * self.schedule.multiple)
            self.notebook.note_changes(self.step, [BY_HAND])

    def _mark_best_again(self, lines: list[dict]) -> None:
        """If the best checkpoint is not the best of the log's `lines`, mark the best there is.

        A kill may have come before it was marked, or its file may be lost or damaged.
        """
        wanted, marked = self.notebook.best.get("step"), self.folder.step_of_best()
        if marked == wanted:
            return
        if not lines:
            self.progress.warn(
                f"{self.folder.log_path} is lost, and with it how good the best network was: it "
                f"is kept as {self.folder.set_best_aside()}, and the best from here on is another"
            )
            return
        self.notebook.keep_best_of(lines, {marked, *self.folder.good_steps()})
        found = self.notebook.best.get("step")
        if found is not None and found != marked:
            self.folder.mark_best(self.folder.of_step(found))
        if found != wanted and marked is None:
            self.progress.warn(
                f"{self.folder.best_path} is lost or damaged, and with it the best network, that "
                f"of step {wanted}: the best of the remaining checkpoints and of later ones takes "
                "its place"
            )

    def run(self) -> None:
        """Train to the last epoch or step. Call it in the main thread, which gets Ctrl-C.

        Raises Interrupted after Ctrl-C or SIGTERM, once all is saved; NonFiniteError when the
        numbers go bad, which are then not saved; OSError when the disk is full. A second signal
        ends it at once.
        """
        self.notebook.open(self.step, self.last_step)
        signals = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C, and what schedulers send
        before = [signal.signal(number, self._on_interrupt) for number in signals]
        try:
            if self.step == 0:
                self.notebook.note_changes(0, self.schedule.after_step(0) or ["the start"])
            while not self.done:
                self._run_epoch()
            self.writer.finish()
        except Interrupted:  # on all ranks
            self.notebook.save(self.step, wait=True)
            raise
        except BrokenPipeError:
            self._save_alone(wait=True)
            raise
        except Exception:
            self._keep_what_is_being_written()
            raise
        finally:
            for number, handler in zip(signals, before):
                signal.signal(number, handler)
            self.notebook.close()
            self.progress.end()

    def _save(self, wait: bool) -> None:
        """For the notebook: write a checkpoint, also as the best if it is."""
        began = time.perf_counter()
        bad = bad_parameter(self.network.model)
        if not self._whole:
            bad = next(filter(None, self.ranks.gather(bad, STUCK)), None)
        if bad:
            raise self._bad_numbers(self.step, f"after step {self.step} the parameter {bad}")
        state = None if self._whole and not self.ranks.leader else self._state()
        if self.ranks.leader:
            self.writer.write(self.step, state, self.notebook.is_best(self.step))
            if wait:
                self.writer.finish()
        self.save_seconds += time.perf_counter() - began

    def _save_alone(self, wait: bool = False) -> None:
        """After a failure of this rank: a checkpoint, if it has all that belongs there."""
        if self._whole:
            self.notebook.save(self.step, wait)

    def _state(self) -> dict:
        state = network_state(self.settings, self.network, self.train_set)
        state |= training_state(self.network, self.optimizer, self.schedule)
        state["doctor"] = self.doctor.state_dict()
        return state | {"step": self.step, "epoch": self.epoch, "batch": self.batch}

    def _keep_what_is_being_written(self) -> None:
        """Training ends with an error of its own; one from the disk is only a warning then."""
        try:
            self.writer.finish()
        except OSError as error:
            self.progress.warn(str(error))

    def _on_interrupt(self, signal_number, frame) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True  # checked after the step under way, when the state is consistent
        if self.ranks.leader:
            os.write(2, b"\nstopping after this step; Ctrl-C again to stop at once\n")

    def _warn_of_skip(self, name: str, reason: str) -> None:
        if name not in self._told:  # each validation meets it again
            self._told.add(name)
            self.progress.warn(f"skipped {name}: {reason}")

    # ---------------------------------------------------------------- one epoch

    def _run_epoch(self) -> None:
        self.notebook.begin_epoch(self.epoch + 1, self.batch)
        complete = self._train_batches()
        self.notebook.after_training(self.step)
        try:
            scores = self._validate()
        except (DataError, OSError, MemoryError):
            # The training of this epoch is not lost: a resumed run validates first.
            self._save_alone()
            raise
        if not self.ranks.from_leader(self.folder.steps):
            # A log with a validation tells that there was a checkpoint.
            self.notebook.save(self.step, wait=True)
        if complete:
            self.notebook.note_findings(self.doctor.after_epoch(scores.loss, scores.top1_error))
            self.notebook.note_changes(self.step, self.schedule.after_epoch(scores.top1_error))
            self.epoch, self.batch = self.epoch + 1, 0
        self.notebook.after_validation(self.step, scores, self.save_seconds)

    def _train_batches(self) -> bool:
        """Train on what is left of the epoch. False if --steps cuts it short."""
        with closing(self.loader.epoch(self.epoch, self.batch)) as batches:
            for share in shares(batches, self.loader, self.ranks, lambda: self._interrupted):
                self._train_on(share)
                self.step, self.batch = self.step + 1, share.batch.number + 1
                self.notebook.note_changes(self.step, self.schedule.after_step(self.step))
                cut = self.step == self.last_step and self.batch < len(self.loader)
                log = self.step % self.settings.log_every == 0
                save = self.step % self.settings.checkpoint_every == 0 and not cut
                self.notebook.after_step(self.step, self.batch, log, save)
                if cut:
                    return False
                self.writer.check()
        return True

    def _train_on(self, share: Share) -> None:
        own = len(share.batch.labels)  # 0 if all of this rank's part could not be read
        x = self.network.inputs.training_batch(share.batch) if own else None
        if self.step == 0:
            self.notebook.note_findings(self.doctor.before_training(x))
        outcome = self.gradients.of(x, share)
        step = self.step + 1
        if not math.isfinite(outcome.loss):
            what = f"the loss of step {step} is {outcome.loss}: {outcome.bad_layer}"
            raise self._bad_numbers(step, what)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.notebook.add(outcome.tally)
        self.notebook.note_findings(self.doctor.after_step(step, outcome.loss, x, share.images))

    def _validate(self) -> Scores:
        self.progress.begin("validation", len(self.val_set))
        scores = evaluate(
            [self.network],
            [self.val_set],
            batch_size=self.settings.batch_size,
            workers=self.settings.workers,
            after_batch=lambda done, total: self.progress.advance(done),
            on_skip=self._warn_of_skip,
            ranks=self.ranks,
            stop=lambda: self._interrupted,
        ).scores
        if not math.isfinite(scores.loss):
            options = self.settings.batch_size, self.ranks
            where = bad_layer_in(self.network, self.val_set, *options) or FINITE
            what = f"after step {self.step} the validation loss is nan or inf: {where}"
            raise self._bad_numbers(self.step, what)
        return scores

    def _bad_numbers(self, step: int, what: str) -> NonFiniteError:
        """What ends training, on all ranks: what is bad, and what the doctor says of it."""
        self.ranks.all_stop()
        finding = self.doctor.bad_numbers()
        self.notebook.end_with(finding, step, done=self.step)
        return NonFiniteError(f"{what}; {finding.measured}. The cause is {finding.cause}")
