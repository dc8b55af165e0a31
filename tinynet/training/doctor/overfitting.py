"""Does the network memorize its images? The training loss falls, the validation's rises.

A rising validation loss alone is not enough: a network that is surer of itself pays more for each
mistake. So the validation error must not have improved either.
"""

from tinynet.training.doctor.finding import Finding

RISEN = 1.1  # times the lowest validation loss
TIMES = 3  # epochs in a row


class Overfitting:
    """Follows the losses and the error, epoch by epoch."""

    def __init__(self):
        self._images, self._sum = 0, 0.0  # of the training losses in this epoch
        self._best: list[float] = []  # validation and training loss when the former was lowest
        self._error = 1.0  # the lowest so far

    def after_step(self, images: int, loss: float) -> None:
        """Add a batch's mean loss to the epoch's."""
        self._images += images
        self._sum += images * loss

    def after_epoch(self, val_loss: float, error: float) -> Finding | None:
        """Judge by the validation's loss and top-1 error after the epoch."""
        train_loss = self._sum / max(self._images, 1)
        self._images, self._sum = 0, 0.0
        improved = error < self._error
        self._error = min(error, self._error)
        if not self._best or val_loss <= self._best[0]:
            self._best = [val_loss, train_loss]
        best_val, best_train = self._best
        if improved or val_loss < RISEN * best_val or train_loss >= best_train:
            return None
        return Finding(
            "overfitting",
            f"the validation loss has risen from {best_val:.3f} to {val_loss:.3f} while the "
            f"training loss fell from {best_train:.3f} to {train_loss:.3f}, and the validation "
            f"error is no better than the earlier {self._error:.1%}",
            "the network memorizes its training images",
            "the best checkpoint is kept; more images, or a smaller --width, would help",
        )

    def state_dict(self) -> dict:
        """JSON values."""
        return {
            "images": self._images,
            "sum": self._sum,
            "best": list(self._best),
            "error": self._error,
        }

    def load_state_dict(self, state: dict) -> None:
        self._images, self._sum = state["images"], state["sum"]
        self._best, self._error = list(state["best"]), state["error"]
