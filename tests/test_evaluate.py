"""Views, ensembles and predictions: what a network makes of images it was not trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import load_example, run, train

import tinynet
from tinynet import functional as F
from tinynet.commands.evaluate import check_classes
from tinynet.data import BadImage, DataError, open_dataset
from tinynet.training.errors import UserError
from tinynet.training.evaluate import (
    CENTRE,
    Network,
    crops,
    evaluate,
    likeliest,
    log_probabilities,
    mean_of_probabilities,
)
from tinynet.training.inputs import Inputs, flat_mean

CLASSES = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]


def network(seed: int, image_size: int = 12) -> Network:
    """A CIFAR-10 net with large random weights, so that it is sure of what it says."""
    model = load_example("cifar10").CifarNet(10, image_size=image_size, width=0.2, seed=seed)
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        p.data[...] = 0.3 * rng.standard_normal(p.shape)
    inputs = Inputs(flat_mean((120, 120, 120), image_size), np.full(3, 60))
    return Network(model, inputs, CLASSES, store_size=16)


def probabilities(net: Network, images: np.ndarray) -> np.ndarray:
    """Softmax of the logits for images that already have the network's size."""
    x = (images.astype(np.float32) - 120) / 60
    return F.softmax(net.model.eval()(x)).numpy().astype(np.float64)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 3, 16, 16), np.uint8)


def test_one_view_is_the_centre_crop():
    net, images = network(0), pictures(5)
    expected = probabilities(net, images[:, :, 2:14, 2:14])
    # float32 softmax, and float32 log_softmax turned back: a few rounding errors of 6e-8
    np.testing.assert_allclose(np.exp(log_probabilities(net, images)), expected, atol=1e-6)


def test_ten_views_are_corners_centre_and_mirror_images():
    assert [place for place in crops(10, 4) if not place[2]] == [
        (0, 0, 0),
        (0, 4, 0),
        (2, 2, 0),
        (4, 0, 0),
        (4, 4, 0),
    ]
    net, images = network(0), pictures(5)
    views = [
        images[:, :, top : top + 12, left : left + 12][:, :, :, ::step]
        for top, left in ((0, 0), (0, 4), (2, 2), (4, 0), (4, 4))
        for step in (1, -1)
    ]
    expected = np.mean([probabilities(net, view) for view in views], axis=0)
    np.testing.assert_allclose(np.exp(log_probabilities(net, images, 10)), expected, atol=1e-6)
    with pytest.raises(ValueError, match="views expects 1, 9 or 10, got 3"):
        crops(3, 4)


def test_nine_views_are_a_grid_with_the_centre_in_its_middle():
    places = crops(9, 8)
    assert places[CENTRE[9]] == (4, 4, 0)
    assert places == [(top, left, 0) for top in (0, 4, 8) for left in (0, 4, 8)]
    net, images = network(0), pictures(3)
    views = [images[:, :, t : t + 12, s : s + 12] for t in (0, 2, 4) for s in (0, 2, 4)]
    expected = np.mean([probabilities(net, view) for view in views], axis=0)
    np.testing.assert_allclose(np.exp(log_probabilities(net, images, 9)), expected, atol=1e-6)


def test_probabilities_are_averaged_and_not_logits():
    log_p = [np.log(np.array([[0.9, 0.1]])), np.log(np.array([[0.3, 0.7]]))]
    np.testing.assert_allclose(np.exp(mean_of_probabilities(log_p)), [[0.6, 0.4]], rtol=1e-12)


def test_ensemble_of_networks_of_two_sizes():
    nets = [network(0, image_size=28), network(1, image_size=30)]
    sets = [open_dataset("shapes", "val", n.inputs.image_size, store_size=32) for n in nets]
    for dataset in sets:
        dataset.labels = dataset.labels[:50]  # the first 50 images are enough
    found = evaluate(nets, sets, batch_size=16, workers=2)
    scores = found.scores
    images = np.stack([sets[0].load(i) for i in range(50)])
    mean = np.mean([np.exp(log_probabilities(net, images)) for net in nets], axis=0)
    labels = sets[0].labels
    order = np.argsort(-mean, axis=1)
    assert scores.images == 50
    assert scores.top1_error == np.mean(order[:, 0] != labels)
    assert scores.top5_error == np.mean([label not in o[:5] for o, label in zip(order, labels)])
    assert np.isclose(scores.loss, -np.log(mean[np.arange(50), labels]).mean(), rtol=1e-5)
    alone = [evaluate([n], [s], batch_size=16, workers=2).scores for n, s in zip(nets, sets)]
    assert found.members == alone and alone[0] != alone[1]


def test_the_centre_crops_are_scored_beside_ten_views():
    nets = [network(seed, image_size=28) for seed in (0, 1)]
    sets = [open_dataset("shapes", "val", 28, store_size=32) for _ in nets]
    for dataset in sets:
        dataset.labels = dataset.labels[:50]
    one, ten = (evaluate(nets, sets, batch_size=16, workers=2, views=v) for v in (1, 10))
    assert one.one_view == one.scores == ten.one_view != ten.scores
    assert one.members != ten.members


@pytest.mark.parametrize("bad", [({3}, {7}), ({3}, set()), (set(), {48, 49})])
def test_an_ensemble_whose_members_see_other_images_is_refused(bad):
    """Of 50 images in batches of 16; the last batch has two. Else labels and images would mix."""
    nets = [network(seed, image_size=28) for seed in (0, 1)]
    sets = [open_dataset("shapes", "val", 28, store_size=32) for _ in nets]
    for dataset, broken in zip(sets, bad):
        dataset.labels = dataset.labels[:50]
        dataset.load = unreadable(dataset, broken)
    with pytest.raises(DataError, match="one network of the ensemble but not for another"):
        evaluate(nets, sets, batch_size=16, workers=1, on_skip=lambda name, reason: None)


def unreadable(dataset, broken: set[int]):
    load = dataset.load

    def load_unless_broken(i):
        if i in broken:
            raise BadImage(dataset.describe(i), "broken")
        return load(i)

    return load_unless_broken


def test_evaluation_uses_no_dropout_and_leaves_training_mode_alone():
    model = load_example("alexnet").AlexNet(3, "modern", image_size=64, width=0.03)
    net = Network(model, Inputs(np.zeros((3, 64, 64)), np.ones(3)), ["x", "y", "z"], 64)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), np.uint8)
    first = log_probabilities(net, images)
    assert np.array_equal(first, log_probabilities(net, images))
    assert model.training and model.dropout6.training and model.dropout6.counter == 0
    assert all(p.grad is None for p in model.parameters())


def test_likeliest_classes_come_first():
    net, images = network(0), pictures(3)
    expected = probabilities(net, images[:, :, 2:14, 2:14])
    for best, row in zip(likeliest(net, images, top=4), expected):
        assert [name for name, _ in best] == [CLASSES[k] for k in np.argsort(-row)[:4]]
        np.testing.assert_allclose([p for _, p in best], np.sort(row)[::-1][:4], atol=1e-6)


def test_classes_agree_if_their_names_do_or_their_wordnet_ids():
    dataset = open_dataset("shapes", "val", 28)
    path = Path("best.safetensors")
    for known, found in (
        (["red apple", "red car"], ["red apple", "red car"]),
        (["n01440764 tench, Tinca tinca", "n02979186"], ["n01440764", "n02979186 cassette player"]),
    ):
        dataset.classes = found
        check_classes(path, known, dataset)
    for known, found in (
        (["red apple", "red car"], ["red dog", "red house"]),
        (["n01440764 tench", "n02979186"], ["n02979186", "n01440764"]),
        (["n014407641 a"], ["n014407641 b"]),
    ):
        dataset.classes = found
        with pytest.raises(UserError, match=f"best.safetensors knows .*{known[0]}.*{found[0]}"):
            check_classes(path, known, dataset)


def test_data_that_a_checkpoint_names_are_neither_made_nor_downloaded(photos, tmp_path):
    """By this name, the archive of CIFAR-10 would be."""
    out, lost = tmp_path / "run", tmp_path / "deep" / "cifar-10-binary.tar.gz"
    train("--data", photos, "--steps", "1", "--out", out)
    for file in (out / "checkpoints").iterdir():
        tinynet.save(file, {**tinynet.load(file), "data": str(lost)})
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "data": str(lost)}))
    for command in (
        ("eval", "--checkpoint", out),
        ("figures", "--run", out),
        ("train", "--resume", "--steps", "2", "--out", out),
    ):
        result = run(*command)
        assert result.status == 2 and f"{lost}: no such dataset" in result.err
        assert not lost.parent.exists()
