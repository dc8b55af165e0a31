"""What docs/gradients.md says of planted errors is so: measured again for some of them."""

import pytest
from planted_errors import BEGIN, CHECKS, END, PAGE, PLANTS, in_operation, planted

from tinynet import simulator
from tinynet.kernels import KERNELS

ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].splitlines()
    if line.startswith("| ")
][2:-1]


def test_the_table_has_every_plant_and_exact_has_seen_them_all():
    assert len(PLANTS) >= 40
    assert sorted(row[:3] for row in ROWS) == sorted([p.kernel, p.old, p.new] for p in PLANTS)
    exact, net_exact = (4 + CHECKS.index(name) for name in ("exact", "net_exact"))
    assert {row[exact] for row in ROWS} == {"seen"}
    assert "missed" not in {row[net_exact] for row in ROWS}
    assert all(1e-11 <= float(row[3]) <= 1e-3 for row in ROWS)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.kernel}: {plant.new}")
def test_every_plant_stands_in_its_kernel_and_nowhere_else(plant):
    right = KERNELS[plant.kernel].source
    with planted(plant):
        wrong = KERNELS[plant.kernel].source
    assert KERNELS[plant.kernel].source == right and wrong.count("\n") == right.count("\n")
    changed = [pair for pair in zip(right.splitlines(), wrong.splitlines()) if pair[0] != pair[1]]
    assert [(a.replace(plant.old, plant.new), b) for a, b in changed] == [(changed[0][1],) * 2]


@pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")
@pytest.mark.parametrize("plant", PLANTS[::16], ids=lambda plant: plant.kernel)
def test_some_are_measured_again(plant):
    size, *found = in_operation(plant)
    row = next(row for row in ROWS if row[:3] == [plant.kernel, plant.old, plant.new])
    assert float(row[3]) == pytest.approx(size, rel=0.5)
    assert row[4:7] == ["seen" if seen else "missed" for seen in found]
