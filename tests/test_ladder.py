"""The ladder: each rung right, clean, and better in what it claims; its page is up to date."""

from itertools import pairwise, product
from pathlib import Path

import pytest
from imports import ROOT

from tinynet import simulator
from tinynet.kernels.catalogue import resources
from tinynet.kernels.catalogue.ladder import __main__ as command
from tinynet.kernels.catalogue.ladder.counting import Wrong, counted, run
from tinynet.kernels.catalogue.ladder.rungs import LADDERS, PRODUCT, REDUCTION, TRANSPOSE
from tinynet.kernels.catalogue.ladder.writing import NO_NVRTC, page, sections
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.module import RawModule

PAGE = (ROOT / "docs" / "ladder.md").read_text(encoding="utf-8")
RUNGS = [(ladder, rung) for ladder in LADDERS for rung in ladder.rungs]
NVRTC = resources.nvrtc()

needs_simulator = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)
pytestmark = needs_simulator

# Sectors that a warp meets in x (32, 10, 18) where it reads 32 places of y (8, 16), for each place
# in a window of 3 x 3: all of them together.
WINDOWS = sum(
    len({((ci * 10 + at // 16 + khi) * 18 + at % 16 + kwi) // 8 for at in range(first, first + 32)})
    for ci, khi, kwi, first in product(range(32), range(3), range(3), range(0, 128, 32))
)

# Requests and sectors of global memory, passes over the banks. Of the product, a 256 x 64 and
# b 64 x 128: 1024 warps of 32 elements, 64 multiply-adds each; of the transpose, 384 rows of 32; of
# the reduction, 128 blocks of 8 warps, or 8 blocks.
COUNTS = {
    "product_naive": (1024 * 129, 1024 * (64 * (32 + 1) + 32), 0),
    "product_coalesced": (1024 * 129, 1024 * (64 * (1 + 4) + 4), 0),
    "product_shared": (1024 * 5, 1024 * (2 * 8 + 4), 1024 * (2 * 2 + 64 * 2)),
    # 8 blocks of 16 warps, 8 steps; then 8 stores
    "product_registers_1d": (128 * 24, 128 * (8 * 8 + 8 * 4), 128 * 8 * (2 + 8 * 9)),
    # 2 blocks of 8 warps, 8 steps of 8 loads; then 64 stores of 32 sectors
    "product_registers_2d": (16 * 128, 16 * (8 * 32 + 64 * 32), 16 * 8 * (8 + 8 * 8 * (2 + 4))),
    # the same bytes in a quarter of the requests, 16 sectors each; a store to a_tile is of one word
    "product_vectors": (16 * 32, 16 * (8 * 32 + 16 * 16), 16 * 8 * (4 + 4 + 8 * 4 * 4)),
    # 2 blocks of 4 warps: each copies twice as much, and reads 6 times 4 words in the place of 4
    "product_warps": (8 * 64, 8 * (8 * 64 + 32 * 16), 8 * 8 * (8 + 8 + 8 * 6 * 4)),
    "transpose_naive": (768, 384 * (4 + 32), 0),
    "transpose_tiled": (768, 384 * 8, 384 * (1 + 32)),
    "transpose_padded": (768, 384 * 8, 384 * 2),
    "reduction_interleaved": (1152, 1024 * 4 + 128, 19200),
    "reduction_compact": (1152, 1024 * 4 + 128, 19200),
    # 8 stores; rounds of 4, 2, 1, 1, 1, 1, 1 and 1 warps: two loads and a store; one load
    "reduction_halves": (1152, 1024 * 4 + 128, 128 * (8 + 3 * 12 + 1)),
    "reduction_grid": (1032, 1024 * 4 + 8, 8 * (8 + 3 * 12 + 1)),
    "reduction_shuffled": (1032, 1024 * 4 + 8, 8 * (8 + 1)),
    # 128 warps of 32 elements, 288 multiply-adds each; bias and ReLU take 3 requests, 9 sectors
    "conv_direct": (128 * (2 * 288 + 1 + 3), 128 * (288 + 4 + 9) + 32 * WINDOWS, 0),
    # col is 1152 rows of 32; then a product of 9 steps
    "conv_im2col": (
        1152 * 2 + 128 * (19 + 3),
        1152 * 4 + 128 * (9 * 8 + 4 + 9) + WINDOWS,
        128 * 9 * 66,
    ),
    "conv_implicit": (128 * (19 + 3), 128 * (9 * 4 + 4 + 9) + WINDOWS, 128 * 9 * 66),
    "conv_fused": (128 * (19 + 1), 128 * (9 * 4 + 4 + 1) + WINDOWS, 128 * 9 * 66),
}


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.title)
def test_each_rung_is_better_in_what_it_claims(ladder):
    counts = counted(ladder)
    found = {kernel: (its.requests, its.sectors, its.passes) for kernel, its in counts.items()}
    assert found == {rung.name: COUNTS[rung.name] for rung in ladder.rungs}
    assert ladder.rungs[0].better == ()
    for lower, rung in pairwise(ladder.rungs):
        assert rung.better, f"{rung.name} claims nothing"
        for what in rung.better:
            assert counts[rung.name].better(counts[lower.name], what), (rung.name, what)


@pytest.mark.parametrize("order", ["forward", "reversed"])
@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.title)
def test_check_mode_finds_nothing(ladder, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    module = RawModule(code=ladder.code(), mode="check")
    for rung in ladder.rungs:
        run(ladder, rung, module)


def planted(ladder, kernel, right, wrong, mode):
    """Run a kernel of a ladder with one text in it replaced."""
    start = ladder.text.index(f"void {kernel}(")
    assert right in ladder.text[start:]
    text = ladder.text[:start] + ladder.text[start:].replace(right, wrong, 1)
    rung = next(rung for rung in ladder.rungs if rung.name == kernel)
    run(ladder, rung, RawModule(code=text, mode=mode))


def test_one_wrong_element_is_seen():
    with pytest.raises(Wrong, match=r"product_coalesced: [\d,]+ elements are not NumPy's"):
        planted(PRODUCT, "product_coalesced", "i < k", "i < k - 1", "run")
    with pytest.raises(Wrong, match="reduction_grid: 1 elements"):
        planted(REDUCTION, "reduction_grid", "stride > 0", "stride > 1", "run")


def test_a_missing_barrier_is_seen():
    with pytest.raises(KernelError, match="race: tile"):
        planted(TRANSPOSE, "transpose_padded", "__syncthreads();", "", "check")


def test_a_claim_that_does_not_hold_is_seen():
    counts = counted(TRANSPOSE)
    naive, tiled, padded = (counts[rung.name] for rung in TRANSPOSE.rungs)
    assert tiled.better(naive, "sectors") and tiled.better(naive, "intensity") is False
    assert not padded.better(tiled, "sectors")  # equal is not better
    assert not naive.better(tiled, "sectors")


def test_the_page_shows_the_kernels_as_they_are():
    """Without NVRTC this much can be said; the next test says the rest."""
    for ladder in LADDERS:
        _, *parts = sections(ladder.text)
        assert len(parts) == len(ladder.rungs)
        for rung, part in zip(ladder.rungs, parts):
            code = "\n".join(line for line in part if not line.startswith("//")).strip()
            assert f"void {rung.name}(" in code
            assert f"```cuda\n{code}\n```" in PAGE, f"docs/ladder.md is stale: {rung.name}"


@pytest.mark.skipif(
    NVRTC is None or f"those of {NVRTC.name};" not in PAGE,
    reason="the page's registers are those of another NVRTC, or there is none",
)
def test_the_page_is_what_the_command_writes():
    assert page() == PAGE, "docs/ladder.md is stale: python -m tinynet.kernels.catalogue.ladder ..."


def test_without_nvrtc_the_old_page_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resources, "nvrtc", lambda: None)
    old = tmp_path / "ladder.md"
    old.write_text("old")
    assert command.main([str(old)]) == 2
    assert capsys.readouterr().err == f"error: {NO_NVRTC}\n"
    assert old.read_text() == "old"
    assert list(Path(tmp_path).iterdir()) == [old]
