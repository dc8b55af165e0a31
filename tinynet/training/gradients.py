"""From a batch to the gradients of its mean loss: in one process, or in all that share the batch.

The mean over the whole batch is the sum of what each rank's images add to it: so a rank divides the
sum of its own losses by the number of all images, and the gradients are summed over the ranks: all
but those of divided layers, which see the whole batch (parallel/divided.py).
"""

import math
from dataclasses import dataclass

import numpy as np

from tinynet import functional as F
from tinynet.parallel.buckets import Buckets
from tinynet.parallel.divided import divided_layers, without_images
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
        self.ranks, self.divided = ranks, divided_layers(network.model)
        own = {id(p) for layer in self.divided.values() for p in layer.parameters()}
        shared = [p for p in network.model.parameters() if id(p) not in own]
        self.buckets = Buckets(shared, ranks)
        self._images = self._activations = 0  # this rank's, and the bytes that it sent of them

    def of(self, x: Tensor | None, share: Share) -> Outcome:
        model, tally, before = self.network.model, Tally(), self._sent_of_activations()
        place_dropout(model, share.first)
        if x is None:
            pass_dropout(model)
            nothing = without_images(model)
            if nothing is not None:
                nothing.backward(np.zeros(nothing.shape, nothing.dtype))
            self.buckets.nothing()
        else:
            labels, logits = share.batch.labels, model(x)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            value, scores = loss.item(), logits.numpy()
            self.buckets.backward(loss, 1 / share.images)
            tally.add(value, scores, labels)
        self.buckets.finish()
        self._activations += self._sent_of_activations() - before
        self._images += tally.images
        together = Tally.of_all(self.ranks.gather(tally, STUCK))
        loss = together.loss / together.images
        return Outcome(loss, together, "" if math.isfinite(loss) else self._bad_layer(x))

    def _bad_layer(self, x: Tensor | None) -> str:
        """On all ranks, since they may compute some layers together; the first that knows it."""
        model = self.network.model
        found = without_images(model) if x is None else first_bad_layer(model, x)
        found = self.ranks.gather(None if x is None else found, STUCK)
        return next(filter(None, found), FINITE)

    def _sent_of_activations(self) -> int:
        return next((layer.exchange.sent for layer in self.divided.values()), 0)

    def describe_traffic(self) -> str:
        buckets, size = self.buckets, self.ranks.size
        steps = max(buckets.steps, 1)
        lines = [
            f"gradients: {buckets.sent // steps:,} bytes a step from each rank to the others, "
            f"2 x {size - 1}/{size} of {buckets.nbytes:,}"
        ]
        if self.divided:
            layers = ", ".join(
                f"{name} {layer.weight.shape[1]:,} + {layer.units[-1].stop:,}/{size}"
                for name, layer in self.divided.items()
            )
            lines.append(
                f"activations and their gradients: {self._activations // steps:,} bytes a step "
                f"from rank 0 to the others, 2 x {size - 1} of {self._images / steps:g} images' "
                f"inputs and 1/{size} of the units: {layers}"
            )
        return "\n".join(lines)


def gradients_of(network: Network, ranks: Alone) -> Gradients:
    """What computes the gradients of this network in these ranks."""
    return Gradients(network) if ranks.size == 1 else SharedGradients(network, ranks)
