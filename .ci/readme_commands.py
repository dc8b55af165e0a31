"""Run the shell commands and Python programs of the README and of the tour: none goes stale.

Every line of a ```sh block is run, in order, in the root of the project, with runs/ elsewhere; a
command that fails fails this program. A block whose first line is a comment with the word "needs"
(a GPU, photographs) is named and left out, and so are the lines that install or run the tests:
.ci/run does these itself.

A ```python block of the README is run as a program, and must print what the block after it shows:
the same words, and numbers that differ by no more than machines do, whose BLAS sum in orders of
their own. So must the commands of the tour under which an output stands (its Python is quoted).
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGES = ("README.md", "docs/tour.md", "docs/questions.md")
OWN = ("git clone", "cd ", "pip install", "python -m pytest")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```(?:\n\n```\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def blocks(readme: str) -> list[tuple[str, str, str]]:
    """Of each block to run: "sh" or "python", its text, and the block without a language after it,
    which shows an output ("" if there is none)."""
    return [(kind, text, shown or "") for kind, text, shown in BLOCK.findall(readme)]


def commands(text: str) -> list[str]:
    """The commands of a ```sh block that are to be run."""
    first = text.splitlines()[0]
    if first.startswith("#") and "needs" in first:
        print(f"left out: {first}")
        return []
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith((*OWN, "#"))]


def difference(shown: str, printed: str, page: str = "README.md") -> str | None:
    """The first line that was printed otherwise than shown; None if there is none.

    A number may differ by one in its last decimal, or by 2 %.
    """
    ours, theirs = shown.splitlines(), printed.splitlines()
    for line, other in zip(ours, theirs):
        if NUMBER.sub("0", line) != NUMBER.sub("0", other):
            return f"{page} shows {line!r}, printed is {other!r}"
        for number, another in zip(NUMBER.findall(line), NUMBER.findall(other)):
            last_decimal = 10.0 ** -len(number.partition(".")[2])
            allowed = max(1.001 * last_decimal, 0.02 * float(number))
            if abs(float(number) - float(another)) > allowed:
                return f"{page} shows {line!r}, printed is {other!r}"
    if len(ours) != len(theirs):
        return f"{page} shows {len(ours)} lines, printed are {len(theirs)}"
    return None


def run_program(text: str, shown: str) -> str | None:
    """What is wrong with a ```python block; None if nothing is."""
    result = subprocess.run([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    print(result.stdout, flush=True)
    if result.returncode:
        return f"it ended with status {result.returncode}"
    return difference(shown, result.stdout)


def run_commands(text: str, shown: str, page: str, runs: str) -> str | None:
    """What is wrong with a ```sh block; None if nothing is. `shown`: "" for any output."""
    printed, its = "", commands(text)
    for command in its:
        print(f"\n$ {command}", flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            command.replace("runs/", f"{runs}/"),
            shell=True,
            stdout=subprocess.PIPE if shown else None,
            text=True,
        )
        printed += done.stdout or ""
        print(f"({time.perf_counter() - start:.0f} s)", flush=True)
        if done.returncode:
            return f"this command of {page} ended with status {done.returncode}: {command}"
    return difference(shown, printed, page) if shown and its else None


def main() -> int:
    runs = tempfile.mkdtemp()  # a folder of its own: a run's folder must be empty at its start
    run = set()  # blocks of the tour and of the questions: some stand in both
    for page in PAGES:
        of_readme = page == "README.md"
        for kind, text, shown in blocks(Path(page).read_text(encoding="utf-8")):
            if (text, shown) in run and not of_readme:
                continue
            run.add((text, shown))
            if kind == "sh":
                wrong = run_commands(text, "" if of_readme else shown, page, runs)
            elif of_readme:
                print(f"\n{text}", flush=True)
                wrong = run_program(text, shown)
            else:
                wrong = None  # a definition, quoted
            if wrong:
                print(f"error: {wrong}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
