"""The notebook has one order, whoever calls it: the log, then a checkpoint, then the screen."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinynet.training.doctor import Finding
from tinynet.training.notebook import Notebook
from tinynet.training.scores import Scores, Tally

FINDING = Finding("kind", "measured", "cause", "remedy")


class Batches:
    """A loader of four batches."""

    wait_seconds = 0.0

    def __len__(self):
        return 4


@pytest.fixture
def events():
    return []


@pytest.fixture
def rates():
    return {"weights": 0.1}


@pytest.fixture
def screen(events):
    def tell(text):
        events.append("screen")

    def nothing(*args):
        pass

    return SimpleNamespace(begin=nothing, advance=nothing, say=tell, line=tell, warn=tell)


@pytest.fixture
def notebook(events, rates, screen):
    """In epoch 1, with a batch, a change and a finding that are not written yet."""
    notebook = Notebook(
        SimpleNamespace(log=lambda line: events.append("log"), read_config=lambda: None),
        screen,
        SimpleNamespace(lr=0.1, values=lambda: {"lr": dict(rates), "colour_noise": 0.0}),
        Batches(),
        SimpleNamespace(after_interval=lambda *a: []),
        2,
        lambda wait: events.append("checkpoint, waiting" if wait else "checkpoint"),
    )
    notebook.open(0, 8)
    notebook.note_changes(0, ["the start"])
    notebook.begin_epoch(1, 0)
    tally = Tally()
    tally.add(3.0, np.eye(3), np.arange(3))
    notebook.add(tally)
    rates["weights"] = 0.01
    notebook.note_changes(1, ["its schedule"])
    notebook.note_findings([FINDING])
    return notebook


TOLD = ["screen"] * 3  # the change, the finding, the interval


def test_a_line_is_in_the_log_before_it_is_on_the_screen(notebook, events):
    notebook.after_step(1, 1, log=True, save=False)
    assert events == ["log", *TOLD]


def test_a_checkpoint_comes_after_its_line_in_the_log_and_before_the_screen(notebook, events):
    notebook.after_step(1, 1, log=False, save=True)
    assert events == ["log", "checkpoint", *TOLD]


def test_a_step_with_a_line_and_a_checkpoint_has_one_line(notebook, events):
    notebook.after_step(1, 1, log=True, save=True)
    assert events == ["log", "checkpoint", *TOLD]


def test_the_end_of_an_epoch(notebook, events):
    notebook.after_training(1)
    assert events == ["log", *TOLD]
    events.clear()
    notebook.after_validation(1, Scores(9, 1.0, 0.5, 0.1), 0.0)
    assert events == ["log", "checkpoint", "screen"]
    assert notebook.is_best(1)


def test_whoever_stops_training_leaves_a_whole_log_and_a_checkpoint(notebook, events):
    """Nothing more is told: nobody may be there."""
    notebook.save(1, wait=True)
    assert events == ["log", "checkpoint, waiting"]


def test_nothing_is_lost_if_the_screen_is_gone(notebook, screen, events):
    def gone(text):
        raise BrokenPipeError

    screen.line = gone
    with pytest.raises(BrokenPipeError):
        notebook.after_training(1)
    notebook.save(1, wait=True)
    assert events == ["log", "screen", "screen", "checkpoint, waiting"]


def test_bad_numbers_have_a_line_of_their_own_after_that_of_the_steps_before(notebook, events):
    notebook.end_with(FINDING, step=2, done=1)
    assert events == ["log", "log"]
