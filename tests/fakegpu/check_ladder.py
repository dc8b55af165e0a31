"""The ladder's rungs, as the GPU report times them: compiled by NVRTC, and equal to NumPy's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from gpu_ladder import ladder  # noqa: E402

from tinynet.kernels.catalogue.ladder.rungs import LADDERS  # noqa: E402


def test_each_rung_is_equal_to_numpy_to_the_bit():
    sheets = {sheet.title: sheet for sheet in ladder(["cuda:0"], quick=True)}
    assert all(sheet.notes == [] for sheet in sheets.values())
    rows = [len(sheet.rows) for sheet in sheets.values()]
    assert rows == [1 + len(each.rungs) for each in LADDERS]
