"""What a page shows of mistakes, confusion, neighbours and filters: data, with pictures in them."""

import base64
from collections.abc import Sequence

import numpy as np

from tinynet.console.printable import printable
from tinynet.data import Dataset
from tinynet.data.encoded import thumbnail
from tinynet.reports.colour_score import tower_scores
from tinynet.reports.mistakes import Verdicts, most_confused

MISTAKES = 12
MOST = 30  # classes in a confusion matrix: of more, those with the most mistakes


def judged(verdicts: Verdicts, dataset: Dataset, classes: Sequence[str]) -> dict:
    """What validation images are taken for, and the surest mistakes with their pictures."""
    counts, mistakes = verdicts.confusion(len(classes)), verdicts.mistakes()
    shown = most_confused(counts, MOST)
    return {
        "images": len(verdicts.said),
        "wrong": len(mistakes),
        "of": len(classes),
        "classes": [classes[k] for k in shown],
        "counts": counts[np.ix_(shown, shown)].tolist(),
        "totals": counts[shown].sum(axis=1).tolist(),  # of a class, also where taken for others
        "mistakes": [
            {
                "picture": thumbnail(dataset.load(verdicts.indices[i])),
                "truth": classes[verdicts.labels[i]],
                "said": classes[verdicts.said[i]],
                "probability": round(float(verdicts.probability[i]), 4),
                "name": printable(dataset.describe(verdicts.indices[i])),
            }
            for i in mistakes[:MISTAKES]
        ],
    }


def near(
    val_set: Dataset,
    train_set: Dataset,
    chosen: Sequence[int],
    numbers: np.ndarray,
    classes: Sequence[str],
) -> list[dict]:
    """Validation images, each with the training images nearest to it: numbers (chosen, count)."""

    def told(dataset: Dataset, i: int) -> dict:
        return {"picture": thumbnail(dataset.load(i)), "class": classes[dataset.labels[i]]}

    return [
        {**told(val_set, i), "near": [told(train_set, n) for n in found]}
        for i, found in zip(chosen, numbers)
    ]


def filters(found: Sequence[tuple[int, np.ndarray]], towers: int, began_here: bool) -> dict:
    """First-layer filters (out, 3 or 1, kh, kw) after some steps, as colour pictures.

    began_here: after 0 steps they are as drawn, not as another program trained them.
    Each filter is scaled to the full range of colours on its own, at each step; 0 is middle gray.
    """
    out, _, kh, kw = found[0][1].shape
    return {"count": out, "kh": kh, "kw": kw, "towers": towers, "began_here": began_here} | {
        "steps": [
            {"step": step, "pixels": _coloured(weight), "scores": _scores(weight, towers)}
            for step, weight in found
        ]
    }


def _scores(weight: np.ndarray, towers: int) -> list[float]:
    return [round(score, 3) for score in tower_scores(_of_three(weight), towers)]


def _coloured(weight: np.ndarray) -> str:
    """(out, c, kh, kw) -> base64 of uint8 (out, kh, kw, 3)."""
    weight = _of_three(weight)
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    pixels = 127.5 + 127.5 * weight / np.where(largest > 0, largest, 1)
    return base64.b64encode(
        pixels.round().astype(np.uint8).transpose(0, 2, 3, 1).tobytes()
    ).decode()


def _of_three(weight: np.ndarray) -> np.ndarray:
    """Gray as a colour."""
    return np.broadcast_to(weight, (len(weight), 3, *weight.shape[2:]))
