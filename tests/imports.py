"""What a Python file imports, read from its text: nothing is run."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Import:
    """`from module import name`, or `import module` with name None.

    `local`: what the file calls it. `later`: inside a function, to run when that is called.
    """

    module: str
    name: str | None
    local: str
    later: bool


def modules(root: Path, package: str) -> dict[str, Path]:
    """The modules of a package that lies in `root`, by their full names."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _statements(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The import statements of a file, and whether each is inside a function."""
    found, waiting = [], [(parsed(path), False)]
    while waiting:
        node, later = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, later))
        later = later or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        waiting += [(child, later) for child in ast.iter_child_nodes(node)]
    return found


def imports(path: Path, known: dict[str, Path]) -> list[Import]:
    """The imports of a file. Where `from a import b` names a module that is known, that is it."""
    found = []
    for node, later in _statements(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full, from tinynet on"
        for alias in node.names:
            local = alias.asname or alias.name
            if isinstance(node, ast.Import):
                found.append(Import(alias.name, None, local, later))
                continue
            full = f"{node.module}.{alias.name}"
            module, name = (full, None) if full in known else (node.module, alias.name)
            found.append(Import(module, name, local, later))
    return found
