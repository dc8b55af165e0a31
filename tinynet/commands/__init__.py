"""What is behind the command lines of the examples: a file for each command.

The files, in the order to read them; a command's has its name, unless it says otherwise:

    example.py          what the commands must know about an example
    flags.py            flags that several commands share
    names.py            --names: words for classes
    summary.py, diff.py, prepare.py, predict.py
    gradient_cases.py   one case for each operation; networks against central differences
    exact_kernels.py, kinks.py, exact_networks.py
    check_gradients.py  `check-grads`
    caffe_file.py       `import FILE.onnx`
    weights.py          `import`, and the other way
    onnx_file.py        `export --onnx`
    evaluate.py         `eval`
    figures.py, report.py
    route.py            what a run says about its devices
    on_ranks.py         what a run sets up in its own way on each of several ranks
    run.py              from settings to a trained network in its folder
    schedules.py        --schedule and --replay
    compare.py          a run beside what its recipe promises
    train.py, finetune.py, plan.py, export.py
    code_version.py     which code a result is from
    measure.py          what is found in a finished run
    job.py              a run of several, in a process of its own
    jobs.py             one a core
    ablate.py, claims.py
    network_of.py       which network a run is of
    command_line.py     which command it is, and what becomes of errors
"""

import sys

try:
    import tinynet.files.file_lock  # noqa: F401
except ImportError as error:  # on Windows
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

from tinynet.commands.example import Example  # noqa: E402

__all__ = ["Example"]
