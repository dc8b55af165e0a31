"""Words for classes: from a file that is handed over, or from the data as they are now."""

import shutil

import pytest
from tiny_runs import run, train

from tinynet.commands.names import with_words
from tinynet.reports import plot
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network


def classes_of(*classes, file=None, others=()):
    return with_words(Network(None, None, list(classes), 73), file, others).classes


@pytest.fixture
def names(tmp_path):
    def write(text):
        (tmp_path / "names.txt").write_text(text)
        return tmp_path / "names.txt"

    return write


def test_words_by_the_names_of_the_classes_in_any_order(names):
    file = names("n02979186 cassette player\nred a shade of red\n\nn01440764 tench, Tinca tinca\n")
    found = classes_of("n01440764", "n02979186", "red", file=file)
    assert found == ["n01440764 tench, Tinca tinca", "n02979186 cassette player", "a shade of red"]
    # Names that have words already get the file's.
    assert classes_of("n01440764 a fish", file=file) == ["n01440764 tench, Tinca tinca"]


def test_words_in_the_order_of_the_classes(names):
    assert classes_of("a", "b", file=names("cat\nbig dog\n")) == ["cat", "big dog"]


def test_a_file_that_does_not_name_all_classes_is_refused(names):
    with pytest.raises(
        UserError, match=r"names.txt: it has no line for the class n02979186, and 1 in all: "
    ):
        classes_of("n01440764", "n02979186", file=names("n01440764 tench\n"))


def test_wordnet_ids_get_the_words_that_the_data_have_now():
    now = ["n01440764 tench, Tinca tinca", "n02979186 cassette player"]
    assert classes_of("n01440764", "n02979186 tape deck", others=now) == [
        "n01440764 tench, Tinca tinca",
        "n02979186 tape deck",
    ]
    assert classes_of("green", "red", others=["Green", "Red"]) == ["green", "red"]


def test_predict_and_figures_take_a_file_of_names(photos, tmp_path, names, monkeypatch):
    """Also for classes that had none while the network was trained."""
    data = shutil.copytree(photos, tmp_path / "photos")
    for split in ("train", "val"):
        (data / split / "green").rename(data / split / "n01440764")
        (data / split / "red").rename(data / split / "n02979186")
    out = tmp_path / "run"
    train("--profile", "modern", "--data", data, "--epochs", "1", "--out", out)
    picture = next((data / "val" / "n01440764").iterdir())
    assert "tench" not in run("predict", "--checkpoint", out, picture).out
    file = names("n01440764 tench\nn02979186 tape\n")
    told = run("predict", "--checkpoint", out, picture, "--names", file).out
    assert "n01440764 tench" in told and "n02979186 tape" in told
    refused = run("predict", "--checkpoint", out, picture, "--names", tmp_path / "none")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    shutil.copy(file, tmp_path / "synset_words.txt")  # beside the data: found without a flag
    shown = []
    monkeypatch.setattr(plot, "neighbours", lambda rows, classes, file: shown.append(classes))
    assert run("figures", "--run", out).status == 0
    assert run("figures", "--run", out, "--names", names("cat\ndog\n")).status == 0
    found, given = ({name for row in classes for name in row} for classes in shown)
    assert found == {"n01440764 tench", "n02979186 tape"} and given == {"cat", "dog"}
