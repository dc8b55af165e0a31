"""`export`: a trained network for others to use, at half the size or less, in three forms.

    --out FOLDER    a run as `train` leaves it, but with one checkpoint, which holds the weights and
                    what to feed them and not what it takes to train on, and with a short log
    --torch FILE    the weights under torchvision's names: of an AlexNet only, see weights.py
    --onnx FILE     the network for other programs, see onnx_file.py

The checkpoint of the first says where it comes from: the command that trained it, with which
version of tinynet, and the errors that were measured then.
"""

from argparse import Namespace
from pathlib import Path

from tinynet.commands import flags, onnx_file, weights
from tinynet.commands.example import Example, command
from tinynet.commands.train import command_of
from tinynet.console.printable import printable, quoted
from tinynet.console.sentences import megabytes
from tinynet.training.checkpoint import fitting, network_alone, read_checkpoint
from tinynet.training.controls import BY_HAND, main_group
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder, find_checkpoint

ERRORS = ("val_loss", "val_top1_error", "val_top5_error")


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "export", export, "a trained network for others to use")
    flags.add_checkpoint(parser, example, "a file, or a run's folder for its best")
    form = parser.add_mutually_exclusive_group(required=True)
    help_ = "a new folder for a run without what it takes to train on, and with a short log"
    form.add_argument("--out", metavar="FOLDER", help=help_)
    if weights.has_torchvisions_names(example):
        help_ = "a .safetensors file with the names of torchvision's AlexNet"
        form.add_argument("--torch", metavar="FILE", help=help_)
    form.add_argument("--onnx", metavar="FILE", help="an .onnx file; needs the package onnx")
    onnx_file.add_flags(parser)


def export(example: Example, args: Namespace) -> int:
    """Write the network of a checkpoint in the form asked for."""
    path = find_checkpoint(args.checkpoint or example.trained)
    if args.onnx is not None:
        return onnx_file.export_onnx(example, path, args)
    onnx_file.refuse_flags(args)
    if args.out is None:
        return weights.export_weights(example, path, Path(args.torch))
    return _export_run(example, path, RunFolder(args.out))


def _export_run(example: Example, path: Path, target: RunFolder) -> int:
    """Write a run with the network of the checkpoint `path` alone."""
    state = read_checkpoint(path, example.name)
    config, lines = _read(path)
    if not target.is_empty():
        raise UserError(f"--out {printable(target.path)} is not empty: give another")
    with fitting(path):
        lines = _short(lines, state["step"])
        network = network_alone(state) | {
            "made": _provenance(example, config, lines, state["step"])
        }
    target.create()
    target.write_config(config)
    for line in lines:
        target.log(line)
    file = target.save(network["step"], network)
    target.close()
    print(f"network  {printable(file)}, {megabytes(file.stat().st_size, 1)} MB")
    made = network["made"]
    print(f"made by  {printable(made['command'])}")
    if "then" in made:
        print(f"then     {printable(made['then'])}")
    if "val_top1_error" in made:
        print(f"error    {made['val_top1_error']:.2%} in its last validation")
    run = quoted(target.path)
    print(f"next     {command()} predict --checkpoint {run} IMAGE...")
    return 0


def _read(path: Path) -> tuple[dict, list[dict]]:
    """The settings and the log of the run of this checkpoint. UserError if it has none."""
    run = RunFolder(path.parent.parent)
    config = run.read_config() if path.parent.name == run.checkpoints.name else None
    if config is None:
        raise UserError(
            f"{path} lies in no run's folder, whose config.json and log.jsonl say where the "
            "network comes from: give the folder of a run of train"
        )
    return config, run.read_log()


def _short(lines: list[dict], step: int) -> list[dict]:
    """Of the log's lines as far as `step`: validations, the training before each, what was changed
    or found, and the first."""
    lines = [line for line in lines if line["step"] <= step]
    return [
        line
        for i, line in enumerate(lines)
        if i == 0
        or {"val_loss", "changes", "doctor"} & line.keys()
        or (i + 1 < len(lines) and "val_loss" in lines[i + 1])
    ]


def _provenance(example: Example, config: dict, lines: list[dict], step: int) -> dict:
    """Where the network after `step` comes from, with its errors if it was validated.

    A resumed run's config.json has the rate that was asked for last, its log that of the start.
    """
    rates = next((c["lr"] for line in lines for c in line.get("changes", ()) if "lr" in c), None)
    start = config if rates is None else {**config, "lr": rates[main_group(rates)]}
    made = {"command": command_of(example, start)}
    by_hand = [line["event"] for line in lines if BY_HAND in line.get("event", "")]
    if by_hand:
        made["then"] = "; ".join(by_hand)
    made["version"] = config.get("tinynet", "not recorded")
    line = next((line for line in lines if line["step"] == step and "val_loss" in line), {})
    return made | {name: line[name] for name in ERRORS if name in line}
