"""The benchmarks run, refuse what is wrong in one line, and time nothing whose results differ."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import EXAMPLES

BENCHMARKS = EXAMPLES.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import bench_lrn  # noqa: E402
import machine  # noqa: E402
import nets  # noqa: E402
import operations  # noqa: E402
import peers  # noqa: E402
import run  # noqa: E402
from bench_small_nets import CIFAR, MODERN  # noqa: E402
from contest import FLIPS, Disagreement, Session, agree, contest, odd_ones  # noqa: E402
from engine import Engine, EngineError  # noqa: E402
from pairs import Row, Table, alternate, markdown  # noqa: E402


def refused(capsys, *argv) -> str:
    """What is printed of a command line that cannot be; its status is 2, and it is one line."""
    with pytest.raises(SystemExit) as stop:
        run.main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    return err.strip().splitlines()[-1].removeprefix("run.py: error: ")


@pytest.fixture
def session():
    """A quick one without peers."""
    made = Session([], rounds=1, seconds=0.0, quick=True)
    yield made
    made.end()


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lnr"], "there is no benchmark 'lnr': did you mean lrn?"),
        (["--peers", "torch,keras"], "there is no peer 'keras': there are torch, torch-compile,"),
        (["--python", "jacks=python"], "there is no peer 'jacks'"),
        (["--python", "torch=/no/python"], "--python: torch: there is no program /no/python"),
        (["--rounds", "0"], "--rounds expects at least 1, got 0"),
        (["--json", "/no/folder/f.json"], "--json: there is no folder /no/folder"),
        (["--results", "/no/folder/f.md"], "--results: there is no folder /no/folder"),
        (["--quik"], "has no flag --quik: did you mean --quick?"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(capsys, argv, message):
    assert refused(capsys, *argv).startswith(message)


def test_data_that_are_no_photographs_are_refused(capsys, tmp_path):
    assert run.main(["data", "--quick", "--peers", "", "--data", str(tmp_path)]) == 2
    assert f"error: --data: {tmp_path}: neither train/ nor val/" in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_left_out_and_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(run.PEERS, "torch", ("no-such-distribution", ["engine_torch.py"]))
    results = tmp_path / "results.md"
    argv = ["softmax", "--quick", "--peers", "torch", "--results", str(results)]
    assert run.main(argv) == 0
    told = f"torch left out: no-such-distribution is not installed in {sys.executable}"
    assert f"note: {told}\n" in capsys.readouterr().err
    assert told in results.read_text(encoding="utf-8")


def test_variables_that_slow_blas_down_are_told(capsys, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    assert any(w.startswith("OPENBLAS_CORETYPE set: OpenBLAS runs") for w in machine.warnings())
    assert "OPENBLAS_CORETYPE=Haswell" in machine.described()["variables"]
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    assert not any("OpenBLAS" in warning for warning in machine.warnings())


# ------------------------------------------------------------------------------- results come first


def test_operations_networks_and_import_run_and_leave_table_and_json(capsys, tmp_path):
    names = ["small-nets", "conv", "sgd", "augment", "dropout", "import"]
    json_file, results = tmp_path / "f.json", tmp_path / "RESULTS.md"
    files = ["--json", str(json_file), "--results", str(results)]
    assert run.main([*names, "--quick", "--peers", "", *files]) == 0
    printed, page = capsys.readouterr().out, results.read_text(encoding="utf-8")
    measured = json.loads(json_file.read_text(encoding="utf-8"))
    assert [table["title"] for table in measured["tables"]] == names
    for table in measured["tables"]:
        assert f"## {table['title']}\n" in printed and f"## {table['title']}\n" in page
        for row in table["rows"]:
            assert row["values"].keys() == {"tinynet", "bound"}
            assert all(value > 0 for values in row["values"].values() for value in values)
    labels = [row["label"] for row in measured["tables"][1]["rows"]]
    assert labels == ["conv5 forward", "conv5 backward"]
    for word in ("NumPy", "BLAS", "GFLOP/s", "GB/s", "A quick run"):
        assert word in page


def test_a_result_that_is_not_the_definitions_is_not_timed(session):
    lrn2 = bench_lrn.NORMS[-1]
    wrong = replace(lrn2, definition=lambda x, **o: bench_lrn.definition(x, **{**o, "k": 2.02}))
    with pytest.raises(Disagreement, match="lrn2: y is .* off"):
        operations.run(session, "lrn", "", [wrong])


def test_a_gradient_that_is_not_the_definitions_is_not_timed(session, monkeypatch):
    lrn2, true = bench_lrn.NORMS[-1], operations._own_results
    monkeypatch.setattr(
        operations,
        "_own_results",
        lambda *args: {k: v * (1.01 if k == "dx" else 1) for k, v in true(*args).items()},
    )
    with pytest.raises(Disagreement, match="lrn2: the gradients give a slope"):
        operations.run(session, "lrn", "", [lrn2])


def test_a_failing_benchmark_is_told_and_the_others_go_on(capsys, monkeypatch):
    def fails(session):
        raise Disagreement("y of torch is 3 off")

    monkeypatch.setattr(run.BENCHMARKS["conv"], "benchmark", fails)
    assert run.main(["conv", "softmax", "--quick", "--peers", ""]) == 1
    out, err = capsys.readouterr()
    assert "error: conv: y of torch is 3 off" in err
    assert "## conv\n\nFailed" in out and "cross_entropy8 forward" in out


def test_a_run_that_is_stopped_keeps_what_it_has(monkeypatch, tmp_path):
    def stopped(session):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.BENCHMARKS["conv"], "benchmark", stopped)
    json_file, results = tmp_path / "f.json", tmp_path / "RESULTS.md"
    files = ["--json", str(json_file), "--results", str(results)]
    with pytest.raises(KeyboardInterrupt):
        run.main(["softmax", "conv", "--quick", "--peers", "", *files])
    assert "cross_entropy8 forward" in results.read_text(encoding="utf-8")
    measured = json.loads(json_file.read_text(encoding="utf-8"))
    assert [table["title"] for table in measured["tables"]] == ["softmax"]


def test_peers_must_agree_in_names_shapes_and_values():
    ours = {"y": np.array([1.0, 2.0])}
    agree("torch", ours, {"y": np.array([1.0, 2.001])})
    for theirs in ({"y": np.array([1.0, 2.01])}, {"y": np.ones(3)}, {"z": ours["y"]}):
        with pytest.raises(Disagreement, match="torch"):
            agree("torch", ours, theirs)
    with pytest.raises(Disagreement):
        agree("torch", ours, {"y": np.array([1.0, np.nan])})


def test_a_nets_gradients_agree_as_a_whole():
    ours = {"dweight": np.ones(10_000)}
    one_window = np.ones(10_000)
    one_window[7] = 1.1  # another pixel won it, by rounding
    agree("torch", ours, {"dweight": one_window}, FLIPS)
    for theirs in (np.ones(10_000) * 1.031, np.zeros(10_000), np.full(10_000, np.nan)):
        with pytest.raises(Disagreement, match="dweight of torch"):
            agree("torch", ours, {"dweight": theirs}, FLIPS)
    with pytest.raises(Disagreement):
        agree("torch", ours, {"dweight": one_window})


def of_a_net(gradient, dtype="float64"):
    return {"loss": np.ones((), dtype), "dweight": np.full(9, gradient, dtype)}


def test_a_net_must_be_the_same_in_float64_and_nearly_so_in_float32():
    exact = {"tinynet": of_a_net(1.0), "torch": of_a_net(1.0)}
    ours, near, far = (of_a_net(g, "float32") for g in (1.001, 0.98, 0.9))
    assert odd_ones({"tinynet": ours, "torch": near}, exact) == {}
    with pytest.raises(Disagreement, match="dweight of torch is 0.3 off"):
        odd_ones({"tinynet": ours, "torch": far}, exact)
    with pytest.raises(
        Disagreement, match="dweight of tinynet is 0.3 off"
    ):  # ours may be wrong too
        odd_ones({"tinynet": far, "torch": near}, exact)
    slightly = {**exact, "torch": of_a_net(1.000001)}  # a mistake that float32 would hide
    with pytest.raises(Disagreement, match="dweight of torch in float64"):
        odd_ones({"tinynet": ours, "torch": near}, slightly)
    single = {**exact, "jax": of_a_net(1.000001, "float32")}  # which knows no float64
    del single["torch"]
    assert odd_ones({"tinynet": ours, "jax": near}, single) == {}


def test_of_three_the_one_that_computes_something_else_is_left_out():
    ours, other = {"y": np.array([1.0, 2.0])}, {"y": np.array([0.0, 0.0])}
    assert odd_ones({"tinynet": ours}) == {}
    found = odd_ones({"tinynet": ours, "torch": ours, "torch-compile": other})
    assert found == {"torch-compile": "y of torch-compile is 2 off, where the largest is 0"}
    with pytest.raises(Disagreement, match="y of torch is 2 off"):  # it may be tinynet's
        odd_ones({"tinynet": ours, "torch": other})


def test_a_peer_whose_process_ends_is_left_out_of_the_row(session, monkeypatch):
    monkeypatch.setitem(peers.PEERS, "torch", ("torch", ["no_such_engine.py"]))
    session.peers.append(peers.Peer("torch", "2", sys.executable))
    table = Table("t", "")
    contest(session, table, nets.Net("a net", "cifar10", {**CIFAR, "width": 0.1}, 2).work())
    assert table.notes == ["a net: left out: the process of torch ended"]
    assert table.rows[0].values.keys() == {"tinynet", "bound"}


def test_a_peer_that_cannot_even_start_is_ended_like_any_other():
    engine = Engine("torch", sys.executable, ["engine_of_nobody.py"])
    engine.process.wait()
    with pytest.raises(EngineError, match="the process of torch ended"):
        engine.make({}, "arrays.npz")
    engine.end()


# --------------------------------------------------------------------------------- pairs and tables


def test_contestants_take_turns_and_every_second_round_goes_backwards():
    order = []
    work = {name: lambda name=name: order.append(name) or {"step": 1.0} for name in "abc"}
    assert alternate(work, 2) == {"step": {"a": [1, 1], "b": [1, 1], "c": [1, 1]}}
    assert order == [*"abc", *"cba"]


def test_a_table_shows_medians_spread_share_and_who_is_behind():
    values = {"tinynet": [0.2, 0.1, 0.3], "torch": [0.1, 0.1, 0.1], "bound": [0.1, 0.1, 0.1]}
    text = markdown(Table("t", "Text.", [Row("conv1", values, items=4)], notes=["jax: no"]))
    head, _, row = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        *("", "tinynet, ms", "images/s", "% of bound", "torch, ms", "torch / tinynet")
    ]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        *("conv1", "200 (100-300)", "20.0", "50 %", "100", "0.50 (0.33-1.00) **behind**")
    ]
    assert "- jax: no\n" in text


@pytest.mark.parametrize("arguments", [MODERN, CIFAR], ids=["modern", "80sec"])
def test_the_bound_of_a_network_has_its_multiplications(arguments):
    """Forward, each weight meets each place once an image; backward twice but for the first."""
    example = "cifar10" if arguments is CIFAR else "alexnet"
    training, inference = (nets.Net("", example, arguments, 4, t).work() for t in (True, False))
    forward = multiplications(inference.bound["step"]["products"])
    layers = [p.shape for name, p in inference.arrays.items() if name.endswith("weight")]
    assert forward > 4 * sum(int(np.prod(shape)) for shape in layers)
    first = multiplications(inference.bound["step"]["products"][:1])
    assert multiplications(training.bound["step"]["products"]) == 3 * forward - first


def multiplications(products: list) -> int:
    return sum(times * int(np.prod(_shape(a))) * _shape(b)[-1] for a, b, times in products)


def _shape(written: list[int]) -> list[int]:
    """A minus sign says that the last two axes are swapped."""
    *rest, rows, columns = map(abs, written)
    return [*rest, columns, rows] if min(written) < 0 else [*rest, rows, columns]
