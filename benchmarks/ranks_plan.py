"""The scale plan of docs/scaling.md: measured steps of 1, 2 and 4 ranks, and what follows.

    python benchmarks/ranks_plan.py --data PHOTOS.tar --timeline docs/ranks.png
    python benchmarks/ranks_plan.py --pairs 5      only one process beside two ranks

It starts itself under mpiexec, in turn with 1, 2 and 4 ranks on the same cores, several rounds: the
paper's net makes some steps with the same batch in all. The model of a step of K ranks with n
images each (`Machine`) is

    step(K) = n image + update + the part of communication(K) that backward does not cover
    communication(K) = 2 (K-1) (bytes / K / bandwidth + pieces * latency)

Here, where ranks share cores, what is fitted and foretold is the work of the cores. For GPUs image,
update, bandwidth and latency are assumed (`ASSUMED`), and the table says so in each row.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

MPIEXEC = Path(sys.executable).with_name("mpiexec")
BATCH, STEPS, ROUNDS = 32, 3, 3
PIECE = 4 << 20
WEIGHTS = 60_965_224  # of the paper's net
FULL = 58_631_144  # of these in the three fully connected layers
IMAGES, QUALITY = 200, 90  # photographs whose loading is measured, stored as `prepare` does


def work(batch: int, steps: int) -> dict:
    """What this rank measures: seconds of steps, of waiting, of sums alone."""
    from tinynet import functional as F
    from tinynet.models.alexnet import AlexNet
    from tinynet.optim import SGD
    from tinynet.parallel.buckets import Buckets, gigabytes_per_second
    from tinynet.parallel.world import world

    ranks = world()
    model = AlexNet()
    optimizer = SGD(model.parameters(), lr=1e-6)
    buckets = Buckets(model.parameters(), ranks) if ranks.size > 1 else None
    own = ranks.part(batch)
    n = own.stop - own.start
    rng = np.random.default_rng(ranks.rank)
    x = rng.normal(0, 50, (n, 3, 224, 224)).astype(np.float32)
    labels = rng.integers(0, 1000, n)
    found = {"ranks": ranks.size, "step": [], "work": [], "wait": [], "sum": [], "hidden": []}
    for step in range(steps + 1):
        ranks.gather(None)
        began, worked = time.perf_counter(), time.process_time()
        loss = F.cross_entropy(model(x), labels, reduction="sum")
        loss.item()
        forward = time.perf_counter()
        if buckets is None:
            loss.backward(np.float32(1 / batch))
        else:
            buckets.backward(loss, 1 / batch)
            buckets.finish()
        reduced = time.perf_counter()
        optimizer.step()
        optimizer.zero_grad()
        if step == 0:
            continue  # the first one makes its memory
        found["step"].append(time.perf_counter() - began)
        found["work"].append(sum(ranks.gather(time.process_time() - worked)))
        found.setdefault("update", []).append(time.perf_counter() - reduced)
        if buckets is not None:
            ended = buckets.backward_ended
            busy = covered([(piece[0], piece[2]) for piece in buckets.timeline])
            after = covered([(max(piece[0], ended), piece[2]) for piece in buckets.timeline])
            found["wait"].append(buckets.finished - ended)
            found["hidden"].append(1 - after / busy)
            found["timeline"] = [[t - forward for t in piece] for piece in buckets.timeline]
            found["backward"] = [0.0, ended - forward]
    if buckets is not None:
        found |= sums(ranks, buckets)
        found["bandwidth"] = gigabytes_per_second(ranks, buckets.row)
    return found


def covered(spans: list[tuple[float, float]]) -> float:
    """How long at least one of the spans (start, end) lasts."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def sums(ranks, buckets) -> dict:
    """Seconds to sum all gradients and nothing else: as tinynet does, and as MPI_Allreduce does."""
    from mpi4py import MPI

    comm, row = ranks.new_comm(), np.ones(WEIGHTS, np.float32)
    pieces = [row[i : i + PIECE // 4] for i in range(0, WEIGHTS, PIECE // 4)]
    ours, theirs, work = [], [], []
    for _ in range(ROUNDS):
        ranks.gather(None)
        began, worked = time.perf_counter(), time.process_time()
        buckets.nothing()
        buckets.finish()
        ours.append(time.perf_counter() - began)
        work.append(sum(ranks.gather(time.process_time() - worked)))
        began = time.perf_counter()
        for piece in pieces:
            with ranks.turn:
                request = comm.Iallreduce(MPI.IN_PLACE, piece)
            ranks.wait(request)
        theirs.append(time.perf_counter() - began)
    return {"sum": ours, "allreduce": theirs, "sum_work": work}


def measured(counts: list[int], rounds: int) -> dict[int, list[dict]]:
    """What the ranks of each count measured, round by round, the counts in turn."""
    found: dict[int, list[dict]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            command = [sys.executable, __file__, "--work"]
            if count > 1:
                command = [MPIEXEC, "-n", str(count), *command]
            run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
            found[count].append(json.loads(run.stdout.splitlines()[-1]))
    return found


def middle(runs: list[dict], key: str) -> float:
    """The median of all that the runs have measured of `key`."""
    return statistics.median(value for run in runs for value in run[key])


@dataclass(frozen=True)
class Machine:
    """What a step is made of, for one rank."""

    image: float  # seconds for forward and backward of an image
    update: float  # seconds of the optimizer's step
    bandwidth: float  # bytes a second out of a rank, while all send
    latency: float  # seconds of a message

    def sums(self, ranks: int, sent: float) -> float:
        """Seconds to sum gradients of so many bytes over the ranks."""
        pieces = -(-sent // PIECE)
        return 2 * (ranks - 1) * (sent / ranks / self.bandwidth + pieces * self.latency)

    def data_parallel(self, ranks: int, each: float, covered: float) -> float:
        """Seconds of a step with `each` images on each rank. Backward takes two thirds of their
        time, and covers communication for the share `covered` of that."""
        room = covered * 2 / 3 * each * self.image
        exposed = max(0.0, self.sums(ranks, 4.0 * WEIGHTS) - room)
        return each * self.image + self.update + exposed

    def one_weird_trick(self, ranks: int, each: float, covered: float) -> float:
        """The same where the fully connected layers are divided over the ranks: for these it is
        activations that travel, there and back, and nothing covers them."""
        room = covered * 2 / 3 * each * self.image
        exposed = max(0.0, self.sums(ranks, 4.0 * (WEIGHTS - FULL)) - room)
        # For each layer a rank sends to all others what it reads of its images, and to each of
        # them what its own units make of theirs; and in backward as many gradients (divided.py).
        units = (4096 + 4096 + 1000) / ranks
        moved = 2 * 4.0 * each * (ranks - 1) * (9216 + 4096 + 4096 + units)
        update = self.update * (WEIGHTS - FULL + FULL / ranks) / WEIGHTS
        # Three layers: how many images each rank has, then two exchanges forward and two back.
        messages = 3 * 5 * (ranks - 1) * self.latency
        return each * self.image + update + exposed + moved / self.bandwidth + messages


# Of a GPU and its network. 2 x 3 x 0.72e9 operations an image at 20 TFLOP/s; reading and writing
# weights, gradients and velocities at 2 TB/s; 100 Gbit/s for each GPU; 5 us.
ASSUMED = Machine(2 * 3 * 0.72e9 / 20e12, 5 * 4 * WEIGHTS / 2e12, 12.5e9, 5e-6)


def row(cells: list) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table_of_here(found: dict[int, list[dict]]) -> str:
    """Steps of as many images in all, on the same cores: what ranks cost, in the work of the cores.

    That depends little on what else the machine does; the seconds by the clock do.
    """
    header = ["ranks", "processor s a step, all ranks", "beside 1 rank", "model", "s by the clock"]
    header += ["of it waiting after backward", "hidden", "gradients summed alone, s"]
    header += ["by MPI_Iallreduce, s", ""]
    lines = [row(header), row(["---"] * len(header))]
    base, two = middle(found[1], "work"), middle(found[2], "sum_work")
    for count, runs in found.items():
        work, step = middle(runs, "work"), middle(runs, "step")
        # The update is made on each rank; what is sent in all grows with 2 (K-1).
        model = base + (count - 1) * (two + middle(found[1], "update"))
        cells = [count, f"{work:.2f}", f"{work / base:.2f}", f"{model:.2f}", f"{step:.2f}"]
        if count == 1:
            cells += ["-"] * 4
        else:
            cells += [f"{middle(runs, 'wait'):.2f}", f"{middle(runs, 'hidden'):.0%}"]
            cells += [f"{middle(runs, name):.2f}" for name in ("sum", "allreduce")]
        lines.append(row([*cells, "measured; model " + ("foretells" if count > 2 else "fitted")]))
    return "\n".join(lines)


def table_of_pairs(found: dict[int, list[dict]]) -> str:
    """Steps by the clock: one process, and then two ranks, on the same cores."""
    lines = [row(["one process, s", "two ranks, s", "ratio"]), row(["---"] * 3)]
    pairs = [[statistics.median(run["step"]) for run in pair] for pair in zip(found[1], found[2])]
    return "\n".join(lines + [row([f"{x:.2f}" for x in (a, b, b / a)]) for a, b in pairs])


def table_of_gpus(load: tuple[float, float]) -> str:
    """What the model says of many GPUs. `load`: bytes of an image, and seconds to decode it."""
    header = ["GPUs", "images each", "batch", "data parallel: ms a step", "images/s", "of ideal"]
    header += ["divided layers: ms", "of ideal", "read, GB/s", "cores that decode", ""]
    lines = [row(header), row(["---"] * len(header))]
    for each in (128, 16):
        for count in (1, 8, 64, 1024):
            ideal = ASSUMED.data_parallel(1, each, 1.0)
            data, trick = (
                way(count, each, 0.9) if count > 1 else ideal
                for way in (ASSUMED.data_parallel, ASSUMED.one_weird_trick)
            )
            rate = count * each / data
            cells = [f"{count:,}", each, f"{count * each:,}", f"{1e3 * data:.1f}", f"{rate:,.0f}"]
            cells += [f"{ideal / data:.0%}", f"{1e3 * trick:.1f}", f"{ideal / trick:.0%}"]
            cells += [f"{rate * load[0] / 1e9:.2f}", f"{rate * load[1]:,.0f}", "extrapolated"]
            lines.append(row(cells))
    return "\n".join(lines)


def loading(data: str) -> tuple[float, float]:
    """Bytes of an image as `prepare` stores it, and seconds of a core to load it, measured here."""
    from tinynet.data import open_dataset
    from tinynet.data.images import load_square, to_array
    from tinynet.data.preparing.images import encode

    photographs = open_dataset(data, "train", 224, 0, 256)
    sizes, seconds = [], []
    for i in np.random.default_rng(0).permutation(len(photographs))[:IMAGES]:
        square = Image.fromarray(photographs.load(i).transpose(1, 2, 0))
        stored = encode(square, QUALITY)
        began = time.process_time()
        to_array(load_square(stored, 256))
        seconds.append(time.process_time() - began)
        sizes.append(len(stored))
    return statistics.mean(sizes), statistics.mean(seconds)


def draw(run: dict, path: Path) -> None:
    """The last step of the leader: backward, and the pieces of the gradients on their way."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    axes.barh(0, 1e3 * run["backward"][1], height=0.9, color="0.6", label="backward")
    for i, (sent, summed, complete) in enumerate(run["timeline"], 1):
        parts = {"label": "parts to all"} if i == 1 else {}
        sums = {"label": "sums to all"} if i == 1 else {}
        axes.barh(i, 1e3 * (summed - sent), left=1e3 * sent, color="#3b6ea8", **parts)
        axes.barh(i, 1e3 * (complete - summed), left=1e3 * summed, color="#e08a3c", **sums)
    axes.set_xlabel("ms since backward began")
    axes.set_ylabel("backward (0), and pieces of the gradients")
    axes.legend(loc="center right", frameon=False)
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> None:
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--work", action="store_true", help="be one of the ranks")
    parser.add_argument("--pairs", type=int, metavar="N", help="measure N pairs, and nothing else")
    parser.add_argument("--data", help="photographs, to measure what loading them takes")
    parser.add_argument("--timeline", type=Path, help="draw the leader's last step there")
    args = parser.parse_args()
    if args.work:
        print(json.dumps(work(BATCH, STEPS)), flush=True)
        from tinynet.parallel.world import world

        world().leave(0)
        return
    if args.pairs:
        print(table_of_pairs(measured([1, 2], args.pairs)))
        return
    found = measured([1, 2, 4], ROUNDS)
    print(table_of_here(found), end="\n\n")
    print(table_of_gpus(loading(args.data)))
    if args.timeline:
        draw(found[2][-1], args.timeline)


if __name__ == "__main__":
    main()
