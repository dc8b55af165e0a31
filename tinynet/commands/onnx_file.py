"""`export --onnx`: a run's network for other programs."""

import json
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path

from tinynet.commands.example import Example
from tinynet.console.printable import printable
from tinynet.exchange.onnx_write import IMAGE, LOGITS, OPSET, PROBABILITIES, export
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError


def add_flags(parser: ArgumentParser) -> None:
    """Those that belong to --onnx."""
    help_ = "of --onnx: it gives probabilities, not logits"
    parser.add_argument("--softmax", action="store_true", help=help_)
    help_ = "of --onnx: it takes pixels of 0..255, and subtracts the mean image itself"
    parser.add_argument("--mean", action="store_true", help=help_)


def refuse_flags(args: Namespace) -> None:
    """UserError if one of them was given to another form."""
    for name in ("softmax", "mean"):
        if getattr(args, name):
            raise UserError(f"--{name} belongs to --onnx FILE")


def export_onnx(example: Example, path: Path, args: Namespace) -> int:
    """Write the network of the checkpoint `path` to the file that --onnx names."""
    file = Path(args.onnx)
    if file.suffix != ".onnx":
        raise UserError(f"--onnx {printable(file)}: wanted a name in .onnx")
    if find_spec("onnx") is None:
        raise UserError("--onnx needs the package onnx: pip install onnx")
    network, settings = load_network(path, example.name, example.build, ("cpu",))
    side, mean, std = settings["image_size"], network.inputs.mean, network.inputs.std
    name = f"{example.name} {settings['profile']}"
    try:
        export(
            network.model,
            file,
            (3, side, side),
            mean=mean if args.mean else None,
            std=std if args.mean else None,
            softmax=args.softmax,
            notes={"network": name, "classes": json.dumps(network.classes)},
        )
    except ValueError as error:
        raise UserError(printable(str(error))) from None
    pixels = "0 to 255" if args.mean else "minus the mean image, divided by the deviation"
    result = PROBABILITIES if args.softmax else LOGITS
    print(f"network  {name}")
    print(f"takes    {IMAGE}: float32 (n, 3, {side}, {side}), red, green and blue, {pixels}")
    print(f"gives    {result}: float32 (n, {len(network.classes)}), for any n")
    print(f"onnx     {printable(file)}, operator set {OPSET}")
    return 0
