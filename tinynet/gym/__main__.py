"""`python -m tinynet.gym`: write a kernel, and be told why it is wrong.

    python -m tinynet.gym                           the exercises, from the easiest on
    python -m tinynet.gym relu_forward              writes relu_forward.cu, to begin with
    python -m tinynet.gym relu_forward FILE.cu      judges it: status 0 only if it is solved
    python -m tinynet.gym relu_forward --hint 1     the first of three hints
    python -m tinynet.gym relu_forward FILE.cu --train     trains a network with it

The simulator runs your kernel: no GPU is needed, but a C++ compiler is.
"""

import argparse
import signal
import sys
from pathlib import Path

from tinynet import simulator
from tinynet.console.arguments import Parser, meant_by
from tinynet.console.sentences import listed
from tinynet.console.standard_streams import make_ready, mute
from tinynet.files.regular_file import read_regular
from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises import EXERCISES
from tinynet.gym.judge import judge

MOST = 1 << 20  # bytes of a solution


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0, 1 if a solution is wrong, 2 for what the user can put right."""
    make_ready()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see tinynet/__init__.py
    parser = Parser(
        prog="python -m tinynet.gym",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of an exercise")
    parser.add_argument("file", nargs="?", metavar="FILE.cu", type=Path, help="a solution")
    parser.add_argument("--hint", type=int, choices=(1, 2, 3), help="shows one of three hints")
    parser.add_argument("--train", action="store_true", help="train a network with the solution")
    args = parser.parse_args(argv)
    try:
        status = _run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough
        mute(sys.stdout)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except ValueError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _run(args: argparse.Namespace) -> int:
    if args.name is None:
        return _list()
    if args.name not in EXERCISES:
        meant = meant_by(args.name, EXERCISES)
        hint = f"did you mean {meant}?" if meant else f"there are {listed(EXERCISES)}"
        raise ValueError(f"there is no exercise {args.name!r}: {hint}")
    exercise = EXERCISES[args.name]
    if args.hint is not None:
        print(exercise.hints[args.hint - 1])
        return 0
    if args.file is None:
        if args.train:
            raise ValueError("--train expects the FILE.cu of a solution")
        return _begin(exercise)
    if args.train and not exercise.in_engine:
        raise ValueError(f"--train: no network of tinynet launches {exercise.kernel}")
    if reason := simulator.unavailable():
        raise ValueError(reason)
    status = _judge(exercise, args.file)
    return status or (_train(exercise, args.file) if args.train else 0)


def _list() -> int:
    width = max(map(len, EXERCISES))
    for number, exercise in enumerate(EXERCISES.values(), 1):
        print(f"{number:2}  {exercise.kernel:{width}}  {exercise.title}")
    print("\npython -m tinynet.gym NAME writes NAME.cu, to begin with")
    return 0


def _begin(exercise: Exercise) -> int:
    file = Path(f"{exercise.kernel}.cu")
    try:
        with file.open("x", encoding="utf-8") as starter:
            starter.write(exercise.starter)
    except FileExistsError:
        raise ValueError(f"{file} is there already: it is left as it is") from None
    print(f"{file} holds the task. Then: python -m tinynet.gym {exercise.kernel} {file}")
    return 0


def _judge(exercise: Exercise, file: Path) -> int:
    verdict, printed = judge(exercise, _text(file), file.name)
    if printed:
        print(f"{file} has printed, to begin with:\n{printed}\n")
    print(verdict.text)
    return 0 if verdict.solved else 1


def _text(file: Path) -> str:
    try:
        return read_regular(file, MOST).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{file}: expects a text in UTF-8") from None


def _train(exercise: Exercise, file: Path) -> int:
    from tinynet.gym import training  # and all of the engine with it

    ours = list(training.losses())
    print(f"\nA small network learns on sim:0. Its loss, with ours and with {file.name}:")
    with training.in_place_of_ours(exercise, _text(file), file.name):
        for step, (our, their) in enumerate(zip(ours, training.losses()), 1):
            if step % 5 == 0:
                print(f"step {step:3}   {our:.6f}   {their:.6f}", flush=True)
    return 0


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
