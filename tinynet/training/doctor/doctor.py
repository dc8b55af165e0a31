"""The doctor: what is measured when, and which observer is asked about it."""

import numpy as np

from tinynet.devices import threads
from tinynet.nn import Sequential
from tinynet.optim import SGD
from tinynet.tensor import Tensor
from tinynet.training.controls import Controls
from tinynet.training.doctor.bad_numbers import bad_numbers
from tinynet.training.doctor.dead import dead_units, why_dead, why_dead_at_start
from tinynet.training.doctor.fading import faint_start
from tinynet.training.doctor.finding import Finding
from tinynet.training.doctor.loading import Loading
from tinynet.training.doctor.look import look
from tinynet.training.doctor.memory import Memory
from tinynet.training.doctor.overfitting import TIMES, Overfitting
from tinynet.training.doctor.stuck import Stuck
from tinynet.training.doctor.updates import SETTLED, too_large, too_small, update_ratios

LOOK_EVERY = 50  # steps: a look costs a quarter of a step or less, half a percent of the training
LASTING = 2  # looks in a row before what they show is said


class Doctor:
    """Watches a run. Each method returns the findings that are news; most often there are none.

    `labels` are those of all training images; `workers` and `prepared` describe the loader and its
    data; `better_start` is the flag for better initial weights, such as "--profile modern",
    or "" if there is none. Create it with the controls as they are when the run begins:
    a lower rate later on is then known to be the schedule's.
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: SGD,
        controls: Controls,
        labels: np.ndarray,
        *,
        better_start: str,
        workers: int,
        prepared: bool,
    ):
        self._model, self._optimizer, self._better_start = model, optimizer, better_start
        self._controls, self._first_lr = controls, controls.lr
        self._stuck = Stuck(labels, better_start)
        self._overfitting = Overfitting()
        self._loading = Loading(workers, threads.workers(), prepared)
        self._memory = Memory()
        self._of_this_session = Memory()  # findings by the clock, which no two runs share
        self._ratios: dict[str, float] = {}  # of the last look

    def before_training(self, x: Tensor | None) -> list[Finding]:
        """`x`: a batch as the network will see it. Only for a run that begins."""
        seen = look(self._model, x)
        if seen is None:
            return []
        faint = faint_start(seen, self._better_start)
        dead = dead_units(seen, why_dead_at_start(self._better_start))
        return [
            *self._memory.news("faint_start", faint),
            *self._memory.news("dead_units", dead),
        ]

    def after_step(
        self, step: int, loss: float, x: Tensor | None, images: int | None = None
    ) -> list[Finding]:
        """After update number `step`: the mean loss over a batch, and x, the images that this
        network saw. `images` says how many the batch has, where others have seen the rest, or all
        of it, and x is None."""
        images = len(x) if images is None else images
        self._overfitting.after_step(images, loss)
        judge = self._stuck.end_of_round(step, images, loss)
        return self._after_look(step, x, judge) if judge or step % LOOK_EVERY == 0 else []

    def _after_look(self, step: int, x: Tensor | None, judge: bool) -> list[Finding]:
        seen = look(self._model, x)
        self._ratios = ratios = update_ratios(self._model, self._optimizer)
        news, lr, memory = [], self._controls.lr, self._memory
        if judge:
            news += memory.news("stuck", self._stuck.judge(seen, ratios, lr))
        if self._stuck.found:  # what else the look shows is its cause or its consequence
            return news
        if seen is not None:
            news += memory.news("dead_units", dead_units(seen, why_dead(lr)), LASTING)
        if step >= SETTLED:
            news += memory.news("large_updates", too_large(ratios, lr), LASTING)
            small = too_small(ratios, lr, self._better_start)
            lowered = lr < self._first_lr
            news += memory.news("small_updates", None if lowered else small, LASTING)
        return news

    def after_interval(self, images: int, seconds: float, waited: float) -> list[Finding]:
        """After the steps of a line of the log: their images, and their time in all and waiting."""
        waits = self._loading.after_interval(images, seconds, waited)
        return self._of_this_session.news("slow_loading", waits)

    def after_epoch(self, val_loss: float, val_top1_error: float) -> list[Finding]:
        """After a complete epoch: the results of its validation."""
        found = self._overfitting.after_epoch(val_loss, val_top1_error)
        return self._memory.news("overfitting", found, TIMES)

    def bad_numbers(self) -> Finding:
        """When a nan or an infinity has turned up: what most likely caused it."""
        now = update_ratios(self._model, self._optimizer)
        return bad_numbers(self._ratios, now, self._controls.lr)

    def state_dict(self) -> dict:
        """JSON values, for a checkpoint: a resumed run says what an uninterrupted one says.

        They depend neither on the clock nor on where the log has its lines: two runs to the same
        weights have the same state.
        """
        return {
            "ratios": dict(self._ratios),
            "stuck": self._stuck.state_dict(),
            "overfitting": self._overfitting.state_dict(),
            "memory": self._memory.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` returned."""
        self._ratios = dict(state["ratios"])
        self._stuck.load_state_dict(state["stuck"])
        self._overfitting.load_state_dict(state["overfitting"])
        self._memory.load_state_dict(state["memory"])
