"""Does the network learn its images by heart? The training loss falls, the validation's rises.

A validation loss that rises alone is not enough: a network that is surer of itself pays more for
each mistake. So the validation error must not have improved either.
"""

from tinynet.doctor.finding import Finding

RISEN = 1.1  # times the lowest validation loss
TIMES = 3  # validations running


class Overfitting:
    """Follows the losses and the error, validation by validation."""

    def __init__(self):
        self._best: dict | None = None  # the figures when the validation loss was lowest
        self._error = 1.0  # the lowest so far

    def after_validation(self, train_loss: float, val_loss: float, error: float) -> Finding | None:
        """Mean losses of the epoch and of the validation after it, and its top-1 error."""
        improved = error < self._error
        self._error = min(error, self._error)
        if self._best is None or val_loss <= self._best["val_loss"]:
            self._best = {"val_loss": val_loss, "train_loss": train_loss}
        best = self._best
        if improved or val_loss < RISEN * best["val_loss"] or train_loss >= best["train_loss"]:
            return None
        return Finding(
            "overfitting",
            f"the validation loss has risen from {best['val_loss']:.3f} to {val_loss:.3f} while "
            f"the training loss fell from {best['train_loss']:.3f} to {train_loss:.3f}, and the "
            f"validation error is no better than the {self._error:.1%} of before",
            "the network learns its training images by heart",
            "the best checkpoint is kept; more images, or a smaller --width, would lead further",
        )

    def state_dict(self) -> dict:
        return {"best": self._best, "error": self._error}

    def load_state_dict(self, state: dict) -> None:
        self._best, self._error = state["best"], state["error"]
