"""The paper's net in full: 224 pixels, 1,000 classes, two towers, LRN and dropout.

A step of training is forward, backward and the update. Before it is timed, the loss on one batch,
without dropout, and its gradients must be those of the peers: in float64 to 1e-9, and in float32 as
far as rounding lets them (contest.py). The bound is the time of the matrix products alone,
those of convolutions an image at a time; tinynet multiplies several images at once.
"""

from contest import Session
from nets import Net, compare
from pairs import Table

NAME = "alexnet"
FULL = {"profile": "paper", "image_size": 224, "width": 1.0, "num_classes": 1000, "seed": 0}
SMALL = {"profile": "paper", "image_size": 64, "width": 0.04, "num_classes": 10, "seed": 0}


def benchmark(session: Session) -> list[Table]:
    arguments = SMALL if session.quick else FULL
    nets = [
        Net(f"{word}, batch {batch}", "alexnet", arguments, batch, word == "training")
        for word in ("training", "inference")
        for batch in ((2,) if session.quick else (128, 32))
    ]
    return compare(session, NAME, __doc__, nets)
