"""The README's table "How to read the code": each file can be read with those before it.

A link to a file is that file. A link whose text ends with / is a folder: all of its files, in the
order in which the docstring of its `__init__.py` names them, and that one last. What must have been
read is the file that defines an imported name, wherever it was imported from. Three kinds of
imports ask for nothing: a name that stands in type hints alone; an import inside a function; and
console/ and files/, whose names say what their tools do. And one operation, forward and backward,
leads through few files.
"""

import ast
import re

from imports import ROOT, imports, modules, parsed

README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = re.search(r"^\| read \| and learn \|\n((?:\|.*\n)+)", README, re.MULTILINE)[1]
TOOLS = (ROOT / "tinynet" / "console", ROOT / "tinynet" / "files")


def files_of(folder):
    """The Python files of a folder in the order of its docstring, those of its own folders too."""
    door = folder / "__init__.py"
    text = ast.get_docstring(parsed(door)) or ""
    found = []
    for name in re.findall(r"\b(\w+\.py|\w+/)(?=[\s`,;.)]|$)", text):
        path = folder / name
        if (path / "__init__.py").exists():
            found += [f for f in files_of(path) if f not in found]
        elif path.is_file() and path not in found:
            found.append(path)
    return [*found, door]


def in_order(links):
    """The files that the links lead to."""
    found = []
    for text, link in links:
        path = ROOT / link
        found += files_of(path.parent) if text.endswith("/") else [path]
    return found


def defined_in(module, name, known):
    """The file that defines what is imported: where an `__init__.py` only hands it on, follow."""
    path = known[module]
    if name is not None and path.name == "__init__.py":
        for i in imports(path, known):
            if i.local == name and i.module in known:
                return defined_in(i.module, i.name, known)
    return path


def names_in_use(path):
    """The names that a file uses anywhere but in type hints."""
    tree = parsed(path)
    hints = set()
    for node in ast.walk(tree):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if hint is not None:
                hints |= {id(inner) for inner in ast.walk(hint)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in hints}
    exported = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}  # in __all__
    return used | (exported if path.name == "__init__.py" else set())


def asked_for(path, known):
    """The files that must have been read before this one."""
    used = names_in_use(path)
    found = {
        defined_in(i.module, i.name, known)
        for i in imports(path, known)
        if i.module in known and not i.later and i.local.split(".")[0] in used
    }
    return {f for f in found if f != path and not any(f.is_relative_to(tool) for tool in TOOLS)}


def too_early(files, known):
    """For each file, what it asks for that does not stand before it."""
    seen, wrong = set(), {}
    for path in files:
        if path.suffix == ".py" and (missing := asked_for(path, known) - seen):
            wrong[path.name] = sorted(m.name for m in missing)
        seen.add(path)
    return wrong


KNOWN = modules(ROOT, "tinynet")
LINKS = re.findall(r"\[([^]]+)\]\(([^)]+)\)", TABLE)


def test_every_link_of_the_table_leads_to_a_file():
    assert LINKS
    assert [link for _, link in LINKS if not (ROOT / link).is_file()] == []


def test_each_file_of_the_table_can_be_read_with_those_before_it():
    assert too_early(in_order(LINKS), KNOWN) == {}


def test_the_table_leads_through_the_whole_house():
    """Whatever it links to, all files of all rooms are met; only the tools, and none twice."""
    files = in_order(LINKS)
    assert len(files) == len(set(files))
    missed = set(KNOWN.values()) - set(files)
    assert sorted(str(f) for f in missed if not any(f.is_relative_to(t) for t in TOOLS)) == []


def test_what_comes_too_early_is_found(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    files = {
        "__init__.py": '"""First `c.py`, then b.py."""\nfrom p.a import X\n',
        "a.py": "class X:\n    pass\n",
        "b.py": "from p import X\n\n\ndef f(x: X) -> X:\n    return x\n",
        "c.py": "from p import X\n\n\ndef f(x):\n    return X()\n",
        "d.py": "def f(x):\n    from p import X\n    return X()\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    known = modules(tmp_path, "p")
    a, b, c, d = (package / name for name in ("a.py", "b.py", "c.py", "d.py"))
    assert too_early([b, d, c, a], known) == {"c.py": ["a.py"]}
    assert too_early([a, c, b, d], known) == {}
    assert files_of(package) == [c, b, package / "__init__.py"]


def test_one_conv2d_is_followed_in_a_sitting(monkeypatch):
    """Forward and backward: so few files and lines of functions; see benchmarks/entered.py."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import entered

    work = entered.conv2d("cpu")
    work()
    found = entered.entered(work)
    assert {"functional.py", "ops/conv.py", "tape.py", "kernels/bias.py"} <= found.keys()
    lines = {file: entered.lines_of(functions) for file, functions in found.items()}
    assert len(lines) <= 22 and sum(lines.values()) <= 800, lines
