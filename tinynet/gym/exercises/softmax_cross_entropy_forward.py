"""Two reductions and a barrier between: the loss of a classifier."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
softmax_cross_entropy_forward: probabilities, and the loss of the right class.

    probabilities[ni, j] = exp(logits[ni, j] - max) / sum
    sum                  = sum over j of exp(logits[ni, j] - max)
    loss[ni]             = log(sum) - (logits[ni, label] - max)

    logits of row ni       l0   l1   l2  ...  l700          256 threads take turns
                            '----+----+-----'
    1. the largest               max                        else exp overflows: exp(1000) is inf
    2. the sum of exp(l - max)   sum                        every thread needs both
    3. each exp / sum      p0   p1   p2  ...  p700

  loss (out)            (n,)
  probabilities (out)   (n, classes)
  logits                (n, classes)
  labels                (n,), int

Take the loss from the logits, not as -log(probability): a probability underflows to 0 where the
loss is still a number. Launch: blocks of 256 threads, one for each row, but at most so many:
then a block goes on to row + gridDim.x.

(tinynet's own takes log1p of the sum without the largest, which has more digits where the loss
is nearly 0. Here log(sum) will do.)
"""

HINTS = (
    """Both reductions go as in bias_backward: each thread over its own classes, then all over
shared memory. Every thread must read the result before anyone writes there again.""",
    """After the largest is found, wait (__syncthreads) before the sums overwrite it, or use a
second array. A thread with no class of its own must not count: start the maximum with logits[row *
classes], and the sum with 0.""",
    """for (int row = blockIdx.x; row < n; row += gridDim.x) {
    const REAL* logit = logits + row * classes;
    REAL largest = logit[0];
    for (int j = threadIdx.x; j < classes; j += blockDim.x) largest = fmax(largest, logit[j]);
    ... partial[threadIdx.x] = largest, and halve as before; largest = partial[0]; wait
    REAL sum = 0;
    for (...) { probability[j] = exp(logit[j] - largest); sum += probability[j]; }
    ... the same with sum; then divide, and let one thread write the loss; wait
}""",
)


def prepare(given: dict) -> None:
    """Far apart: without the maximum exp overflows, and a probability underflows."""
    logits = given["logits"]
    logits[:1] += 2000
    if logits.shape[0] > 1 and logits.shape[1] > 1:
        logits[1, given["labels"][1]] -= 3000


def mistakes(given: dict) -> dict[str, np.ndarray]:
    """For the first output that is wrong: the loss, or the probabilities."""
    logits, labels = given["logits"], given["labels"]
    rows = np.arange(len(logits))
    with np.errstate(all="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        loss = np.log(total[:, 0]) - shifted[rows, labels]
        plain = np.exp(logits)
        return {
            "exp has overflowed: subtract the row's largest logit first": np.log(plain.sum(axis=1))
            - logits[rows, labels],
            "exp has overflowed: subtract the row's largest logit before exp": plain
            / plain.sum(axis=1, keepdims=True),
            "the loss is taken from the probability, which has underflowed to 0": -np.log(
                (e / total)[rows, labels]
            ),
            "the largest logit is not subtracted from the label's": np.log(total[:, 0])
            - logits[rows, labels],
            "the loss has the wrong sign": -loss,
            "the loss is that of class 0, not of the label": np.log(total[:, 0]) - shifted[:, 0],
            "the loss lacks log(sum)": -shifted[rows, labels],
            "the probabilities are not divided by the sum": e,
            "the loss is the label's probability": (e / total)[rows, labels],
        }


EXERCISE = Exercise(
    "softmax_cross_entropy_forward",
    "softmax and cross-entropy: two reductions, barriers between",
    TASK,
    (
        Try({"n": 3, "classes": 701}),
        Try({"n": 5, "classes": 10}),
        Try({"n": 5, "classes": 300}, blocks=2),
        Try({"n": 2, "classes": 1}),
        Try({"n": 0, "classes": 10}),
    ),
    HINTS,
    prepare,
    mistakes,
)
