"""Everything worth knowing of tinynet on a machine with NVIDIA GPUs, in at most eight minutes.

    python benchmarks/gpu_report.py                            gpu_report.md and gpu_report.json
    python benchmarks/gpu_report.py --devices cuda:0,cuda:1 --out h100
    python benchmarks/gpu_report.py --parts kernels,step
    python benchmarks/gpu_report.py --devices sim:0 --quick    the flow alone: no time counts

Each part is a process of its own with a limit of time. One that fails, or is too slow, is reported
with what it had found by then, and the rest goes on; the status is then 1.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import machine
from gpu_sheet import Sheet

from tinynet.console.arguments import Parser, meant_by
from tinynet.devices import device as open_device

LONGEST = 480  # seconds, of all parts together


@dataclass(frozen=True)
class Part:
    """`work`: module and function, (devices, quick) -> sheets, one after the other."""

    work: str
    limit: int  # seconds
    tf32: bool = False

    def function(self) -> Callable[[list[str], bool], Iterator[Sheet]]:
        module, _, name = self.work.partition(".")
        return getattr(importlib.import_module(module), name)


# The order is that of importance: time may run out.
PARTS = {
    "machine": Part("gpu_report.hardware", 20),
    "exactness": Part("gpu_products.exactness", 20),
    "exactness-tf32": Part("gpu_products.exactness", 20, tf32=True),
    "step": Part("gpu_step.step", 40),
    "kernels": Part("gpu_kernels.kernels", 80),
    "forms": Part("gpu_products.forms", 30),
    "forms-tf32": Part("gpu_products.forms", 30, tf32=True),
    "ladder": Part("gpu_ladder.ladder", 40),
    "torch": Part("gpu_runs.torch", 60),
    "trace": Part("gpu_step.trace", 30),
    "memory": Part("gpu_runs.memory", 20),
    "checkpoints": Part("gpu_runs.checkpoints", 60),
    "pairs": Part("gpu_pairs.pairs", 30),
    "workspace": Part("gpu_step.workspace", 30),
    "train": Part("gpu_runs.train", 80),
    "suite": Part("gpu_runs.suite", 120),
}


def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    if args.part:
        _work(args)
        return 0
    try:
        for name in args.devices:
            if open_device(name).name == "cpu":
                raise ValueError("device: expected 'cuda:N' or 'sim:N', got 'cpu'")
    except ValueError as error:
        print(f"error: --devices: {error}", file=sys.stderr)
        return 2
    about = {"devices": ", ".join(args.devices), **machine.described()}
    parts, deadline, status = {}, time.monotonic() + LONGEST, 0
    for name in args.parts:
        parts[name] = _run(name, args, deadline)
        if parts[name]["failed"]:
            print(f"error: {name}: {parts[name]['failed']}", file=sys.stderr, flush=True)
            status = 1
        else:
            print(f"{name}: {parts[name]['seconds']:.0f} s", file=sys.stderr, flush=True)
    args.out.with_suffix(".json").write_text(
        json.dumps({"machine": about, "quick": args.quick, "parts": parts}, indent=1) + "\n"
    )
    page = args.out.with_suffix(".md")
    page.write_text(_page(about, args, parts), encoding="utf-8")
    print(page)
    return status


def _run(name: str, args: argparse.Namespace, deadline: float) -> dict:
    """Run a part in a process of its own: its sheets, its seconds, and why it failed, or ""."""
    limit = min(args.limit or PARTS[name].limit, deadline - time.monotonic())
    if limit <= 0:
        return {"sheets": [], "seconds": 0.0, "failed": f"no time is left of {LONGEST} s"}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "sheets.json"
        command = [sys.executable, __file__, "--part", name, "--into", str(into)]
        command += ["--devices", ",".join(args.devices), *(["--quick"] if args.quick else [])]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TORCH_PYTHON": args.torch_python},
            start_new_session=True,  # what it starts ends with it
        )
        try:
            _, errors = process.communicate(timeout=limit)
            failed = _last_line(errors, process.returncode) if process.returncode else ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            failed = f"not done within {limit:.3g} s"
        sheets = json.loads(into.read_text()) if into.exists() else []
    return {"sheets": sheets, "seconds": time.monotonic() - start, "failed": failed}


def _last_line(errors: str, status: int) -> str:
    lines = errors.strip().splitlines()
    return lines[-1][:400] if lines else f"ended with status {status}"


def _work(args: argparse.Namespace) -> None:
    """In the part's process: write the sheets whenever there is a new one, or one has grown, so
    that nothing is lost if the time is up."""
    sheets: list[Sheet] = []
    for sheet in _sheets(PARTS[args.part], args):
        if not sheets or sheet is not sheets[-1]:
            sheets.append(sheet)
        whole = args.into.with_suffix(".new")
        whole.write_text(json.dumps([asdict(each) for each in sheets]))
        whole.replace(args.into)


def _sheets(part: Part, args: argparse.Namespace) -> Iterator[Sheet]:
    try:
        for name in args.devices:
            open_device(name).use_tf32(part.tf32)
    except ValueError as error:
        yield Sheet("products", f"Left out: {error}.", [])
        return
    yield from part.function()(args.devices, args.quick)


def hardware(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """Names, memory and versions, as the driver says them."""
    sheet = Sheet("the devices", "", ["device", "what", "value"])
    for name in devices:
        device = open_device(name)
        if not name.startswith("cuda"):
            sheet.rows.append([name, "kind", "simulated on the CPU"])
            continue
        runtime, cupy = device.xp.cuda.runtime, device.xp
        properties = runtime.getDeviceProperties(device.index)
        found = {
            "name": properties["name"].decode(),
            "compute capability": f"{properties['major']}.{properties['minor']}",
            "multiprocessors": properties["multiProcessorCount"],
            "memory, MB": properties["totalGlobalMem"] >> 20,
            "L2 cache, KB": properties["l2CacheSize"] >> 10,
            "driver": runtime.driverGetVersion(),
            "runtime": runtime.runtimeGetVersion(),
            "NVRTC": ".".join(map(str, cupy.cuda.nvrtc.getVersion())),
            "CuPy": cupy.__version__,
        }
        sheet.rows += [[name, what, value] for what, value in found.items()]
    yield sheet


def _page(about: dict, args: argparse.Namespace, parts: dict) -> str:
    text = ["# tinynet on GPUs", "Written by `python benchmarks/gpu_report.py`."]
    if args.quick:
        text.append("**A quick run, of tiny sizes: no time means anything.**")
    text.append("\n".join(f"- {what}: {value}" for what, value in about.items()))
    for name, part in parts.items():
        tf32 = " (TF32)" if PARTS[name].tf32 else ""
        for sheet in part["sheets"]:
            text.append(Sheet(**{**sheet, "title": sheet["title"] + tf32}).markdown().strip())
        if part["failed"]:
            text.append(f"**Part `{name}` failed**: {part['failed']}")
    return "\n\n".join(text) + "\n"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="gpu_report.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--devices", default="cuda:0", help="one, or two: cuda:0 (the default)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument("--parts", default=",".join(PARTS), metavar="A,B", help=", ".join(PARTS))
    parser.add_argument("--limit", type=float, metavar="S", help="seconds of each part")
    parser.add_argument("--out", type=Path, default=Path("gpu_report"), metavar="F")
    parser.add_argument(
        "--torch-python", default=sys.executable, metavar="PATH", help="a Python with PyTorch"
    )
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    args.devices, args.parts = args.devices.split(","), args.parts.split(",")
    if len(args.devices) > 2:
        parser.error(f"--devices expects one or two, got {len(args.devices)}")
    for name in args.parts:
        if name not in PARTS:
            meant = meant_by(name, PARTS)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(PARTS)}"
            parser.error(f"there is no part {name!r}: {hint}")
    if not args.out.absolute().parent.is_dir():
        parser.error(f"--out: there is no folder {args.out.parent}")
    return args


if __name__ == "__main__":
    sys.exit(main())
