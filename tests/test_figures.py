"""`figures`: colour scores, nearest neighbours, and what is drawn for runs that lack something."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_runs import load_example, run, train

import tinynet
from tinynet.data import Loader, open_dataset
from tinynet.reports import plot
from tinynet.reports.colour_score import colour_scores, count_towers, tower_scores
from tinynet.reports.features import features, nearest
from tinynet.reports.intervals import steps_per_epoch
from tinynet.reports.mistakes import Verdicts
from tinynet.training.evaluate import Network
from tinynet.training.inputs import Inputs, flat_mean

FIGURES = ("curves", "filters", "predictions", "mistakes", "confusion", "neighbours")
WITHOUT_MISTAKES = {*FIGURES} - {"mistakes"}

# ---------------------------------------------------------------- the colour score


def filters(*colours):
    """A filter of 5 x 4 random weights for each colour (r, g, b), all along that colour."""
    weights = np.random.default_rng(0).standard_normal((len(colours), 1, 5, 4))
    return (weights * np.reshape(colours, (-1, 3, 1, 1))).astype(np.float32)


@pytest.mark.parametrize(
    ("colour", "score"),
    [
        ((1, 1, 1), 0),  # gray
        ((-2, -2, -2), 0),
        ((1, -1, 0), 1),  # red against green: their sum is 0
        ((1, 1, -2), 1),  # yellow against blue
        ((1, 0, 0), 2 / 3),  # one channel alone: 1 - (1/3) / 1
        ((1, 1, 0), 1 / 3),  # 1 - (4/3) / 2
    ],
)
def test_scores_of_plain_colours(colour, score):
    assert colour_scores(filters(colour))[0] == pytest.approx(score, abs=1e-6)  # float32 weights


def test_gray_and_colour_in_one_filter_share_by_energy():
    """Gray of strength 3 at one place, red against green of strength 1 at another: 2 / (27 + 2)."""
    weight = np.zeros((1, 3, 2, 1))
    weight[0, :, 0, 0], weight[0, :, 1, 0] = (3, 3, 3), (1, -1, 0)
    assert colour_scores(weight)[0] == pytest.approx(2 / 29)
    assert colour_scores(100 * weight)[0] == pytest.approx(2 / 29)


def test_noise_has_two_thirds_and_nothing_none():
    noise = np.random.default_rng(0).standard_normal((200, 3, 11, 11))
    # each share has a standard deviation of about 0.03; the mean of 200, one of 0.002
    assert colour_scores(noise).mean() == pytest.approx(2 / 3, abs=0.01)
    assert colour_scores(np.zeros((2, 3, 4, 4))).tolist() == [0, 0]


def test_towers_have_scores_of_their_own():
    weight = filters((1, 1, 1), (1, 0, 0), (1, -1, 0), (1, -1, 0))
    assert tower_scores(weight, 2) == pytest.approx([1 / 3, 1], abs=1e-6)
    assert tower_scores(weight, 1) == pytest.approx([2 / 3], abs=1e-6)


def test_counting_towers():
    alexnet = load_example("alexnet").AlexNet
    small = {"num_classes": 2, "image_size": 64, "width": 0.03}
    assert count_towers(alexnet(profile="paper", **small)) == 2
    assert count_towers(alexnet(profile="paper", devices=("cpu", "cpu"), **small)) == 2
    assert count_towers(alexnet(profile="one-tower", **small)) == 1
    assert count_towers(load_example("cifar10").CifarNet()) == 1


# ---------------------------------------------------------------- features and neighbours


def network(devices=("cpu",), profile="modern"):
    model = load_example("alexnet").AlexNet(
        2, profile=profile, devices=devices, image_size=64, width=0.03, seed=3
    )
    inputs = Inputs(flat_mean((100, 110, 120), 64), np.full(3, 60), devices[0])
    return Network(model, inputs, ["green", "red"], store_size=73)


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 73, 73), np.uint8)


@pytest.mark.parametrize("profile", ["modern", "source2012", "owt"])
def test_the_last_layer_makes_the_logits_of_the_features(profile):
    """So features are what it sees, in test mode; and the model's own mode is unchanged."""
    net, images = network(profile=profile), pictures(3)
    found = features(net, images)
    assert net.model.training
    assert found.shape == (3, net.model.fc8.weight.shape[1])
    x = (images[:, :, 4:68, 4:68] - net.inputs.mean) / 60
    logits = net.model.eval()(x.astype(np.float32)).numpy()
    np.testing.assert_allclose(
        net.model.fc8(tinynet.Tensor(found)).numpy(), logits, rtol=1e-4, atol=1e-5
    )  # float32, summed in another order if the batch is split differently


def test_features_of_two_towers_are_those_of_one():
    images = pictures(3)
    one, two = (features(network(devices), images) for devices in (("cpu",), ("cpu", "cpu")))
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)  # sums in another order


@pytest.mark.parametrize("batch_size", [3, 64])
def test_nearest_are_those_of_all_distances(photos, batch_size):
    """For any batches, the same as from the features of all images at once."""
    net, images = network(), pictures(4)
    dataset = open_dataset(photos, "train", 64)
    loader = Loader(dataset, batch_size, seed=0, workers=2, train=False)
    told = []
    found = nearest(net, images, loader, 5, told.append)
    of_all = features(net, np.stack([dataset.load(i) for i in range(len(dataset))]))
    distances = np.linalg.norm(of_all[None] - features(net, images)[:, None], axis=2)
    assert np.array_equal(found, np.argsort(distances, axis=1)[:, :5])
    assert told[-1] == len(dataset)


def test_an_image_is_nearest_to_its_copies(photos, tmp_path):
    """Copies of validation images among the training images are found first, at distance 0."""
    shutil.copytree(photos, tmp_path / "photos")
    names = ["2.png", "5.png"]
    for name in names:
        copy = tmp_path / "photos" / "train" / "red" / f"copy-{name}"
        shutil.copy(tmp_path / "photos" / "val" / "green" / name, copy)
    train_set, val_set = (open_dataset(tmp_path / "photos", s, 64) for s in ("train", "val"))
    described = [val_set.describe(i) for i in range(len(val_set))]
    images = np.stack(
        [val_set.load(i) for n in names for i, d in enumerate(described) if f"green/{n}" in d]
    )
    found = nearest(network(), images, Loader(train_set, 8, seed=0, workers=1, train=False), 3)
    assert found.shape == (2, 3)
    for name, (first, *_) in zip(names, found):
        assert f"copy-{name}" in train_set.describe(first)


def test_of_fewer_images_than_are_wanted_all_are_nearest(photos):
    dataset = open_dataset(photos, "val", 64)
    loader = Loader(dataset, 8, seed=0, workers=1, train=False)
    found = nearest(network(), pictures(1), loader, 100)
    assert sorted(found[0]) == list(range(len(dataset)))


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A run that learns to tell green from red."""
    out = tmp_path_factory.mktemp("runs") / "run"
    args = ("--profile", "modern", "--epochs", "4", "--lr", "0.003")
    train("--data", photos, *args, "--out", out, draws=True)
    return out


@pytest.fixture
def a_copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def drawn(folder):
    for path in (folder / "figures").glob("*"):
        with Image.open(path) as image:
            assert image.format == "PNG"
    return {path.stem for path in (folder / "figures").glob("*.png")}


def test_all_figures_of_a_run(a_copy):
    assert drawn(a_copy) == {"curves", "filters"}  # which training draws
    curves = (a_copy / "figures" / "curves.png").read_bytes()
    shutil.rmtree(a_copy / "figures")
    result = run("figures", "--run", a_copy)
    assert result.status == 0, result.err
    assert drawn(a_copy) == WITHOUT_MISTAKES
    assert (a_copy / "figures" / "curves.png").read_bytes() == curves
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert list(lines) == list(FIGURES)
    assert "colour score of tower a 0." in lines["filters"]
    # green and red noise, which any useful network tells apart; 8 and 5 validation images
    assert lines["predictions"].endswith(
        "8 of 8 drawn at random are right; 0 of 0 mistakes in 12 validation images"
    )
    assert lines["mistakes"] == "none in 12 validation images, so nothing is drawn"
    assert lines["confusion"].endswith("confusion.png: no mistakes in 12 validation images")
    assert lines["neighbours"].endswith("30 of 30 have the class of their image")


@pytest.fixture
def wrong_twice(photos, tmp_path):
    """The photographs with two of the validation images in the other class's folder."""
    moved = shutil.copytree(photos, tmp_path / "moved")
    for name, other in (("green", "red"), ("red", "green")):
        (moved / "val" / name / "3.png").rename(moved / "val" / other / "moved.png")
    return moved


def test_mistakes_are_shown_the_surest_first(a_copy, wrong_twice, monkeypatch):
    shown = []
    monkeypatch.setattr(
        plot,
        "predictions",
        lambda images, titles, best, file, right, title: shown.append(
            (file.stem, titles, [classes[0] for classes in best], title)
        ),
    )
    result = run("figures", "--run", a_copy, "--data", wrong_twice)
    assert result.status == 0, result.err
    (first, titles, best, title), (second, truths, surest, worst) = shown
    assert (first, second) == ("predictions", "mistakes")
    # six images at random, and both mistakes
    assert len(titles) == 8 and [name != k for name, (k, _) in zip(titles, best)][6:] == [True] * 2
    assert title == "first 6 drawn at random, then 2 of 2 mistakes in 12 validation images"
    assert sorted(truths) == ["green", "red"]
    assert [name for name, _ in surest] == truths[::-1]
    (_, p), (_, q) = surest
    assert p >= q and worst == "the surest of 2 mistakes in 12 validation images"
    lines = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    told = f"moved.png: {truths[0]} taken for {surest[0][0]} ({p:.1%})"
    assert lines["mistakes"].endswith(told)
    assert lines["confusion"].endswith("most often green taken for red, 1 time")


def test_figures_of_a_network_that_no_longer_makes_mistakes(a_copy, wrong_twice):
    """An older picture of mistakes goes."""
    assert run("figures", "--run", a_copy, "--data", wrong_twice).status == 0
    assert drawn(a_copy) == {*FIGURES}
    assert run("figures", "--run", a_copy).status == 0
    assert drawn(a_copy) == WITHOUT_MISTAKES


def test_verdicts():
    """Of five images in three classes: the second and the last are wrong, the last surer."""
    labels, said = np.array([0, 1, 2, 0, 0]), np.array([0, 2, 2, 0, 1])
    verdicts = Verdicts(np.arange(5) + 10, labels, said, np.array([0.9, 0.5, 0.4, 0.8, 0.7]))
    assert verdicts.mistakes().tolist() == [4, 1]
    assert verdicts.confusion(3).tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_training_prints_the_score_of_its_filters(photos, tmp_path):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--epochs", "1", "--out", out)
    told = train("--data", photos, *args, draws=True).out
    assert drawn(out) == {"curves", "filters"}
    weight = tinynet.load(max((out / "checkpoints").glob("step-*")))["model"]["conv1.weight"]
    a, b = tower_scores(weight, 2)
    assert f"colour score of tower a {a:.2f}, of b {b:.2f}" in told


def test_of_two_towers(a_copy):
    result = run("figures", "--run", a_copy, "--devices", "cpu,cpu", "--workers", "3")
    assert result.status == 0, result.err
    assert "30 of 30" in result.out


@pytest.mark.parametrize("recipe", ["80sec", "18pct"])
def test_of_the_cifar_nets(photos, tmp_path, recipe):
    out = tmp_path / "run"
    args = ("--recipe", recipe, "--image-size", "16", "--width", "0.2", "--epochs", "1")
    args += ("--batch-size", "8", "--data", photos, "--out", out)
    assert run("train", *args, example="cifar10").status == 0
    result = run("figures", "--run", out, example="cifar10")
    assert result.status == 0, result.err
    assert drawn(out) == set(FIGURES)
    assert ": colour score 0." in result.out


def test_without_data_what_needs_none_is_drawn(a_copy, photos, tmp_path):
    shutil.rmtree(a_copy / "figures")
    result = run("figures", "--run", a_copy, "--data", tmp_path / "nothing")
    assert result.status == 2
    assert drawn(a_copy) == {"curves", "filters"}
    assert "predictions.png and neighbours.png are not drawn: " in result.err
    assert "no such dataset" in result.err and "--data gives its new place" in result.err
    assert len(result.err.splitlines()) == 1


def test_data_of_other_classes(a_copy):
    shutil.rmtree(a_copy / "figures")
    result = run("figures", "--run", a_copy, "--data", "shapes")
    assert result.status == 2
    assert drawn(a_copy) == {"curves", "filters"}
    assert "are not drawn" in result.err
    assert "knows 2 classes (green, red); shapes has 10 classes" in result.err


def test_without_a_log_the_rest_is_drawn(a_copy):
    (a_copy / "log.jsonl").unlink()
    shutil.rmtree(a_copy / "figures")
    result = run("figures", "--run", a_copy)
    assert result.status == 2
    assert drawn(a_copy) == WITHOUT_MISTAKES - {"curves"}
    assert f"curves.png is not drawn: {a_copy / 'log.jsonl'} is missing" in result.err


def test_a_log_cut_short_and_without_validation(a_copy, tmp_path):
    lines = [json.loads(line) for line in (a_copy / "log.jsonl").read_text().splitlines()]
    training = [json.dumps(line) for line in lines if "loss" in line]
    (a_copy / "log.jsonl").write_text("\n".join([*training, training[0][:20]]))
    shutil.rmtree(a_copy / "figures")
    assert run("figures", "--run", a_copy, "--data", tmp_path / "nothing").status == 2
    assert drawn(a_copy) == {"curves", "filters"}


def test_without_a_checkpoint_the_curves_are_drawn(a_copy):
    shutil.rmtree(a_copy / "checkpoints")
    shutil.rmtree(a_copy / "figures")
    result = run("figures", "--run", a_copy)
    assert result.status == 2
    assert drawn(a_copy) == {"curves"}
    assert "holds no checkpoint" in result.err


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_no_run(tmp_path, what):
    path = tmp_path / "run"
    if what == "a file":
        path.write_text("")
    result = run("figures", "--run", path)
    assert result.status == 2
    assert result.err == f"error: no such run: {path}\n"


def test_a_run_of_the_other_example(a_copy):
    result = run("figures", "--run", a_copy, example="cifar10")
    assert result.status == 2
    assert "is a checkpoint of examples/alexnet.py" in result.err


def test_a_full_disk_names_the_figure_and_leaves_the_old_ones(a_copy):
    assert run("figures", "--run", a_copy).status == 0
    before = {path: path.read_bytes() for path in (a_copy / "figures").iterdir()}
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        result = run("figures", "--run", a_copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.status == 2
    assert result.err.startswith(f"error: {a_copy / 'figures' / 'curves.png'}: File too large")
    assert result.err.count("\n") == 1
    assert {path: path.read_bytes() for path in (a_copy / "figures").iterdir()} == before


def test_images_that_cannot_be_read_are_left_out(photos, a_copy, tmp_path):
    """Only one of six validation images per class is whole: two are shown, and two rows."""
    damaged = shutil.copytree(photos, tmp_path / "damaged")
    for name in ("green", "red"):
        for path in sorted((damaged / "val" / name).iterdir())[1:]:
            path.write_bytes(b"no image")
        (damaged / "train" / name / "0.png").write_bytes(b"no image")
    result = run("figures", "--run", a_copy, "--data", damaged)
    assert result.status == 0, result.err
    assert "2 of 2 drawn at random are right" in result.out
    assert "12 of 12 have the class" in result.out
    assert result.err.count("skipped") == 2


def test_steps_per_epoch():
    def line(epoch, step, *more):
        return {"epoch": epoch, "step": step} | dict.fromkeys(more, 0.5)

    first = [line(1, 5), line(1, 7, "val_top1_error")]
    assert steps_per_epoch(first) is None  # it may have been cut by --steps
    assert steps_per_epoch([*first, line(2, 10)]) == 7
    assert steps_per_epoch([*first, line(2, 14, "val_top1_error"), line(3, 15)]) == 7
    assert steps_per_epoch([line(1, 5), line(2, 10)]) is None
    stopped = [line(1, 5, "val_top1_error"), line(1, 20, "val_top1_error")]  # and resumed
    assert steps_per_epoch([*stopped, line(2, 40, "val_top1_error"), line(3, 50)]) == 20
