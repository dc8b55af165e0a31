"""Averages of probabilities and of logits, by hand; and what the seven networks of 2012 were."""

import numpy as np

from tinynet import Tensor
from tinynet import functional as F

VIEWS = np.array([[8.0, 0, 0], [0, 3, 0], [0, 3, 0]])  # three views of one image, three classes
TABLE_2 = (  # of the paper: top-5 error on the validation images of ILSVRC-2012, in %
    (18.2, "1 network"),
    (16.4, "5 such networks"),
    (16.6, "1 network, pre-trained on the Fall 2011 release, then fine-tuned"),
    (15.4, "7 networks: 2 pre-trained ones and the 5"),
)


def softmax(logits: np.ndarray) -> np.ndarray:
    return F.softmax(Tensor(logits)).numpy()


def row(label: str, probabilities: np.ndarray) -> None:
    numbers = "".join(f"{p:7.3f}" for p in probabilities)
    print(f"  {label:<23}{numbers}   class {probabilities.argmax() + 1}")


def main() -> None:
    print("three views of one image, three classes: probabilities")
    for number, view in enumerate(VIEWS, 1):
        row(f"view {number}, logits {' '.join(f'{logit:.0f}' for logit in view)}", softmax(view))
    row("mean of probabilities", softmax(VIEWS).mean(axis=0))
    row("softmax of mean logits", softmax(VIEWS.mean(axis=0)))
    print("the paper's table 2: top-5 error in %")
    for error, networks in TABLE_2:
        print(f"  {error}  {networks}")


if __name__ == "__main__":
    main()
