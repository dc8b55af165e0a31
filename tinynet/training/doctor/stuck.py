"""Is the loss stuck at the level of a network that does not look at its images?

A network that knows only how frequent each class is has the entropy of these frequencies as its
loss: ln(classes) if all are equally frequent. Every network passes this level on its way down, so
what counts is how long it stays. Training is cut into rounds; one is without progress if its mean
loss is not `PROGRESS` below the level. A round lasts 37 ln(classes) steps: 86 with ten classes,
where healthy nets left the level after 10 to 100 steps; and at least so many images that a stuck
net's mean looks like progress by chance only once in a thousand rounds.

After four rounds in a row without progress, training is stuck. One is enough if the look inside
shows that the logits do not depend on the image: then patience does not help.
"""

import math

import numpy as np

from tinynet.console.sentences import listed, percent
from tinynet.training.doctor.dead import MOST, why_dead
from tinynet.training.doctor.fading import share_of_image, why_faint
from tinynet.training.doctor.finding import Finding
from tinynet.training.doctor.look import Look

PROGRESS = 0.02  # of the level
STEPS = 37  # a round, times ln(classes)
SPREAD = 0.5  # the largest std of the loss between images measured in a stuck net
ROUNDS = 4
STILL = 1e-5  # an update relative to its weights; see updates.py
BLIND = 0.02  # of the logits depends on the image; after a round, 0.2 to 1 in a net that learns


class Stuck:
    """Follows the loss, step by step. `labels`: those of all training images.

    `better_start`: see `Doctor`.
    """

    def __init__(self, labels: np.ndarray, better_start: str):
        shares = np.bincount(labels) / len(labels)
        shares = shares[shares > 0]
        self._classes, self._better_start = len(shares), better_start
        self._level = max(0.0, float(-(shares * np.log(shares)).sum()))
        self._steps_a_round = math.ceil(STEPS * self._level)
        allowed = PROGRESS * self._level or math.inf  # with one class there is nothing to learn
        self._images_a_round = math.ceil((3 * SPREAD / allowed) ** 2)
        self.found = False  # at the end of the last round
        self._rounds = 0  # in a row, without progress
        self._began = 0  # the step after which the current round began
        self._images, self._sum = 0, 0.0  # of the losses in it
        self._mean = 0.0  # of the losses in the last round

    def end_of_round(self, step: int, images: int, loss: float) -> bool:
        """Note update number `step`: its images, their mean loss. True: now judge."""
        self._images += images
        self._sum += images * loss
        too_short = step - self._began < self._steps_a_round
        if too_short or self._images < self._images_a_round:
            return False
        self._mean = self._sum / self._images
        no_progress = self._mean > (1 - PROGRESS) * self._level
        self._rounds = self._rounds + 1 if no_progress else 0
        self._began, self._images, self._sum = step, 0, 0.0
        return True

    def judge(self, seen: Look | None, ratios: dict[str, float], lr: float) -> Finding | None:
        """The finding after a round, with the cause that the look and the updates' sizes show."""
        blind = seen is not None and seen.signal[seen.last] < BLIND
        self.found = self._rounds >= (1 if blind else ROUNDS)
        if not self.found:
            return None
        even = math.isclose(self._level, math.log(self._classes), rel_tol=1e-3)
        level = f"ln {self._classes} = {self._level:.3f}" if even else f"{self._level:.3f}"
        measured = (
            f"training is stuck: for at least {self._rounds * self._steps_a_round} steps the mean "
            f"loss, now {self._mean:.4g}, has not fallen below {level}, that of a network that "
            "ignores its images"
        )
        cause, remedy = self._cause(seen, ratios, lr, blind)
        return Finding("stuck", measured, cause, remedy, severity=max(self._rounds, ROUNDS))

    def _cause(self, seen, ratios, lr, blind) -> tuple[str, str]:
        for name in seen.order if seen is not None else ():  # the first fault causes the rest
            if seen.silent.get(name, 0) >= MOST:
                cause, remedy = why_dead(lr)
                return f"{percent(seen.silent[name])} of {name}'s units are dead: {cause}", remedy
            if blind and seen.signal.get(name, 1) < BLIND:
                cause, remedy = why_faint(seen, self._better_start)
                return f"{share_of_image(seen)}: {cause}", remedy
        still = [name for name, ratio in ratios.items() if ratio < STILL]
        if len(still) > len(ratios) / 2:
            return f"the rate is too low: steps hardly move {listed(still)}", f"--lr {lr * 10:g}"
        return (
            "not in the weights, as far as a look inside shows: their steps are of the usual size "
            "and the logits depend on the images",
            f"check that the labels match the images; else try --lr {lr / 10:g}",
        )

    def state_dict(self) -> dict:
        """JSON values, with which a resumed run goes on as if uninterrupted."""
        return {
            "found": self.found,
            "rounds": self._rounds,
            "began": self._began,
            "images": self._images,
            "sum": self._sum,
        }

    def load_state_dict(self, state: dict) -> None:
        self.found, self._rounds, self._began = state["found"], state["rounds"], state["began"]
        self._images, self._sum = state["images"], state["sum"]
