"""The paper's rule for three steps by hand, after the rate has dropped, and decay by itself."""

import numpy as np

from tinynet import Tensor, optim


def step_of_sgd(w, v, grad, lr, momentum, weight_decay):
    """The paper's rule (section 5): the weight and the velocity after a step."""
    v = momentum * v - weight_decay * lr * w - lr * grad
    return w + v, v


def weights(steps: int, grad: float, decay: float = 0.0, drop_at: int | None = None):
    """One weight, which begins at 1, after 0, 1, 2, ... steps of tinynet's SGD with a rate of 0.01.
    At step `drop_at` the rate is divided by 10."""
    w = Tensor(np.array([1.0]), requires_grad=True)
    optimizer = optim.SGD([w], 0.01, momentum=0.9, weight_decay=decay)
    seen = [w.item()]
    for step in range(steps):
        if step == drop_at:
            optimizer.scale_lr(0.1)
        w.grad = Tensor(np.array([grad]))
        optimizer.step()
        seen.append(w.item())
    return np.array(seen)


def moves_after_drop(steps: int) -> np.ndarray:
    """How far each step goes, from the last before the drop on; the gradient is always 1."""
    return -np.diff(weights(60 + steps, 1.0, drop_at=60))[59:]


def main() -> None:
    print("gradient 1, rate 0.01, momentum 0.9, decay 0.0005; the weight begins at 1")
    w, v = 1.0, 0.0
    for step, ours in enumerate(weights(3, 1.0, decay=5e-4)[1:], 1):
        w, v = step_of_sgd(w, v, 1.0, 0.01, 0.9, 5e-4)
        print(f"  step {step}: v {v:.7f}, w {w:.7f}; optim.SGD differs by {abs(ours - w):.9f}")

    moves = moves_after_drop(20)
    print("the rate falls to 0.001: how far a step goes, 0.1 before the drop")
    later = ", ".join(f"{moves[n]:.3f}" for n in (1, 5, 10, 20))
    print(f"  steps 1, 5, 10, 20 after it: {later}")
    velocity = 0.9 * 10 + 1  # without the rate in it, it has nearly reached 10
    print(f"  with the rate outside the velocity: {0.001 * velocity:.3f} at once")

    w, v, steps = 1.0, 0.0, 0
    while w > 0.5:
        w, v = step_of_sgd(w, v, 0.0, 0.01, 0.9, 5e-4)
        steps += 1
    print(f"gradient 0, decay 0.0005: half of a weight is left after {steps:,} steps")


if __name__ == "__main__":
    main()
