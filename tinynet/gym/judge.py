"""The judge: tries a solution in a process of its own, which it cannot harm.

A kernel is compiled for this machine and run. It may print megabytes, end the process, or never
end; so what it prints is read up to a limit, and the process is stopped after a time.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from tinynet.gym.exercise import Exercise
from tinynet.gym.trial import Verdict
from tinynet.kernels.catalogue import trials

SECONDS_A_LAUNCH = "1"  # of processor time; the launches that are judged take milliseconds
SECONDS = 60  # in all, compiling the solution included: more than any machine needs
PRINTED = 2000  # bytes that are shown of what a solution prints


def judge(exercise: Exercise, text: str, name: str) -> tuple[Verdict, str]:
    """The verdict on the text of a file of this name, and the beginning of what it printed."""
    _compile_ours(exercise)
    environment = {**os.environ, "TINYNET_SIM_TIMEOUT": SECONDS_A_LAUNCH, "TINYNET_SIM": ""}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "verdict.json"
        file = Path(folder) / "solution.cu"
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "tinynet.gym.trial", exercise.kernel, file, name, result]
        with subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what it starts ends with it
        ) as child:
            printed = bytearray()
            reader = threading.Thread(target=_read, args=(child.stdout, printed))
            reader.start()
            try:
                status = child.wait(SECONDS)
            except subprocess.TimeoutExpired:
                return Verdict(False, f"stopped: it took more than {SECONDS} s."), _text(printed)
            finally:
                with suppress(ProcessLookupError):  # where it has not ended: after that time, ...
                    os.killpg(child.pid, signal.SIGKILL)  # ... for Ctrl-C, or what it has started
                reader.join()
        if not result.exists():
            reason = f"the kernel ended the judge's process (status {status}): it must not."
            if status == -signal.SIGXCPU:  # trial.py has set a limit
                reason = "stopped: it works on and on, before the kernel's first line or after it."
            return Verdict(False, reason), _text(printed)
        return Verdict(**json.loads(result.read_text(encoding="utf-8"))), _text(printed)


def _compile_ours(exercise: Exercise) -> None:
    """Compile the kernel that is compared with, and what all are linked with: at first, that is."""
    with ThreadPoolExecutor() as pool:
        begun = [
            pool.submit(trials.compile_ahead, exercise.reference.kernel, real, mode)
            for real, mode in (("double", "check"), ("float", "profile"))
        ]
        if wait(begun, timeout=1).not_done:
            print("compiling ours: it is kept, so this happens once", file=sys.stderr)


def _read(stream, printed: bytearray) -> None:
    while chunk := stream.read1(1 << 16):
        printed += chunk[: max(0, PRINTED - len(printed))]


def _text(printed: bytearray) -> str:
    return printed.decode("utf-8", "replace")
