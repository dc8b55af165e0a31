"""What people run first: the README's own run (`modern`, 72 pixels, width 0.25, batches of 64), and
the CIFAR-10 net of the recipe `80sec` (batches of 128).

Checked and bounded as the full net is, see alexnet.
"""

from contest import Session
from nets import Net, compare
from pairs import Table

NAME = "small-nets"
MODERN = {"profile": "modern", "image_size": 72, "width": 0.25, "num_classes": 10, "seed": 0}
CIFAR = {"profile": "80sec", "image_size": 32, "width": 1.0, "num_classes": 10, "seed": 0}


def benchmark(session: Session) -> list[Table]:
    nets = [
        Net(
            f"{label}, {word}",
            example,
            arguments,
            4 if session.quick else batch,
            word == "training",
        )
        for label, example, arguments, batch in (
            ("README's run", "alexnet", MODERN, 64),
            ("80sec", "cifar10", CIFAR, 128),
        )
        for word in ("training", "inference")
    ]
    return compare(session, NAME, __doc__, nets)
