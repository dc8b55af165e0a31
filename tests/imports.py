"""What a Python file imports, read from its text: nothing is run."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Import:
    """`from module import name`, or `import module` with name None.

    `later`: inside a function, so that it runs when that is called.
    """

    module: str
    name: str | None
    later: bool


def modules(root: Path, package: str) -> dict[str, Path]:
    """The modules of a package that lies in `root`, by their full names."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> list[Import]:
    """The imports of a file. Where `from a import b` names a module that is known, that is it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    later = {id(inner) for function in functions for inner in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, None, id(node) in later) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full, from tinynet on"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                module, name = (full, None) if full in known else (node.module, alias.name)
                found.append(Import(module, name, id(node) in later))
    return found
