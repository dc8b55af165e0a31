"""`predict --save-figure`: what it draws, and what it must never write over."""

import os

import pytest
from PIL import Image
from tiny_runs import last_checkpoint, run, train, write_photos


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    photos = write_photos(tmp_path_factory.mktemp("photos"))
    out = tmp_path_factory.mktemp("runs") / "trained"
    train("--profile", "modern", "--data", photos, "--steps", 1, "--out", out)
    return out


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "cat.png"
    Image.effect_noise((80, 70), 50).save(path)
    return path


def predict(trained, picture, figure):
    return run("predict", "--checkpoint", trained, picture, "--save-figure", figure)


def assert_refused(result, message):
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: --save-figure") and result.err.count("\n") == 1
    assert message in result.err


@pytest.mark.parametrize("name", ["figure.png", "FIGURE.PNG", "new/figure.png"])
def test_a_figure_is_drawn_and_drawn_again(trained, picture, name):
    figure = picture.parent / name
    for _ in range(2):
        result = predict(trained, picture, figure)
        assert result.status == 0, result.err
        assert result.out.endswith(f"figure   {figure}\n")
        with Image.open(figure) as image:
            assert image.format == "PNG"


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_picture_itself_is_left_alone(trained, picture, link):
    """By whatever name."""
    figure, before = picture, picture.read_bytes()
    if link is not None:
        figure = picture.parent / "other.png"
        link(picture, figure)
    assert_refused(predict(trained, picture, figure), "is one of the pictures to look at")
    assert picture.read_bytes() == before


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt"])
def test_a_figure_is_a_png(trained, picture, name):
    figure = picture.parent / name
    assert_refused(predict(trained, picture, figure), "wanted a name in .png")
    assert not figure.exists()


def test_a_checkpoint_is_left_alone(trained, picture):
    checkpoint = last_checkpoint(trained)
    before = checkpoint.read_bytes()
    assert_refused(predict(trained, picture, checkpoint), "wanted a name in .png")
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"notes", b"\xff\xd8\xff\xe0 a photograph"])
def test_a_file_that_is_no_png_is_left_alone(trained, picture, content):
    figure = picture.parent / "figure.png"
    figure.write_bytes(content)
    assert_refused(predict(trained, picture, figure), "exists and is not a PNG file")
    assert figure.read_bytes() == content


def test_a_folder_is_no_place_for_a_figure(trained, picture):
    figure = picture.parent / "figure.png"
    figure.mkdir()
    assert_refused(predict(trained, picture, figure), "is not a file")
