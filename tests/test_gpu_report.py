"""The GPU report, on simulated devices: its parts run, one that fails costs no other."""

import json
import sys
from collections import Counter
from dataclasses import replace

import pytest
from test_simulator_devices import needs_compiler
from tiny_runs import EXAMPLES

sys.path.insert(0, str(EXAMPLES.parent / "benchmarks"))

import gpu_ladder  # noqa: E402
import gpu_report  # noqa: E402
from gpu_report import Part, Sheet  # noqa: E402
from gpu_step import timeline  # noqa: E402

from tinynet.devices import UnusableGpu  # noqa: E402
from tinynet.kernels.catalogue.ladder.rungs import LADDERS, TRANSPOSE  # noqa: E402


def report(tmp_path, parts: str, *argv: str, devices: str = "sim:0") -> tuple[int, dict, str]:
    """Status, and what stands in the two files."""
    flags = ["--devices", devices, "--quick", "--out", str(tmp_path / "r"), "--parts", parts]
    status = gpu_report.main([*flags, *argv])
    page = (tmp_path / "r.md").read_text(encoding="utf-8")
    return status, json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["parts"], page


@needs_compiler
def test_parts_leave_their_sheets_in_one_page_and_one_json(tmp_path):
    status, parts, page = report(tmp_path, "machine,step,memory")
    assert (status, [*parts]) == (0, ["machine", "step", "memory"])
    _, launches = parts["step"]["sheets"]
    counted = {row[0]: row[1] for row in launches["rows"]}
    assert (counted["max_pool_forward"], counted["lrn_within_forward"]) == (3, 1)
    planned, measured = (float(mb) for mb in parts["memory"]["sheets"][0]["rows"][0][1:])
    assert measured == pytest.approx(planned, rel=0.15)
    for title in ("the devices", "the step", "the step, launch by launch", "memory"):
        assert f"\n## {title}\n" in page


@needs_compiler
def test_two_devices_give_the_weights_of_one(tmp_path):
    status, parts, page = report(tmp_path, "pairs", devices="sim:0,sim:1")
    titles = [sheet["title"] for sheet in parts["pairs"]["sheets"]]
    assert (status, titles) == (0, ["copies between devices", "overlap", "towers"])
    assert "should be the same" not in page


@needs_compiler
def test_the_ladders_rungs_stand_beside_what_the_libraries_take(tmp_path):
    status, parts, _ = report(tmp_path, "ladder")
    assert status == 0
    for ladder, sheet in zip(LADDERS, parts["ladder"]["sheets"], strict=True):
        library, *rungs = [row[0] for row in sheet["rows"]]
        assert sheet["notes"] == [] and sheet["head"][-1] == f"% of the speed of {library}"
        assert rungs == [f"{i}. {rung.title}" for i, rung in enumerate(ladder.rungs, 1)]


@needs_compiler
def test_a_rung_that_is_wrong_is_told_and_not_timed(monkeypatch):
    mistaken = replace(TRANSPOSE, expected=lambda x: x.T + (x.T == 4))
    monkeypatch.setattr(gpu_ladder, "LADDERS", [mistaken])
    *_, sheet = gpu_ladder.ladder(["sim:0"], quick=True)
    assert len(sheet.rows) == 1 and len(sheet.notes) == len(TRANSPOSE.rungs)
    assert sheet.notes[0] == "**transpose_naive is wrong**, and not timed"


@needs_compiler
def test_a_part_that_fails_is_told_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TINYNET_GEMM", "quickly")
    status, parts, page = report(tmp_path, "step,machine")
    reason = "ValueError: TINYNET_GEMM expects naive or tiled, got 'quickly'"
    assert (status, parts["step"]["failed"], parts["machine"]["failed"]) == (1, reason, "")
    assert f"**Part `step` failed**: {reason}" in page and "## the devices" in page
    assert f"error: step: {reason}\n" in capsys.readouterr().err


@needs_compiler
def test_a_part_that_takes_too_long_is_stopped_and_told(tmp_path):
    status, parts, page = report(tmp_path, "step", "--limit", "0.05")
    assert (status, parts["step"]["failed"]) == (1, "not done within 0.05 s")
    assert parts["step"]["seconds"] < 5


def test_what_a_part_had_found_when_it_was_stopped_is_kept(tmp_path, monkeypatch):
    def grows(devices, quick):
        for name in devices:
            sheet = Sheet(name, "", ["figure"])
            for row in range(2):
                sheet.rows.append([row])
                yield sheet
        raise KeyboardInterrupt

    part = Part("", limit=1)
    monkeypatch.setattr(Part, "function", lambda self: grows)
    monkeypatch.setitem(gpu_report.PARTS, "grows", part)
    into = tmp_path / "sheets.json"
    argv = ["--part", "grows", "--into", str(into), "--devices", "sim:0,sim:1"]
    with pytest.raises(KeyboardInterrupt):
        gpu_report.main(argv)
    sheets = json.loads(into.read_text(encoding="utf-8"))
    assert [(sheet["title"], sheet["rows"]) for sheet in sheets] == [
        ("sim:0", [[0], [1]]),
        ("sim:1", [[0], [1]]),
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--devices", "cuda:99"], "error: --devices: device: "),
        (["--devices", "cpu"], "error: --devices: device: expected 'cuda:N' or 'sim:N', got 'cpu'"),
        (["--devices", "sim:0,sim:1,sim:2"], "--devices expects one or two, got 3"),
        (["--parts", "kernel"], "there is no part 'kernel': did you mean kernels?"),
        (["--out", "/no/folder/r"], "--out: there is no folder /no/folder"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(capsys, argv, message):
    try:
        status = gpu_report.main(argv)
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    last = err.splitlines()[-1].removeprefix("gpu_report.py: error: ")
    assert (status, out) == (2, "") and last.startswith(message)


def test_a_gpu_that_cannot_be_used_is_told_in_one_line(capsys, monkeypatch):
    def unusable(name):
        raise UnusableGpu(f"device: {name!r} has too old a driver for this CuPy")

    monkeypatch.setattr(gpu_report, "open_device", unusable)
    assert gpu_report.main(["--devices", "cuda:0"]) == 2
    told = "error: --devices: device: 'cuda:0' has too old a driver for this CuPy\n"
    assert capsys.readouterr().err == told


def test_idle_time_is_what_no_kernel_of_any_stream_covers():
    #  a from 0 to 4, b within it and on to 6; nothing until 9; a again
    kernels = [("a", 0.0, 4000.0), ("b", 3000.0, 6000.0), ("a", 9000.0, 10000.0)]
    sheet = timeline(kernels, Counter(cudaLaunchKernel=3, cudaStreamSynchronize=2))
    assert sheet.rows[:2] == [["a", 2, 5.0], ["b", 1, 3.0]]
    assert sheet.notes[0] == "3 kernels, copies and fills; busy 7.00 ms, idle 3.00 ms in 1 gaps"
    assert sheet.notes[1] == "synchronisations: 2"
