"""`python -m tinynet.kernels`: every CUDA kernel with its figures; one to read; checks, profiles.

    python -m tinynet.kernels                    all kernels: formula, shapes, bytes, FLOPs, ...
    python -m tinynet.kernels lrn                its definition; lrn.cu beside its NumPy twin lrn.py
    python -m tinynet.kernels lrn --check        every load and store watched; against its twin
    python -m tinynet.kernels lrn --profile      what each line asks of memory, and how lanes part
    python -m tinynet.kernels lrn --page lrn.html    to step a warp through it, in a browser
    python -m tinynet.kernels --page FOLDER/     the pages of all, with an index
    python -m tinynet.kernels run my.cu '...'    any kernel, yours included; run --help says how

TINYNET_SIM=check and TINYNET_SIM=profile mean --check and --profile. No GPU is needed: the
simulator runs the kernels, which takes a C++ compiler.
"""

import signal
import sys

from tinynet.console.standard_streams import make_ready, mute


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 if a kernel is wrong, 2 for a user's error."""
    make_ready()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see tinynet/__init__.py
    argv = sys.argv[1:] if argv is None else argv
    try:
        status = _run(argv[1:]) if argv[:1] == ["run"] else _show(argv)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough: `... | head`
        mute(sys.stdout)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    from tinynet.kernels.catalogue.running.command import main  # and nothing of the catalogue

    return main(argv)


def _show(argv: list[str]) -> int:
    from tinynet.kernels.catalogue.command import main

    return main(argv, (__doc__ or "").partition("\n\n")[2])  # python -OO has no docstrings


if __name__ == "__main__":
    sys.exit(main())
