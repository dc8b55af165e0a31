"""The command line that the examples share: subcommands and flags, and what becomes of errors.

Exit status: 0 when it did what was asked; 1 when it could not; 2 for what the user can put right,
with one line on stderr that says how; 130 after Ctrl-C. A traceback means a mistake in the code.
"""

import argparse
import contextlib
import math
import os
import signal
import sys
import warnings

from tinynet.commands.evaluate import evaluate_checkpoints, predict
from tinynet.commands.example import Example
from tinynet.commands.inspect import check_gradients, summary
from tinynet.commands.plan import plan
from tinynet.commands.train import train
from tinynet.data import DataError
from tinynet.errors import UserError
from tinynet.ledger import DeviceOutOfMemory


def main(example: Example, argv: list[str] | None = None) -> int:
    """Run the command that `argv` (else the program's own arguments) asks for; the exit status."""
    # A shell starts what it puts into the background with Ctrl-C ignored; `kill -INT` is meant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    args = _parser(example).parse_args(argv)
    try:
        with warnings.catch_warnings():
            # Numbers that overflow show in the loss, where training looks for them.
            warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
            status = args.run(example, args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough: `train | head`
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(BrokenPipeError):
            print("stopped", file=sys.stderr, flush=True)
            sys.stdout.flush()
        # Not by way of sys.exit, which waits for all threads: one that was interrupted while it
        # was being started is on no list of those to be told, and waits for work for ever.
        os._exit(130)
    except DeviceOutOfMemory as error:
        return _refuse(str(error))
    except MemoryError as error:
        return _refuse(f"out of memory: {error}")
    except (UserError, DataError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _parser(example: Example) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{example.name}.py",
        description=example.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_train, _add_eval, _add_predict, _add_summary, _add_plan, _add_check_grads):
        add(commands, example)
    return parser


def _add_train(commands, example: Example) -> None:
    parser = _command(commands, "train", train, "train a network, or go on with it")
    _add_profile(parser, example)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="shapes, cifar10, fashion-mnist, or the path of a folder or .tar with train/ and "
        f"val/, each with a sub-folder a class, or of CIFAR-10's archive ({example.default_data})",
    )
    _add_devices(parser, default=None)  # a run that goes on stays where it was
    parser.add_argument("--epochs", type=_count, metavar="N")
    parser.add_argument(
        "--steps", type=_count, metavar="N", help="stop after N steps; the rate is still --epochs'"
    )
    parser.add_argument("--batch-size", type=_count, metavar="N")
    parser.add_argument("--lr", type=_positive, metavar="X", help="learning rate at the start")
    _add_image_size(parser)
    parser.add_argument("--width", type=_positive, metavar="X", help="times the paper's widths (1)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="of weights, batches, dropout (0)")
    parser.add_argument("--out", metavar="FOLDER", help="the run's folder (a new one in runs/)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out where its last checkpoint is, as it was begun; it begins "
        "where there is none",
    )
    _add_workers(parser)
    parser.add_argument("--log-every", type=_count, metavar="STEPS", help="a line in the log (20)")
    parser.add_argument(
        "--checkpoint-every",
        type=_count,
        metavar="STEPS",
        help="a checkpoint within an epoch (1000); there is one after each epoch in any case",
    )

    parser.add_argument(
        "--report",
        type=_report,
        default=(),
        metavar="WHAT",
        help="at the end, tables of memory, traffic (what crossed between two devices) or, with a "
        "comma, both",
    )


def _add_eval(commands, example: Example) -> None:
    parser = _command(
        commands, "eval", evaluate_checkpoints, "errors of a network on validation images"
    )
    parser.add_argument(
        "--checkpoint",
        required=True,
        nargs="+",
        action="extend",
        metavar="PATH",
        help="a .safetensors file, or a run's folder for its best; of several (an ensemble) the "
        "probabilities are averaged",
    )
    parser.add_argument("--data", metavar="DATA", help="as for train (the data it was trained on)")
    parser.add_argument(
        "--views",
        type=int,
        choices=(1, 10),
        default=1,
        help="1: the centre crop; 10: corners, centre and their mirror images, averaged",
    )
    _add_devices(parser)
    _add_workers(parser)


def _add_predict(commands, example: Example) -> None:
    parser = _command(commands, "predict", predict, "the likeliest classes of pictures")
    parser.add_argument(
        "--checkpoint", required=True, metavar="PATH", help="a file, or a run's folder"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--top", type=_count, default=5, metavar="K", help="how many classes (5)")
    parser.add_argument(
        "--save-figure", metavar="FILE", help="the pictures over bars of their classes, as PNG"
    )
    _add_devices(parser)


def _add_summary(commands, example: Example) -> None:
    parser = _command(commands, "summary", summary, "all layers with their sizes and counts")
    _add_profile(parser, example)
    _add_image_size(parser)


def _add_plan(commands, example: Example) -> None:
    help_ = "the memory that training takes, and the largest batch that fits; nothing is computed"
    parser = _command(commands, "plan", plan, help_)
    _add_profile(parser, example)
    _add_image_size(parser)
    _add_devices(parser, default="sim:0")
    parser.add_argument("--memory", default="3GB", metavar="SIZE", help="of each device (3GB)")
    parser.add_argument("--batch-size", type=_count, default=128, metavar="N", help="(128)")


def _add_check_grads(commands, example: Example) -> None:
    help_ = "the gradient of every operation, and of small networks, against differences"
    _add_devices(_command(commands, "check-grads", check_gradients, help_))


def _command(commands, name: str, run, help_: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.set_defaults(run=run)
    return parser


def _add_profile(parser: argparse.ArgumentParser, example: Example) -> None:
    parser.add_argument(f"--{example.versions}", dest="profile", choices=example.profiles)


def _add_devices(parser: argparse.ArgumentParser, default: str | None = "auto") -> None:
    parser.add_argument(
        "--devices",
        default=default,
        metavar="DEVICES",
        help="auto (cuda:0 where there is a GPU, or else cpu), cpu, cuda:N or sim:N; or two, A,B: "
        "a tower of the network on each",
    )


def _add_image_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image-size", type=_count, metavar="N", help="pixels a side of a crop")


def _add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=_count, metavar="N", help="threads that load images")


def _report(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if not set(wanted) <= {"memory", "traffic"}:
        raise argparse.ArgumentTypeError(f"expects memory, traffic or memory,traffic, got {text}")
    return wanted


def _count(text: str) -> int:
    value = _whole(text)
    if value is None or value < 1:
        raise argparse.ArgumentTypeError(f"expects a whole number of at least 1, got {text}")
    return value


def _positive(text: str) -> float:
    wrong = argparse.ArgumentTypeError(f"expects a number above 0, got {text}")
    try:
        value = float(text)
    except ValueError:
        raise wrong from None
    if not 0 < value < math.inf:
        raise wrong
    return value


def _seed(text: str) -> int:
    value = _whole(text)
    if value is None or not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expects a whole number, 0 to 2**32 - 1, got {text}")
    return value


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
