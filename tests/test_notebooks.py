"""What a notebook shows: modules, summaries and checked gradients as tables of HTML."""

import ast
import io
import json
import re
from contextlib import redirect_stdout
from xml.etree import ElementTree

import numpy as np
import pytest
from imports import ROOT

from tinynet import Tensor, nn, simulator
from tinynet import functional as F
from tinynet.gradient_check import gradient_table
from tinynet.models import LeNet
from tinynet.ops.activation import Tanh
from tinynet.reports.summary import summary_table


def cells(shown):
    """The cells of what `_repr_html_` gives, row by row; it must be well-formed."""
    root = ElementTree.fromstring(f"<div>{shown._repr_html_()}</div>")
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]


def test_a_module_is_a_table_of_its_layers():
    net = nn.Sequential(conv1=nn.Conv2d(1, 8, 5), relu1=nn.ReLU(), fc=nn.Linear(8, 2))
    assert cells(net) == [
        ["Sequential", "", "parameters"],
        ["conv1", "Conv2d, weight 8 x 1 x 5 x 5, bias 8, stride 1, padding 0, groups 1", "208"],
        ["relu1", "ReLU", ""],
        ["fc", "Linear, weight 2 x 8, bias 2", "18"],
        ["total", "", "226"],
    ]
    assert cells(nn.ReLU()) == [["ReLU", "", "parameters"], ["-", "ReLU", ""], ["total", "", "0"]]


def test_a_shared_parameter_counts_once_and_names_are_escaped():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 3)
            self.b = nn.Linear(2, 3)
            self.b.weight = self.a.weight
            self.b.mode = "<&>"

    table = cells(Tied())
    assert [row[2] for row in table[1:]] == ["9", "3", "12"]
    assert table[2][1].endswith("mode <&>")


def test_a_summary_is_text_and_a_table():
    table = summary_table(LeNet(), 32)
    lines = str(table).splitlines()
    assert lines[0].split()[:3] == ["layer", "output", "filters"] and set(lines[1]) == {"-"}
    assert repr(table) == str(table)
    rows = cells(table)
    assert rows[0][0] == "layer" and rows[-1][0] == "total" and rows[-1][4] == "60,000"
    for row in rows:  # the same words in both
        assert " ".join(" ".join(row).split()) in re.sub(r" +", " ", str(table))


def test_gradients_are_a_table_that_says_what_is_wrong(monkeypatch):
    net = nn.Sequential(fc1=nn.Linear(3, 4, dtype="float64"), tanh=nn.Tanh())
    net.fc2 = nn.Linear(4, 2, dtype="float64")
    x, labels = Tensor(np.random.default_rng(0).standard_normal((5, 3))), np.array([0, 1, 1, 0, 1])

    def loss():
        return F.cross_entropy(net(x), labels)

    names = [name for name, _ in net.named_parameters()]
    rows = cells(gradient_table(loss, net.named_parameters()))
    assert [row[0] for row in rows[1:-1]] == names and rows[1][1] == "4 x 3"
    assert all(row[2] == "right" and float(row[3]) < 1e-6 for row in rows[1:-1])
    assert rows[-1][2] == "all right"
    monkeypatch.setattr(Tanh, "backward", lambda self, dy: 1.01 * dy)  # a mistake is planted
    found = {row[0]: row[2] for row in cells(gradient_table(loss, net.named_parameters()))}
    assert found["fc1.weight"].startswith("WRONG: ") and "backward gives" in found["fc1.weight"]
    assert found["fc2.weight"] == "right" and found["total"] == "2 wrong"


# ------------------------------------------------------------------------ notebooks/first.ipynb


def run_cell(text, names):
    """Run a cell as a notebook does; what it printed, and the value of its last line."""
    *lines, last = ast.parse(text).body
    printed = io.StringIO()
    with redirect_stdout(printed):
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(lines, []), "cell", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        else:
            exec(compile(ast.Module([*lines, last], []), "cell", "exec"), names)
            value = None
    return printed.getvalue(), value


def words(text):
    """Without numbers, of which the last digits are the machine's."""
    return re.sub(r"[\d.,e+-]*\d[.]?", "0", text)


def test_the_first_notebook_runs_and_shows_what_is_in_it():
    if simulator.unavailable():
        pytest.skip(simulator.unavailable())
    notebook = json.loads((ROOT / "notebooks" / "first.ipynb").read_text(encoding="utf-8"))
    cells_of_code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    names, values = {}, []
    for cell in cells_of_code:
        printed, value = run_cell("".join(cell["source"]), names)
        values.append(value)
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                assert words(printed) == words("".join(output["text"]))
                printed = ""
            else:
                assert words(repr(value)) == words("".join(output["data"]["text/plain"]))
                html = output["data"].get("text/html")  # that of the page is left out
                assert html is None or words(value._repr_html_()) == words("".join(html))
                value = None
        assert printed == "" and value is None  # all that it shows is in the file
    assert names["wrong"].mean() < 0.1
    assert values[2].total[2] == "all right"
    frame = ElementTree.fromstring(values[-1]._repr_html_())
    assert frame.tag == "iframe" and "relu_forward_kernel" in frame.get("srcdoc")
