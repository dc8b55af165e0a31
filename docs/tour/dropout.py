"""Dropout in training and in testing: what a unit of the next layer receives."""

import numpy as np

from tinynet import Tensor
from tinynet import functional as F

UNITS, MASKS = 4096, 200


def dropped(x, kept, p, mode, training):
    """Dropout of x; `kept` has 1 where a unit is kept in this step of training, and else 0."""
    if mode == "paper":
        return x * kept if training else x * (1 - p)
    return x * kept / (1 - p) if training else x  # "inverted"


def received(mode: str, training: bool) -> np.ndarray:
    """What a unit of the next layer receives, for each of many masks."""
    rng = np.random.default_rng(0)
    x, weight = Tensor(rng.uniform(0, 1, UNITS)), rng.uniform(0, 0.01, UNITS)
    masks = range(MASKS if training else 1)  # in testing there is none
    y = [F.dropout(x, 0.5, training, mode, seed=0, counter=mask) for mask in masks]
    return np.array([each.numpy() @ weight for each in y])


def main() -> None:
    print("what a unit of the next layer receives")
    for mode in ("paper", "inverted"):
        training, testing = received(mode, True).mean(), received(mode, False).mean()
        print(f"  {mode:<9} in training {training:6.2f} on average, in testing {testing:6.2f}")
    training, off = received("paper", True).mean(), received("inverted", False).mean()
    print(f"  paper     in training {training:6.2f}, simply left out in testing {off:6.2f}: twice")

    x = np.random.default_rng(0).standard_normal(UNITS)
    kept = F.dropout(Tensor(np.ones(UNITS)), 0.5, mode="paper", seed=0).numpy()
    print(f"one mask keeps {kept.sum():,.0f} of {UNITS:,} units")
    for mode in ("paper", "inverted"):
        ours = F.dropout(Tensor(x), 0.5, mode=mode, seed=0).numpy()
        difference = np.abs(ours - dropped(x, kept, 0.5, mode, True)).max()
        print(f"  {mode}: the definition differs from F.dropout by {difference:.9f}")


if __name__ == "__main__":
    main()
