"""One rank of a network with divided layers, which knows from the others' seeds what must come out.

mpiexec -n 2 python tests/ranks_divided.py cpu
"""

import hashlib
import sys

import numpy as np

import tinynet
from tinynet import Tensor, nn
from tinynet import functional as F
from tinynet.optim import SGD
from tinynet.parallel.divided import divide, without_images
from tinynet.parallel.ranks import Alone
from tinynet.parallel.wholes import halved, merged
from tinynet.parallel.world import world
from tinynet.training.doctor.look import look
from tinynet.training.evaluate import Network
from tinynet.training.gradients import SharedGradients
from tinynet.training.sharing import Share

IMAGES = (3, 0, 9), (2, 4, 1)  # of each rank in three steps
INPUTS, UNITS = (12, 7), (7, 3)  # of both divided layers: 7 and 3 are not multiples of 2


def make_net(device: str) -> nn.Sequential:
    tinynet.manual_seed(0)
    place = {"device": device, "dtype": np.float64}
    return nn.Sequential(
        conv=nn.Conv2d(2, 3, 2, **place),
        flatten=nn.Flatten(),
        fc1=nn.Linear(12, 7, **place),
        relu=nn.ReLU(),
        dropout=nn.Dropout(0.4, seed=1),
        fc2=nn.Linear(7, 3, **place),
    )


def images_of(rank: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([rank, step])
    n = IMAGES[rank][step]
    return rng.normal(size=(n, 2, 3, 3)), rng.integers(0, 3, n)


class Part:
    """What a Share knows of a batch: its labels."""

    def __init__(self, labels: np.ndarray):
        self.labels = labels


def formula(ranks: Alone, step: int) -> int:
    """The bytes that this rank must have sent: of both layers, forward and backward."""
    n, everyone = IMAGES[ranks.rank][step], sum(of_rank[step] for of_rank in IMAGES)
    numbers = 0
    for inputs, units in zip(INPUTS, UNITS):
        part = ranks.part(units)
        own = part.stop - part.start
        numbers += (ranks.size - 1) * n * inputs + (everyone - n) * own  # forward
        numbers += n * (units - own) + (everyone - n) * inputs  # and backward
    return 8 * numbers


def main(device: str) -> int:
    ranks = world()
    try:
        digest = check_all(device, ranks)
    except AssertionError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return ranks.leave(1)
    print(f"the same numbers, of these bits: {digest}")
    return ranks.leave(0)


def check(what: str, found: np.ndarray | float, wanted: np.ndarray | float) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13, err_msg=what)


def check_all(device: str, ranks: Alone) -> str:
    whole, net = make_net(device), make_net(device)
    divide(net, ranks)
    gradients = SharedGradients(Network(net, None, [], 3), ranks)
    optimizers = [SGD(one.parameters(), lr=0.1) for one in (whole, net)]
    exchange = net.fc1.exchange

    for step in range(3):
        parts = [images_of(rank, step) for rank in range(2)]
        x, labels = (np.concatenate(arrays) for arrays in zip(*parts))
        loss = F.cross_entropy(whole(Tensor(x, device=device)), labels)
        loss.backward()
        own, own_labels = parts[ranks.rank]
        first = sum(of_rank[step] for of_rank in IMAGES[: ranks.rank])
        share = Share(Part(own_labels), first, len(x))
        before = exchange.sent
        outcome = gradients.of(Tensor(own, device=device) if len(own) else None, share)
        sent = exchange.sent - before
        assert sent == formula(ranks, step), f"sent {sent} bytes, not {formula(ranks, step)}"
        check("loss", outcome.loss, loss.item())
        for name, p in net.named_parameters():
            rows = ranks.part(len(getattr(whole, name.split(".")[0]).weight))
            wanted = dict(whole.named_parameters())[name].grad.numpy()
            check(name, p.grad.numpy(), wanted[rows] if name.startswith("fc") else wanted)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        # A look with too few images on one rank, or none on any.
        seen = look(net, Tensor(own, device=device) if len(own) else None)
        assert (seen is not None) == (len(own) >= 8)
    saved, wanted = net.state_dict(), whole.state_dict()
    assert [*saved] == [*wanted]
    for name in wanted:
        check(name, saved[name], wanted[name])
    state, (of_whole, of_net) = merged(optimizers[1].state_dict(), optimizers[1], net), optimizers
    for name, velocity in of_whole.state_dict()["velocity"].items():
        check(f"velocity {name}", state["velocity"][name], velocity)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in saved.values())).hexdigest()
    # What one process saved is taken over again, and is what is saved then.
    net.load_state_dict({name: 2 * array for name, array in wanted.items()})
    of_net.load_state_dict(halved(of_whole.state_dict(), of_net, net))
    again = merged(of_net.state_dict(), of_net, net)["velocity"]
    for name, velocity in of_whole.state_dict()["velocity"].items():
        assert np.array_equal(again[name], velocity), name
    assert all(np.array_equal(a, 2 * wanted[name]) for name, a in net.state_dict().items())
    assert without_images(whole) is None
    return digest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
