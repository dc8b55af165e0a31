"""One training step of AlexNet-2012, side by side with the same net in PyTorch.

    python benchmarks/bench_alexnet.py [--batch-size 128] [--rounds 7] [--device cuda:0]

Each engine lives in a process of its own, and they take steps in turn, one round after the other,
so that a change in the machine's speed hits all of them; the ratio is taken round by round. A step
is forward, backward and the SGD update of profile `paper`: two towers, LRN, dropout, 1,000 classes.
Before any timing, the engines' losses on one batch, from the same weights, must agree.

The BLAS bound is the time of the step's matrix products alone, as tinynet cuts them on the CPU; a
GPU has no such row. The peak is the process's memory, or on a GPU what its pool of memory holds.
Without PyTorch, or where it does not see the GPU, there is no comparison, and the output says so.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import tinynet

CLASSES = 1000
TOLERANCE = 1e-3  # of a loss near 7: float32 sums differ by their order


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu (the default), cuda:0")
    parser.add_argument("--engine", choices=[*ENGINES], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        serve(ENGINES[args.engine](args.batch_size, args.device))
        return 0
    try:
        tinynet.device(args.device)
    except ValueError as error:
        print(f"error: --device: {error}", file=sys.stderr)
        return 2

    names = ["tinynet", "torch", "torch.compile"]
    if reason := no_comparison(args.device):
        print(f"{reason}: no comparison\n")
        names = ["tinynet"]
    engines = {name: Engine(name, args.batch_size, args.device) for name in names}
    losses = {name: engine.ask("check") for name, engine in engines.items()}
    for name, loss in losses.items():
        if abs(loss - losses["tinynet"]) > TOLERANCE:
            print(f"error: first loss of {name} is {loss:.5f}, of tinynet {losses['tinynet']:.5f}")
            return 1
    print(f"first loss, same weights and batch: {losses['tinynet']:.4f} in all engines\n")

    for engine in engines.values():
        engine.ask("step")  # buffers, compilation
        engine.ask("step")
    rounds = []
    for _ in range(args.rounds):
        bound = {"blas": engines["tinynet"].ask("blas")} if args.device == "cpu" else {}
        rounds.append(bound | {name: engine.ask("step") for name, engine in engines.items()})
    report(rounds, {name: e.ask("memory") for name, e in engines.items()}, args.batch_size)
    return 0


def no_comparison(device: str) -> str:
    """Why PyTorch cannot be timed on this device; empty if it can."""
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed (pip install torch)"
    if device == "cpu":
        return ""
    import torch

    seen = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return "" if device in seen else f"PyTorch does not see {device}"


def report(rounds: list[dict], memory: dict[str, int], batch_size: int) -> None:
    median = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    bound = "% of BLAS" if "blas" in median else ""
    print(f"{'':15}{'images/s':>9}{'ms/step':>9}{'tinynet is':>20}{bound:>11}{'peak MB':>9}")
    for name, seconds in median.items():
        if name == "blas":
            name, faster, peak = "BLAS bound", "", ""
        else:
            ratios = sorted(r[name] / r["tinynet"] for r in rounds)
            middle = statistics.median(ratios)
            span = f"{middle:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})x"
            faster = "" if name == "tinynet" else span
            peak = f"{memory[name]:9,}"
        share = f"{100 * median['blas'] / seconds:.0f}%" if "blas" in median else ""
        print(
            f"{name:15}{batch_size / seconds:9.1f}{1000 * seconds:9.0f}"
            f"{faster:>20}{share:>11}{peak:>9}"
        )
    print(f"\nmedians of {len(rounds)} rounds; ratios round by round, median (least-most)")


class Engine:
    """A child process that takes a step each time it is asked to."""

    def __init__(self, name: str, batch_size: int, device: str):
        command = [sys.executable, __file__, "--engine", name, "--device", device]
        command += ["--batch-size", str(batch_size)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, what: str) -> float:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("error: an engine's process ended; its message is above")
        return json.loads(answer)


def serve(trainer) -> None:
    """Answer the parent's questions until it closes the pipe."""
    for line in sys.stdin:
        what = line.strip()
        if what == "check":
            answer = trainer.check()
        elif what == "memory":
            host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
            answer = trainer.gpu_megabytes() or host
        else:
            start = time.perf_counter()
            trainer.step() if what == "step" else trainer.blas()
            answer = time.perf_counter() - start
        print(json.dumps(answer), flush=True)


def model(batch_size: int, device: str = "cpu"):
    """(AlexNet, images, labels): the same in every process."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from alexnet import AlexNet

    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch_size, 3, 224, 224), dtype=np.float32) * 60
    labels = rng.integers(0, CLASSES, batch_size)
    return AlexNet(profile="paper", devices=device, seed=0), x, labels


class TinynetTrainer:
    def __init__(self, batch_size: int, device: str):
        from tinynet import optim

        self.device = tinynet.device(device)
        self.model, self.x, self.labels = model(batch_size, device)
        weights = [p for p in self.model.parameters() if p.ndim > 1]
        biases = [p for p in self.model.parameters() if p.ndim == 1]
        groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
        self.optimizer = optim.SGD(groups, lr=0.01, momentum=0.9, weight_decay=5e-4)
        self.products = None

    def check(self) -> float:
        from tinynet import functional as F
        from tinynet import no_grad

        self.model.eval()
        with no_grad():
            loss = F.cross_entropy(self.model(self.x), self.labels).item()
        self.model.train()
        return loss

    def step(self) -> None:
        from tinynet import functional as F

        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.x), self.labels)
        loss.backward()
        self.optimizer.step()
        loss.item()

    def gpu_megabytes(self) -> int:
        """What its pool of memory holds; 0 where there is no GPU."""
        if not self.device.name.startswith("cuda"):
            return 0
        with self.device.active():
            return self.device.xp.get_default_memory_pool().total_bytes() // 1000000

    def blas(self) -> None:
        """The step's matrix products on ready operands, and nothing else."""
        from tinynet.devices import threads

        self.products = self.products or matrix_products(self.model, len(self.x))
        per_image, per_batch = self.products

        def one_image(_: int) -> None:
            for a, b in per_image:
                out = threads.scratch("bound", (*a.shape[:-1], b.shape[-1]), a.dtype)
                np.matmul(a, b, out=out)

        threads.for_each(len(self.x), one_image)
        for a, b in per_batch:
            np.matmul(a, b)


def matrix_products(alexnet, batch_size: int) -> tuple[list, list]:
    """The operands of each layer's y, dweight and dx: per image (convolutions) or per batch."""
    from tinynet import nn

    per_image, per_batch, side = [], [], 224
    for name, layer in alexnet.children():
        if hasattr(layer, "output_size"):
            side = layer.output_size(side, side)[0]
        if isinstance(layer, nn.Conv2d):
            groups, out = layer.groups, layer.weight.shape[0]
            filters = layer.weight.data.reshape(groups, out // groups, -1)
            col = np.ones((groups, filters.shape[2], side * side), np.float32)
            dy = np.ones((groups, out // groups, side * side), np.float32)
            per_image += [(filters, col), (dy, col.swapaxes(1, 2))]
            per_image += [(filters.swapaxes(1, 2), dy)] if name != "conv1" else []
        elif isinstance(layer, nn.Linear):
            weight = layer.weight.data
            x = np.ones((batch_size, weight.shape[1]), np.float32)
            dy = np.ones((batch_size, weight.shape[0]), np.float32)
            per_batch += [(x, weight.T), (dy.T, x), (dy, weight)]
    return per_image, per_batch


class TorchTrainer:
    compiled = False

    def __init__(self, batch_size: int, device: str):
        import torch_alexnet

        alexnet, self.x, self.labels = model(batch_size)
        weights = alexnet.state_dict()
        self.trainer = torch_alexnet.TorchTrainer(weights, CLASSES, self.compiled, device)

    def check(self) -> float:
        return self.trainer.test_loss(self.x, self.labels)

    def step(self) -> None:
        self.trainer.step(self.x, self.labels)

    def gpu_megabytes(self) -> int:
        return self.trainer.gpu_megabytes()


class CompiledTrainer(TorchTrainer):
    compiled = True


ENGINES = {"tinynet": TinynetTrainer, "torch": TorchTrainer, "torch.compile": CompiledTrainer}

if __name__ == "__main__":
    sys.exit(main())
