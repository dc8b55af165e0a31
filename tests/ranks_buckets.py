"""One rank that sums gradients with others, and knows from the others' seeds what must come out.

mpiexec -n 2 python tests/ranks_buckets.py cpu
"""

import sys

import numpy as np

import tinynet
from tinynet import Tensor, nn
from tinynet.parallel.buckets import Buckets
from tinynet.parallel.world import world

IMAGES = (3, 0, 2), (2, 4, 1)  # of each rank in three steps; with none it has nothing to add


def loss_of(net: nn.Module, rank: int, step: int) -> Tensor:
    """The loss of a rank's images in a step."""
    rng = np.random.default_rng([rank, step])
    x = rng.normal(size=(IMAGES[rank][step], 5)).astype(np.float32)
    return (net(Tensor(x, device=net.first.weight.device)) ** 2).sum()


def main(device: str) -> int:
    ranks = world()
    tinynet.manual_seed(0)
    net = nn.Sequential(first=nn.Linear(5, 3, device=device), last=nn.Linear(3, 2, device=device))
    idle = nn.Parameter(np.ones(3, np.float32), device=device)  # the loss does not depend on it
    parameters = {**dict(net.named_parameters()), "idle": idle}
    buckets = Buckets(parameters.values(), ranks, piece_bytes=16)
    for step in range(3):
        wanted = {name: np.zeros(p.shape, np.float32) for name, p in parameters.items()}
        for rank in range(2):
            if IMAGES[rank][step]:
                loss_of(net, rank, step).backward(0.25)
                for name, p in net.named_parameters():
                    wanted[name] = wanted[name] + p.grad.numpy()
                net.zero_grad()
        if IMAGES[ranks.rank][step]:
            buckets.backward(loss_of(net, ranks.rank, step), 0.25)
        else:
            buckets.nothing()
        buckets.finish()
        for name, p in parameters.items():
            if not np.array_equal(p.grad.numpy(), wanted[name]):  # added in the order of the ranks
                print(f"rank {ranks.rank}, step {step}: {name} has other bits", file=sys.stderr)
                return ranks.leave(1)
        net.zero_grad()
        idle.zero_grad()
    print(f"the same bits{buckets.row.where}")
    return ranks.leave(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
