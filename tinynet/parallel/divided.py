"""Fully connected layers divided over the ranks: Krizhevsky's "one weird trick" (arXiv 1404.5997).

AlexNet's convolutions do nine tenths of the computing with 4 % of the weights; its fully connected
layers hold 96 % of the weights. So each rank has all convolutions, for its own images, and sums
their gradients with the others' (data parallel, buckets.py); but of a fully connected layer it has
only some units, for the images of all (model parallel). In such a layer, with two ranks:

             own images,               all images,              all images,    own images,
             all inputs                all inputs               own units      all units
    rank 0       x     --.  ToAll  .->     X     -> linear ->      Y   --.  ToOwners .->  y
    rank 1       x     --'         '->     X     -> linear ->      Y   --'           '->  y

Whatever lies between two such layers, such as ReLU and dropout, is as it was: each rank does it to
its own images. In backward the gradients go the opposite way:

    dY of all images, own units  ->  dweight = dY.T X, complete  ->  dX, of which each rank has the
    part that comes from its own units: they are added up, in the order of the ranks, to dx

So no gradient of these weights is ever sent. What a rank with n of N images sends instead, K ranks
having K equal parts of the images and units, are 2 (K-1) n (inputs + units / K) numbers, forward
and backward: less than the weights' gradients would take, 2 (K-1) / K inputs units, as long as
N < inputs units / (inputs + units / K).

This is the paper's scheme (a): the images of all ranks at once. On the way between GPUs all goes
through the host's memory.
"""

from collections.abc import Iterator

import numpy as np

from tinynet import functional as F
from tinynet import nn
from tinynet.ops.function import Function
from tinynet.parallel.ranks import STUCK, Alone, Ranks
from tinynet.tensor import Tensor, apply


class Exchange:
    """What the ranks send one another on the way through divided layers: rows of NumPy arrays.

    All ranks must call the same methods in the same order. `sent`: bytes from this rank to others.
    """

    def __init__(self, ranks: Ranks):
        self.ranks, self._comm, self.sent = ranks, ranks.new_comm(), 0

    def images_of_all(self, n: int) -> list[int]:
        """How many images each rank has, by rank; this one has n."""
        found = np.zeros(self.ranks.size, np.int64)
        with self.ranks.turn:
            request = self._comm.Iallgather(np.array([n], np.int64), found)
        self._wait(request)
        return found.tolist()

    def all_gather(self, own: np.ndarray, counts: list[int]) -> np.ndarray:
        """The rows of all ranks, by rank: rank r has counts[r] of them."""
        row = own.shape[1:]
        sizes = [count * int(np.prod(row)) for count in counts]
        together = np.empty((sum(counts), *row), own.dtype)
        with self.ranks.turn:
            request = self._comm.Iallgatherv(np.ascontiguousarray(own), [together, sizes])
        self._wait(request)
        self.sent += own.nbytes * (self.ranks.size - 1)
        return together

    def all_to_all(self, parts: list[np.ndarray], shapes: list[tuple]) -> list[np.ndarray]:
        """parts[r] goes to rank r; returns what all have sent here, of these shapes, by rank."""
        going = np.concatenate([part.reshape(-1) for part in parts])
        sizes = [int(np.prod(shape)) for shape in shapes]
        coming = np.empty(sum(sizes), going.dtype)
        with self.ranks.turn:
            sending = [going, [part.size for part in parts]]
            request = self._comm.Ialltoallv(sending, [coming, sizes])
        self._wait(request)
        self.sent += going.nbytes - parts[self.ranks.rank].nbytes
        ends = np.cumsum(sizes)[:-1]
        return [array.reshape(shape) for array, shape in zip(np.split(coming, ends), shapes)]

    def _wait(self, request) -> None:
        self.ranks.watch.arrivals += 1
        self.ranks.wait(request, STUCK)


class ToAll(Function):
    """x (n, inputs) of each rank's own images -> X (N, inputs) of all, on every rank."""

    name = "to_all"

    def forward(self, x, *, exchange, counts):
        self.exchange, self.counts = exchange, counts
        own = self.device.to_numpy(self.contiguous(x))
        return self.device.asarray(exchange.all_gather(own, counts))

    def backward(self, dy):
        terms = np.split(self.device.to_numpy(self.contiguous(dy)), np.cumsum(self.counts)[:-1])
        own = terms[self.exchange.ranks.rank].shape
        first, *others = self.exchange.all_to_all(terms, [own] * len(terms))
        dx = first.copy()
        for term in others:
            dx += term
        return self.device.asarray(dx)


class ToOwners(Function):
    """Y (N, own units) of all images -> y (n, units) of each rank's own; `units`: who has which."""

    name = "to_owners"

    def forward(self, x, *, exchange, counts, units):
        self.exchange, self.counts, self.units = exchange, counts, units
        rows = np.split(self.device.to_numpy(self.contiguous(x)), np.cumsum(counts)[:-1])
        n = counts[exchange.ranks.rank]
        columns = exchange.all_to_all(rows, [(n, part.stop - part.start) for part in units])
        return self.device.asarray(np.concatenate(columns, axis=1))

    def backward(self, dy):
        dy = self.device.to_numpy(dy)
        columns = [np.ascontiguousarray(dy[:, part]) for part in self.units]
        own = columns[self.exchange.ranks.rank].shape[1]
        rows = self.exchange.all_to_all(columns, [(n, own) for n in self.counts])
        return self.device.asarray(np.concatenate(rows))


class Rows:
    """A parameter of which each rank has some rows, used as one by state_dict and load_state_dict.

    `numpy` and `join` must be called on all ranks, and give all of them the whole.
    """

    def __init__(self, own: nn.Parameter, exchange: Exchange, rows: list[slice]):
        self.parts, self.dtype = (own,), own.dtype
        self._exchange, self._rows = exchange, rows
        self.shape = (rows[-1].stop, *own.shape[1:])

    def numpy(self) -> np.ndarray:
        return self.join([self.parts[0].numpy()])

    def write(self, values: np.ndarray) -> None:
        self.parts[0].write(self.cut(values)[0])

    def join(self, own: list[np.ndarray]) -> np.ndarray:
        """Of the parameter, or its velocity: the rows of all ranks."""
        return self._exchange.all_gather(own[0], [part.stop - part.start for part in self._rows])

    def cut(self, whole: np.ndarray) -> list[np.ndarray]:
        """This rank's rows; of an array that does not fit, all, which will not do either."""
        fits = np.shape(whole) == self.shape
        return [whole[self._rows[self._exchange.ranks.rank]] if fits else whole]


class DividedLinear(nn.Linear):
    """The fully connected layer `whole`, of which this rank keeps its part of the units."""

    def __init__(self, whole: nn.Linear, exchange: Exchange):
        nn.Module.__init__(self)
        self.units = exchange.ranks.parts(len(whole.weight))
        self.exchange = exchange
        own = self.units[exchange.ranks.rank]
        self.weight, self.bias = (
            None if p is None else nn.Parameter(p.numpy()[own].copy(), device=p.device)
            for p in (whole.weight, whole.bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        counts = self.exchange.images_of_all(len(x))
        if not sum(counts):
            return Tensor(np.empty((0, self.units[-1].stop), x.dtype), device=x.device)
        everyone = apply(ToAll, x, exchange=self.exchange, counts=counts)
        y = F.linear(everyone, self.weight, self.bias)
        return apply(ToOwners, y, exchange=self.exchange, counts=counts, units=self.units)

    def named_saved(self, prefix: str = "") -> Iterator[tuple[str, Rows]]:
        saved = super().named_saved(prefix)
        return ((name, Rows(own, self.exchange, self.units)) for name, own in saved)


def divide(model: nn.Module, ranks: Alone) -> None:
    """Replace the fully connected layers of `model`, the same on all ranks, by their parts.

    ValueError if there are none, or if one has fewer units than there are ranks.
    """
    found = [
        (module, name, layer)
        for _, module in model.named_modules()
        for name, layer in module.children()
        if isinstance(layer, nn.Linear)
    ]
    if not found:
        raise ValueError("the network has no fully connected layer to divide")
    for _, name, layer in found:
        units = len(layer.weight)
        if units < ranks.size:
            raise ValueError(f"{ranks.size} ranks want a unit each of {name}, which has {units}")
    exchange = Exchange(ranks)
    for module, name, layer in found:
        setattr(module, name, DividedLinear(layer, exchange))


def divided_layers(model: nn.Module) -> dict[str, DividedLinear]:
    """The layers of a network that are divided over the ranks, by name, from the first on."""
    return {name: m for name, m in model.named_modules() if isinstance(m, DividedLinear)}


def without_images(model: nn.Module) -> Tensor | None:
    """This rank's part in a forward pass of all, where it has none of the images itself.

    Returns a Tensor of no elements, from which backward goes the way it goes on the others; None
    if no layer is divided, and so nobody waits for this rank.
    """
    y = None
    for layer in divided_layers(model).values():
        weight = layer.weight
        if y is None:
            y = Tensor(np.empty((0,), weight.dtype), requires_grad=True, device=weight.device)
        y = layer(y.reshape(0, weight.shape[1]))
    return y
