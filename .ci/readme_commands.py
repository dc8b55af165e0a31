"""Run the README's shell commands, so that none of them goes stale.

Every line of a ```sh block is run, in order, in the root of the project, with runs/ elsewhere; a
command that fails fails this program. A block whose first line is a comment with the word "needs"
(a GPU, photographs) is named and left out, and so are the lines that install or run the tests:
.ci/run does these itself.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OWN = ("git clone", "cd ", "pip install", "python -m pytest")


def commands(readme: str) -> list[str]:
    lines = []
    for block in re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        first = block.splitlines()[0]
        if first.startswith("#") and "needs" in first:
            print(f"left out: {first}")
            continue
        lines += [re.sub(r"\s+#.*", "", line).strip() for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith((*OWN, "#"))]


def main() -> int:
    runs = tempfile.mkdtemp()  # a folder of its own: a run's folder must be empty at its start
    for command in commands(Path("README.md").read_text(encoding="utf-8")):
        print(f"\n$ {command}", flush=True)
        start = time.perf_counter()
        status = subprocess.run(
            command.replace("runs/", f"{runs}/"), shell=True, check=False
        ).returncode
        print(f"({time.perf_counter() - start:.0f} s)", flush=True)
        if status:
            print(f"error: this command of README.md ended with status {status}: {command}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
