"""The best-known gradient of all: the probabilities, less 1 at the label."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
softmax_cross_entropy_backward: dlogits[ni, j] = dloss[ni] * (probabilities[ni, j] - target)
                                with target 1 where j is the label of row ni, else 0

    probabilities  0.1  0.7  0.2        what the net believes
    label               1               what is so
    dlogits        0.1 -0.3  0.2        times dloss: too much is pushed down, too little up

Each row of dlogits / dloss adds up to 0.

  dlogits (out)   (n, classes)
  dloss           (n,): 1/n in every row for a mean, but anything may come
  probabilities   (n, classes), from forward
  labels          (n,), int

One thread for each element; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    "From the index of an element, find its row and its class.",
    "row is index / classes, and j is index % classes. Compare j with what labels has for the row.",
    """for (int index = first; index < n * classes; index += gridDim.x * blockDim.x) {
    const int row = ..., j = ...;
    const REAL target = j == labels[row] ? REAL(1) : REAL(0);
    dlogits[index] = ... * (probabilities[index] - target);
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    p, labels, dloss = given["probabilities"], given["labels"], given["dloss"][:, None]
    target = np.zeros(p.shape)
    target[np.arange(len(p)), labels] = 1
    return {
        "dloss is left out: the chain rule multiplies by it": p - target,
        "the target is added: it is taken away": dloss * (p + target),
        "the target is missing": dloss * p,
        "the sign is wrong": dloss * (target - p),
        "that is divided by n: dloss has that already, where it is wanted": dloss
        * (p - target)
        / len(p),
        "only the target comes through: the probabilities are missing": -dloss * target,
        "every class but the label is lowered by 1": dloss * (p - (1 - target)),
        "dloss of the first row is taken for all": dloss[:1] * (p - target),
    }


EXERCISE = Exercise(
    "softmax_cross_entropy_backward",
    "the gradient of softmax and cross-entropy: an index taken apart",
    TASK,
    (
        Try({"n": 3, "classes": 701}),
        Try({"n": 3, "classes": 701}, blocks=2),
        Try({"n": 5, "classes": 10}),
        Try({"n": 2, "classes": 1}),
        Try({"n": 0, "classes": 10}),
    ),
    HINTS,
    mistakes=mistakes,
)
