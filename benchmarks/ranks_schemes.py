"""What two ranks, and four, send one another in a step of each scheme: counted, and by formula.

    python benchmarks/ranks_schemes.py

The paper's net at full width, `--parallel data` and `--parallel owt`, with the same batch in all;
each job starts itself under mpiexec. The table is in docs/scaling.md. The formulas, for a rank with
n of the images, in numbers of 4 bytes: 2 (K-1) / K of the weights whose gradients are summed, and
2 (K-1) n (inputs + units / K) for each layer that is divided (tinynet/parallel/divided.py).
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

MPIEXEC = Path(sys.executable).with_name("mpiexec")
BATCH, STEPS = 32, 3
FULL = {"fc6": (9216, 4096), "fc7": (4096, 4096), "fc8": (4096, 1000)}  # inputs, units
WEIGHTS = 60_965_224  # of the paper's net
DIVIDED = sum((inputs + 1) * units for inputs, units in FULL.values())  # with the biases


def work(scheme: str) -> dict:
    """A rank: the bytes that it sends in a step, and what the step takes."""
    from tinynet import Tensor
    from tinynet.models.alexnet import AlexNet
    from tinynet.optim import SGD
    from tinynet.parallel.divided import divide, divided_layers
    from tinynet.parallel.world import world
    from tinynet.training.evaluate import Network
    from tinynet.training.gradients import SharedGradients
    from tinynet.training.sharing import Share

    ranks, model = world(), AlexNet()
    if scheme == "owt":
        divide(model, ranks)
    optimizer = SGD(model.parameters(), lr=1e-6)
    gradients = SharedGradients(Network(model, None, [], 256), ranks)
    rng, own = np.random.default_rng(ranks.rank), ranks.part(BATCH)
    n = own.stop - own.start
    x = Tensor(rng.normal(0, 50, (n, 3, 224, 224)).astype(np.float32))
    share = Share(argparse.Namespace(labels=rng.integers(0, 1000, n)), own.start, BATCH)
    work, clock = [], []
    for _ in range(STEPS + 1):
        ranks.gather(None)
        began, worked = time.perf_counter(), time.process_time()
        gradients.of(x, share)
        optimizer.step()
        optimizer.zero_grad()
        clock.append(time.perf_counter() - began)
        work.append(sum(ranks.gather(time.process_time() - worked)))
    exchanges = {layer.exchange for layer in divided_layers(model).values()}
    sent = gradients.buckets.sent + sum(exchange.sent for exchange in exchanges)
    middle = (statistics.median(seconds[1:]) for seconds in (work, clock))  # the first makes memory
    return {"sent": sent // (STEPS + 1), "seconds": [*middle]}


def formula(scheme: str, ranks: int) -> int:
    """The bytes that a rank sends in a step."""
    summed = WEIGHTS - (DIVIDED if scheme == "owt" else 0)
    summed += -summed % ranks  # in equal parts
    numbers = 2 * (ranks - 1) * summed // ranks
    if scheme == "owt":
        n = BATCH // ranks
        numbers += sum(
            2 * (ranks - 1) * n * (inputs + units // ranks) for inputs, units in FULL.values()
        )
    return 4 * numbers


def row(cells: list) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", choices=("data", "owt"), help="be one of the ranks")
    args = parser.parse_args()
    if args.work:
        print(json.dumps(work(args.work)), flush=True)
        from tinynet.parallel.world import world

        world().leave(0)
        return
    header = ["ranks", "scheme", "bytes a step from a rank, counted", "by the formula"]
    header += ["processor s a step, all ranks", "s by the clock"]
    print(row(header), row(["---"] * len(header)), sep="\n")
    for ranks in (2, 4):
        for scheme in ("data", "owt"):
            command = [MPIEXEC, "-n", str(ranks), sys.executable, __file__, "--work", scheme]
            run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
            found = json.loads(run.stdout.splitlines()[-1])
            cells = [ranks, scheme, f"{found['sent']:,}", f"{formula(scheme, ranks):,}"]
            print(row([*cells, *(f"{seconds:.2f}" for seconds in found["seconds"])]), flush=True)


if __name__ == "__main__":
    main()
