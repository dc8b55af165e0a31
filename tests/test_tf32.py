"""--tf32, where there is no TF32. Over tests/fakegpu, where there may be, see check_tf32.py."""

import json

import pytest
from tiny_runs import run, train

import tinynet


@pytest.mark.parametrize("name", ["cpu", "sim:0", "cpu,sim:0"])
def test_tf32_is_refused_where_there_is_none(photos, tmp_path, name):
    try:
        [tinynet.device(each) for each in name.split(",")]
    except ValueError as reason:
        pytest.skip(str(reason))
    result = run("train", "--data", photos, "--devices", name, "--tf32", "--out", tmp_path / "run")
    assert (result.status, result.out) == (2, "")
    assert result.err == (
        f"error: --tf32: {name.split(',')[0]} has no TF32: NVIDIA's GPUs have it, since Ampere "
        "(2020); --no-tf32 trains without\n"
    )
    assert not (tmp_path / "run").exists()


def test_a_run_in_tf32_goes_on_elsewhere_once_told_so(photos, tmp_path):
    folder = tmp_path / "run"
    train("--data", photos, "--steps", 2, "--out", folder)
    config = json.loads((folder / "config.json").read_text())
    assert config["tf32"] is False
    (folder / "config.json").write_text(json.dumps({**config, "tf32": True}))  # as on a GPU
    again = ("train", "--resume", "--out", folder, "--steps", 3)
    refused = run(*again)
    assert refused.status == 2 and refused.err.startswith("error: --tf32: cpu has no TF32")
    result = run(*again, "--no-tf32")
    assert result.status == 0 and "TF32" not in result.out
    assert json.loads((folder / "config.json").read_text())["tf32"] is False
