"""From a batch to the gradients of its mean loss: in one process, or in all that share the batch.

The mean over the whole batch is the sum of what each rank's images add to it: so a rank divides the
sum of its own losses by the number of all images, and the gradients are summed over the ranks.
"""

import math
from dataclasses import dataclass

from tinynet import functional as F
from tinynet.parallel.buckets import Buckets
from tinynet.parallel.ranks import STUCK, Alone, Ranks
from tinynet.tensor import Tensor
from tinynet.training.evaluate import Network
from tinynet.training.non_finite import first_bad_layer
from tinynet.training.scores import Tally
from tinynet.training.sharing import Share, pass_dropout, place_dropout

FINITE = "all layers gave finite numbers when they were run again"


@dataclass(frozen=True)
class Outcome:
    """Of a whole batch: its mean loss, its scores, and where a loss that is not finite went bad."""

    loss: float
    tally: Tally
    bad_layer: str = ""


class Gradients:
    """Computes the gradients of a network's parameters, in one process."""

    def __init__(self, network: Network):
        self.network = network

    def of(self, x: Tensor | None, share: Share) -> Outcome:
        """Leave the gradients of the mean loss in the parameters. A bad loss leaves them bad."""
        labels, model, tally = share.batch.labels, self.network.model, Tally()
        logits = model(x)
        loss = F.cross_entropy(logits, labels)
        value, scores = loss.item(), logits.numpy()  # now: later a GPU would wait for backward
        if not math.isfinite(value):
            return Outcome(value, tally, first_bad_layer(model, x) or FINITE)
        loss.backward()
        tally.add(value * len(labels), scores, labels)
        return Outcome(value, tally)

    def describe_traffic(self) -> str:
        """What went from this rank to others, in words."""
        return ""


class SharedGradients(Gradients):
    """Computes them in all ranks together; a rank that has no image of a batch gives `x` None."""

    def __init__(self, network: Network, ranks: Ranks):
        super().__init__(network)
        self.ranks, self.buckets = ranks, Buckets(network.model.parameters(), ranks)

    def of(self, x: Tensor | None, share: Share) -> Outcome:
        model, tally, bad_layer = self.network.model, Tally(), ""
        place_dropout(model, share.first)
        if x is None:
            pass_dropout(model)
            self.buckets.nothing()
        else:
            labels, logits = share.batch.labels, model(x)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            value, scores = loss.item(), logits.numpy()
            if not math.isfinite(value):
                bad_layer = first_bad_layer(model, x) or FINITE
            self.buckets.backward(loss, 1 / share.images)
            tally.add(value, scores, labels)
        self.buckets.finish()
        tallies, bad_layers = zip(*self.ranks.gather((tally, bad_layer), STUCK))
        together = Tally.of_all(tallies)
        return Outcome(
            together.loss / together.images, together, next(filter(None, bad_layers), "")
        )

    def describe_traffic(self) -> str:
        buckets, size = self.buckets, self.ranks.size
        each = buckets.sent // max(buckets.steps, 1)
        return (
            f"gradients: {each:,} bytes a step from each rank to the others, 2 x {size - 1}/{size} "
            f"of {buckets.nbytes:,}"
        )


def gradients_of(network: Network, ranks: Alone) -> Gradients:
    """What computes the gradients of this network in these ranks."""
    return Gradients(network) if ranks.size == 1 else SharedGradients(network, ranks)
