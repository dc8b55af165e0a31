"""What an ablation found: figures of runs, pair by pair, and the table of them."""

import re
from math import exp, log

import pytest

from tinynet.alexnet_profiles import SWITCHES
from tinynet.reports.ablation import (
    Outcome,
    Pairs,
    epochs_to_an_error,
    first_epoch,
    outcome,
    training_errors,
)
from tinynet.reports.ablation_table import result_of, table

# ---------------------------------------------------------------- pairs of runs


def test_differences_are_of_the_same_seed():
    pairs = Pairs((30.0, 32.0, 31.0), (33.0, 33.0, 35.0))
    assert pairs.differences == [3, 1, 4]
    assert pairs.estimate().mean == pytest.approx(8 / 3)


def test_of_a_ratio_the_logarithm_counts():
    """Four times as many, and as many: twice as many, the geometric mean."""
    pairs = Pairs((2.0, 5.0), (8.0, 5.0), ratio=True)
    assert pairs.differences == pytest.approx([log(4), 0])
    assert exp(pairs.estimate().mean) == pytest.approx(2)


def test_pairs_of_unequal_length_are_refused():
    with pytest.raises(ValueError):
        Pairs((1.0, 2.0), (1.0,)).estimate()


LOG = [
    {"epoch": 1, "step": 20, "loss": 2.0, "top1_error": 0.9, "top5_error": 0.5},
    {"epoch": 1, "step": 25, "loss": 2.0, "top1_error": 0.4, "top5_error": 0.2},
    {"epoch": 1, "step": 25, "val_loss": 1.0, "val_top1_error": 0.5, "val_top5_error": 0.25},
    {"epoch": 2, "step": 40, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.2},
    {"epoch": 2, "step": 50, "loss": 1.0, "top1_error": 0.25, "top5_error": 0.1},
    {"epoch": 2, "step": 50, "val_loss": 1.0, "val_top1_error": 0.625, "val_top5_error": 0.125},
]


def test_training_errors_are_weighted_by_their_steps():
    expected = ((20 * 0.9 + 5 * 0.4) / 25, (15 * 0.5 + 10 * 0.25) / 25)
    assert tuple(training_errors(LOG)) == pytest.approx(expected)


def test_the_outcome_of_a_run():
    """The last validation, though not the best."""
    measured = {"top1": [0.5, 0.625], "top5": [0.25, 0.125], "training": [0.9], "fitted": 0.375}
    found = outcome(measured)
    assert (found.top1, found.top5, found.fitted, found.gap) == (62.5, 12.5, 37.5, 25)
    assert (found.training, found.validation) == ((90,), (50, 62.5))


def test_when_both_reach_the_same_error():
    fast = [run((80.0, 30.0, 20.0, 10.0)), run((50.0, 60.0, 45.0, 40.0))]
    slow = [run((90.0, 80.0, 60.0, 25.0)), run((80.0, 50.0, 90.0, 70.0))]
    errors, epochs = epochs_to_an_error(fast, slow, "training")
    assert errors == [25.0, 50.0]
    assert epochs == Pairs((3, 1), (4, 2), ratio=True)
    assert epochs_to_an_error(fast, slow, "validation")[1] == Pairs((2, 2), (2, 2), ratio=True)


def run(training):
    return Outcome(0, 0, 0, training, (7.0, 6.0))


def test_an_error_that_is_never_reached_counts_as_one_epoch_more():
    assert [first_epoch((50.0, 30.0, 26.0), error) for error in (60, 30, 25)] == [1, 2, 4]


# ---------------------------------------------------------------- the table

WITH_IT = [
    Outcome(30.0, 8.0, 20.0, (50.0, 20.0), (60.0, 30.0)),
    Outcome(32.0, 9.0, 21.0, (40.0, 20.0), (60.0, 32.0)),
    Outcome(31.0, 8.5, 21.0, (40.0, 20.0), (60.0, 31.0)),
]
WITHOUT = [
    Outcome(33.0, 8.0, 10.0, (50.0, 40.0), (34.0, 33.0)),
    Outcome(34.5, 9.5, 12.0, (80.0, 40.0), (34.5, 34.5)),
    Outcome(33.5, 8.5, 11.0, (80.0, 40.0), (34.5, 33.5)),
]


def test_a_block_of_the_table():
    """Top-1: differences 3, 2.5 and 2.5, +2.67 +- 4.30 x 0.167; gap: 13, 11.5 and 12.5."""
    *lines, seeds, source = result_of("lrn", WITH_IT, WITHOUT, classes=10).text().splitlines()
    assert [re.split(" {2,}", line.strip()) for line in lines] == [
        ["lrn", *figure("top-1", "31.00 (1.00)", "33.67 (0.76)"), "+1.4", "+1.37"],
        [*figure("top-5", "8.50 (0.50)", "8.67 (0.76)"), "+1.2", "+1.15"],
        [*figure("training", "20.67 (0.58)", "11.00 (1.00)"), "-", "-"],
        [*figure("gap", "10.33 (0.58)", "22.67 (0.29)"), "-", "-"],
    ]
    assert (seeds, source) == (
        "    3 seeds; top-1: reproduced",
        "    section 3.3; configuration 148",
    )
    header, *_ = table("", [result_of("lrn", WITH_IT, WITHOUT, classes=10)], 10).splitlines()[2:]
    assert header.index("95 %") == lines[0].index("+1.95 to") and header.endswith("2012")


def figure(name, with_it, without):
    return [name, with_it, without, *DIFFERENCES[name]]


DIFFERENCES = {
    "top-1": ("+2.67 ± 0.17", "+1.95 to +3.38"),
    "top-5": ("+0.17 ± 0.17", "-0.55 to +0.88"),
    "training": ("-9.67 ± 0.33", "-11.10 to -8.23"),
    "gap": ("+12.33 ± 0.44", "+10.44 to +14.23"),
}


def test_of_what_is_claimed_the_table_says_whether_it_is_so():
    """+2.67 to either side of 0, and epochs: as many with dropout as without, or fewer."""
    told = " ".join(result_of("overlap", WITH_IT, WITHOUT, classes=10).text().split())
    assert "3 seeds; top-1: reproduced; gap: reproduced section 3.4" in told
    told = " ".join(result_of("decay", WITH_IT, WITHOUT, classes=10).text().split())
    assert "3 seeds; training: not reproduced section 5" in told
    told = " ".join(result_of("whole", WITH_IT, WITHOUT, classes=10).text().split())
    assert "3 seeds; nobody claims anything section 3.2" in told
    told = " ".join(result_of("lrn", WITH_IT[:2], WITHOUT[:2], classes=10).text().split())
    assert "2 seeds; top-1: not decided at this size: about 3 seeds would" in told


def test_five_classes_have_no_top_5_error():
    assert result_of("lrn", WITH_IT, WITHOUT, classes=5).figures.keys() == {
        "top-1",
        "training",
        "gap",
    }


def test_of_relu_and_dropout_the_table_says_how_soon():
    """ReLU: 2, 1, 1 epochs against 2, 2, 2; dropout: 2, 2, 2 against 2, 1, 2."""
    text = result_of("relu", WITH_IT, WITHOUT, classes=2).text()
    (line,) = (line for line in text.splitlines() if line.lstrip().startswith("epochs  "))
    # The mean of log 1, log 2 and log 2 is log 1.59, plus or minus 4.30 x 0.231.
    cells = ["epochs", "1.33 (0.58)", "2.00 (0.00)", "x 1.59", "x 0.59 to x 4.3", "-", "-"]
    assert re.split(" {2,}", line.strip()) == cells
    assert "epochs: until the training error is 40.0 %" in " ".join(text.split())
    text = result_of("dropout", WITH_IT, WITHOUT, classes=2).text()
    (line,) = (line for line in text.splitlines() if line.lstrip().startswith("converge  "))
    assert line.split()[:5] == ["converge", "2.00", "(0.00)", "1.67", "(0.58)"]


def test_a_network_that_has_not_learned_says_nothing_of_its_parts():
    results = [result_of("dropout", WITH_IT, WITHOUT, classes=2)]
    assert "hardly learned" not in table("title", results, classes=10)
    untrained = [Outcome(89.0, 50.0, 88.0, (90.0,), (89.0,))]
    results = [result_of("dropout", untrained, untrained, classes=10)]
    told = " ".join(table("title", results, classes=10).split())
    assert "it has hardly learned: 89.0 % error, where guessing has 90.0 %" in told


@pytest.mark.parametrize("part", SWITCHES)
def test_no_line_is_too_long(part):
    text = table("title", [result_of(part, WITH_IT, WITHOUT, classes=10)], classes=10)
    assert max(map(len, text.splitlines())) <= 100
