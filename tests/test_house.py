"""The house of docs/house.md, kept: rooms import only from the rooms that are drawn under them."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from imports import ROOT, imports, modules, parsed

PAGE = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
DRAWING = re.search(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL).group(1)


def boxes(drawing):
    """What is written in each box, and the numbers of the boxes that it touches from above."""
    lines = drawing.splitlines()
    width = max(map(len, lines))
    cells = [line.ljust(width) for line in lines]
    box_at, texts = {}, []

    def fill(row, column):
        box, waiting, rows = len(texts), [(row, column)], {}
        while waiting:
            r, c = waiting.pop()
            if (r, c) in box_at or cells[r][c] in "+-|":
                continue
            box_at[r, c] = box
            rows.setdefault(r, {})[c] = cells[r][c]
            waiting += [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
        texts.append(" ".join("".join(rows[r][c] for c in sorted(rows[r])) for r in sorted(rows)))

    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            if cell not in "+-|" and (row, column) not in box_at:
                fill(row, column)
    under = [set() for _ in texts]
    for (row, column), box in box_at.items():
        below = box_at.get((row + 2, column), box)  # the row between them is the floor
        if below != box:
            under[box].add(below)
    return [text.split() for text in texts], under


def house(drawing):
    """For each room the rooms it may import from; and the modules written in the engine's box."""
    words, touches = boxes(drawing)
    names = [w[0] for w in words]
    under = dict(zip(names, ({names[i] for i in touched} for touched in touches)))
    allowed = {}
    for room in TopologicalSorter(under).static_order():
        allowed[room] = under[room].union(*(allowed[below] for below in under[room]))
    return allowed, set(words[names.index("engine")][1:])


ALLOWED, ENGINE = house(DRAWING)
DOORS = {"tinynet.__main__": "models", "tinynet.kernels.__main__": "kernels/catalogue"}


def room_of(module):
    """The room of a module of tinynet's: the innermost folder of it that is drawn."""
    if module in DOORS:
        return DOORS[module]
    folders = [*MODULES[module].parent.relative_to(ROOT / "tinynet").parts]
    while folders:
        if "/".join(folders) in ALLOWED:
            return "/".join(folders)
        folders.pop()
    return "engine"


MODULES = modules(ROOT, "tinynet")
IMPORTS = {name: imports(path, MODULES) for name, path in MODULES.items()}
OWN = [(importer, i) for importer, found in IMPORTS.items() for i in found if i.module in MODULES]


def upwards(edges, room, allowed):
    """Those imports, (importer, imported), that do not go down in the house."""
    return [
        (importer, imported)
        for importer, imported in edges
        if room(importer) != room(imported) and room(imported) not in allowed[room(importer)]
    ]


def circle(edges):
    """The modules of a circle of imports, or None."""
    graph = {}
    for importer, imported in edges:
        graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


# ------------------------------------------------------------------------------- the house as it is


def test_every_folder_is_a_drawn_room_or_lies_in_one():
    assert {room_of(m) for m in MODULES} | {"examples"} == ALLOWED.keys()
    folders = {path.relative_to(ROOT / "tinynet").parts[0] for path in MODULES.values()}
    assert {f for f in folders if not f.endswith(".py")} <= ALLOWED.keys()


def test_the_root_holds_the_engine_and_nothing_else():
    assert {path.stem for path in (ROOT / "tinynet").glob("*.py")} - {
        "__init__",
        "__main__",
    } == ENGINE


def test_no_module_imports_from_a_room_above_or_beside_its_own():
    assert upwards([(m, i.module) for m, i in OWN], room_of, ALLOWED) == []


def test_examples_import_only_what_exists_in_the_house():
    for path in (ROOT / "examples").glob("*.py"):
        own = [i for i in imports(path, MODULES) if i.module.split(".")[0] == "tinynet"]
        assert [i for i in own if i.module not in MODULES] == []


def test_the_simulator_imports_nothing_of_tinynets_but_itself():
    found = [(m, i.module) for m, i in OWN if room_of(m) == "simulator"]
    assert found != []
    assert [pair for pair in found if room_of(pair[1]) != "simulator"] == []


def test_modules_import_one_another_in_no_circle():
    assert circle([(m, i.module) for m, i in OWN if not i.later]) is None


def test_no_module_takes_a_private_name_of_another():
    taken = [(m, i.module, i.name) for m, i in OWN if (i.name or i.module).split(".")[-1][0] == "_"]
    for module, path in MODULES.items():
        tree = parsed(path)
        local = {i.module.split(".")[-1] for i in IMPORTS[module] if i.module in MODULES}
        taken += [
            (module, node.value.id, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in local
            and re.match("_[^_]", node.attr)
        ]
    assert taken == []


def test_libraries_are_imported_in_their_rooms_only():
    table = dict(re.findall(r"^\| (\w+) \| ?(.*?) ?\|$", PAGE, re.MULTILINE))
    del table["library"]
    assert table.keys() == {
        "cupy",
        "PIL",
        "matplotlib",
        "mpi4py",
        "onnx",
        "tensorboard",
        "wandb",
        "torch",
    }
    found = {library: set() for library in table}
    for module, those in IMPORTS.items():
        for i in those:
            if i.module.split(".")[0] in table:
                found[i.module.split(".")[0]].add(room_of(module))
    assert {library: ", ".join(sorted(rooms)) for library, rooms in found.items()} == table


def test_import_tinynet_loads_the_engine_and_the_rooms_it_stands_on():
    code = "import sys, tinynet; tinynet.nn; print(*(m for m in sys.modules if m[:7] == 'tinynet'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {room_of(module) for module in run.stdout.split()}
    assert loaded <= ALLOWED["engine"] | {"engine"}


# ------------------------------------------------------------------------------ that it can be seen

SMALL = """\
+-----------------+
| roof            |
+--------+--------+
| left   | right  |
|        +--------+
|        | engine |
|        |  a b   |
+--------+--------+
| ground          |
+-----------------+
"""


def test_a_drawing_says_which_room_lies_under_which():
    allowed, engine = house(SMALL)
    assert engine == {"a", "b"}
    assert allowed == {
        "roof": {"left", "right", "engine", "ground"},
        "left": {"ground"},
        "right": {"engine", "ground"},
        "engine": {"ground"},
        "ground": set(),
    }


@pytest.mark.parametrize("edge", ["ground roof", "engine right", "left right", "right left"])
def test_an_import_from_above_or_beside_is_found(edge):
    allowed, _ = house(SMALL)
    wrong = tuple(edge.split())
    rightly = [("roof", "engine"), ("right", "ground"), ("left", "left")]
    assert upwards([*rightly, wrong], lambda module: module, allowed) == [wrong]


def test_a_circle_is_found_through_other_modules():
    assert circle([("a", "b"), ("b", "c"), ("a", "c")]) is None
    assert set(circle([("a", "b"), ("b", "c"), ("c", "a")])) == {"a", "b", "c"}


def test_imports_are_read_wherever_they_stand(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("")
    (tmp_path / "p" / "b.py").write_text("x = 1")
    source = "import os.path\nfrom p import b\nif b:\n    from p.b import x\n"
    source += "def f():\n    from p import _y\n"
    (tmp_path / "p" / "a.py").write_text(source)
    known = modules(tmp_path, "p")
    assert known.keys() == {"p", "p.a", "p.b"}
    found = {(i.module, i.name, i.later) for i in imports(known["p.a"], known)}
    assert found == {
        ("os.path", None, False),
        ("p.b", None, False),
        ("p.b", "x", False),
        ("p", "_y", True),
    }
