"""How much of the gradient comes back through eight layers of sigmoid, tanh or ReLU."""

import numpy as np

from tinynet import Tensor
from tinynet import functional as F

LAYERS, UNITS, IMAGES = 8, 256, 64
# The standard deviation of the weights, times the root of the number of inputs, that suits each:
# Glorot and Bengio 2010 for the first two, He et al. 2015 for ReLU.
KINDS = {"sigmoid": (F.sigmoid, 1.0), "tanh": (F.tanh, 1.0), "ReLU": (F.relu, np.sqrt(2))}
BEFORE = {
    1969: "Fukushima: analog threshold elements",
    2009: "Jarrett et al.: rectification, the best single part of a network",
    2010: "Nair and Hinton: rectified linear units, whom the paper cites",
    2011: "Glorot, Bordes and Bengio: deep sparse rectifier networks",
}


def relu_and_slope(x):
    """y = max(x, 0), and dy/dx: 1 where x > 0, and else 0."""
    return np.maximum(x, 0), np.where(x > 0, 1.0, 0.0)


def slope(function, at: float) -> float:
    """How fast it rises there, by backward."""
    x = Tensor(np.array([at], float), requires_grad=True)
    function(x).sum().backward()
    return x.grad.item()


def gradients(function, gain: float) -> list[float]:
    """How large (rms) the gradient of each layer's weights is, relative to the last layer's."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.standard_normal((IMAGES, UNITS)))
    weights = [
        Tensor(rng.standard_normal((UNITS, UNITS)) * gain / np.sqrt(UNITS), requires_grad=True)
        for _ in range(LAYERS)
    ]
    for weight in weights:
        x = function(F.linear(x, weight))
    F.cross_entropy(x, rng.integers(0, UNITS, IMAGES)).backward()
    sizes = [float(np.sqrt(np.mean(weight.grad.numpy() ** 2))) for weight in weights]
    return [size / sizes[-1] for size in sizes]


def row(label, numbers) -> None:
    print(f"{label:<12}" + "".join(f"{number:10.4f}" for number in numbers))


def main() -> None:
    print(f"{'':<12}" + "".join(f"{name:>10}" for name in KINDS))
    for at in (0.1, 2, 5):
        row(f"slope at {at}", [slope(function, at) for function, _ in KINDS.values()])
    print("gradient of a layer's weights, relative to layer 8")
    found = [gradients(*kind) for kind in KINDS.values()]
    for layer in (8, 6, 4, 2, 1):
        row(f"  layer {layer}", [of_kind[layer - 1] for of_kind in found])
    x = Tensor(np.linspace(-2, 2, 9), requires_grad=True)
    y = F.relu(x)
    y.sum().backward()
    ours, slopes = relu_and_slope(x.numpy())
    same = np.array_equal(y.numpy(), ours) and np.array_equal(x.grad.numpy(), slopes)
    print(f"the definition is F.relu: {'yes' if same else 'no'}")
    print("rectifiers before AlexNet")
    for year, who in BEFORE.items():
        print(f"  {year} {who}")


if __name__ == "__main__":
    main()
