"""`export --onnx`: onnxruntime computes what tinynet does, for every network and operation."""

import json

import numpy as np
import pytest
from tiny_runs import load_example, run, train

from tinynet import Tensor, nn, no_grad
from tinynet import functional as F
from tinynet.alexnet_profiles import PROFILES
from tinynet.commands import onnx_file
from tinynet.exchange.tracing import random_batch, traced
from tinynet.models import AlexNet, CifarNet, LeNet
from tinynet.models.cifar10 import RECIPES
from tinynet.models.lenet import VERSIONS
from tinynet.training.checkpoint import load_network

NETWORKS = {
    **{f"alexnet {p}": (AlexNet, p, {"image_size": 67, "width": 0.08}) for p in PROFILES},
    **{f"cifar10 {r}": (CifarNet, r, {"image_size": 13, "width": 0.2}) for r in RECIPES},
    **{f"lenet {v}": (LeNet, v, {"image_size": 32}) for v in VERSIONS},
}


def exported(model, path, image, **options):
    pytest.importorskip("onnx")
    from tinynet.exchange.onnx_write import export

    export(model, path, image, **options)
    return path


def computed(path, image):
    """What onnxruntime makes of a file."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = (one.name for one in session.get_inputs())
    return session.run(None, {name: image})[0]


def check(model, tmp_path, image):
    """The file's results are the model's, to 1e-5 of the largest; for another number of images."""
    path = exported(model, tmp_path / "a.onnx", image)
    x = np.random.default_rng(7).uniform(-120, 130, (4, *image)).astype(np.float32)
    steps, y = traced(model, Tensor(x))
    wanted = y.numpy()
    largest = np.abs(wanted).max()
    assert largest > 0 and np.std(wanted, axis=0).max() > 0.01 * largest  # it depends on the image
    np.testing.assert_allclose(computed(path, x), wanted, rtol=0, atol=1e-5 * largest)
    return steps


def draw_weights(model):
    """Such that each layer counts, whatever the profile begins with."""
    rng = np.random.default_rng(3)
    for name, p in model.named_parameters():
        fan_in = np.prod(p.shape[1:4]) if name.endswith("weight") else 100
        p.write(rng.standard_normal(p.shape) * np.sqrt(2 / fan_in))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network(name, tmp_path):
    build, version, options = NETWORKS[name]
    model = build(5, version, **options)
    draw_weights(model)
    side = options["image_size"]
    check(model, tmp_path, (3, side, side))


class Applied(nn.Module):
    """A network that applies one function."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def constant(*shape):
    return Tensor(np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32))


FUNCTIONS = {
    "conv2d": lambda x: F.conv2d(
        x, constant(8, 2, 3, 2), constant(8), stride=(2, 1), padding=(1, 0, 2, 3), groups=2
    ),
    "conv2d, no bias": lambda x: F.conv2d(x, constant(3, 4, 1, 1), stride=2),
    "local2d": lambda x: F.local2d(
        x, constant(3, 4, 3, 2, 4, 8), constant(3, 4, 8), stride=(2, 1), padding=(0, 1, 2, 0)
    ),
    "local2d, no bias": lambda x: F.local2d(x, constant(2, 4, 9, 7, 1, 1)),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, (1, 0, 2, 1)),
    "max_pool2d, over the edge": lambda x: F.max_pool2d(x, (4, 3), (3, 2), ceil_mode=True),
    "avg_pool2d": lambda x: F.avg_pool2d(x, (3, 4), 2, (1, 2, 0, 3)),
    "avg_pool2d, over the edge": lambda x: F.avg_pool2d(x, 3, 4, 1, ceil_mode=True),
    "a last window that would start in the padding": lambda x: F.avg_pool2d(
        x, 2, 9, 1, ceil_mode=True
    ),
    "lrn": lambda x: F.local_response_norm(x, 3, 1e-3, 0.6, 1.5),
    "lrn, in towers": lambda x: F.local_response_norm(x, 3, 1e-3, groups=2),
    "lrn, even": lambda x: F.local_response_norm(x, 2, 1e-3, 0.75),
    "lrn, even, in towers": lambda x: F.local_response_norm(x, 2, 1e-3, groups=2),
    "lrn_within": lambda x: F.local_response_norm_within(x, 3, 1e-4, 0.75),
    "lrn_within, even": lambda x: F.local_response_norm_within(x, 4, 1e-4, 0.6, 2.0),
    "linear": lambda x: F.linear(x.flatten(1), constant(3, 252), constant(3)),
    "linear of rows": lambda x: F.linear(x, constant(3, 7), constant(3)),
    "activations": lambda x: F.relu(x) + F.tanh(x * 0.01) * F.sigmoid(x * 0.02),
    "arithmetic": lambda x: (2 - x) / 3 - x * x + -x,
    "powers": lambda x: (x.abs() + 1) ** 0.3 + (x * 0.01).exp() + (x.abs() + 1).log(),
    "roots and limits": lambda x: (x.abs() + 1).sqrt() + x.clip(-3, 20) + F.maximum(x, 1.0),
    "reductions": lambda x: x.sum(axis=(1, 3)) + x.mean(axis=(1, -1)) + x.max(axis=3).max(axis=1),
    "reductions that keep": lambda x: x.sum(axis=1, keepdims=True) + x.mean(2, keepdims=True),
    "shapes": lambda x: F.pad(x, (1, 0, 2, 1)).transpose(0, 2, 1, 3).reshape(len(x), -1, 5),
    "more than is asked for": lambda x: (x * 3, F.relu(x), x * 2)[0],
    "joined": lambda x: F.concatenate([x, x * 2], axis=1) @ constant(7, 3),
    "softmax": lambda x: F.softmax(x * 0.1, axis=1) + F.log_softmax(x * 0.1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_operation(name, tmp_path):
    check(Applied(FUNCTIONS[name]), tmp_path, (4, 9, 7))


def test_no_operation_that_has_nodes_is_left_out_here():
    pytest.importorskip("onnx")
    from tinynet.exchange.onnx_ops import WRITERS

    steps = [s for f in FUNCTIONS.values() for s in traced(f, random_batch(2, (4, 9, 7)))[0]]
    fast = {"ConvByRows"}  # the same operation, as the CPU does it
    assert {one.__name__ for one in WRITERS} - {s.op.__name__ for s in steps} <= fast | {"Conv2d"}


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: x[:, :2], "getitem has no counterpart"),
        (lambda x: x - float(x.mean()), "depends on the pixels"),
        (lambda x: x.reshape(4 * len(x), 9, 7) * 2, "on how many images"),
        (lambda x: Tensor(x.numpy() * 2), "one Tensor made from its x"),
        (lambda x: x.numpy(), "one Tensor made from its x"),
    ],
)
def test_what_no_graph_says_is_refused(function, told, tmp_path):
    with pytest.raises(ValueError, match=f"^export: .*{told}"):
        exported(Applied(function), tmp_path / "a.onnx", (4, 9, 7))
    assert list(tmp_path.iterdir()) == []


def test_double_is_refused(tmp_path):
    with pytest.raises(ValueError, match="weight expects to be float32 on cpu, got float64"):
        exported(nn.Linear(3, 2, dtype="float64"), tmp_path / "a.onnx", (3,))


def test_tracing_leaves_the_network_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5, seed=1))
    model.train()
    steps, _ = traced(model, random_batch(2, (3,)))
    assert [step.op.name for step in steps] == ["linear"]  # no dropout in testing
    assert all(m.training for _, m in model.named_modules()) and model[1].counter == 0


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train("--data", photos, "--steps", 2, "--out", folder, "--profile", "paper")
    return folder


def test_a_file_that_takes_pixels_and_gives_probabilities(trained, tmp_path):
    onnx = pytest.importorskip("onnx")
    file = tmp_path / "net.onnx"
    result = run("export", "--checkpoint", trained, "--onnx", file, "--softmax", "--mean")
    assert result.status == 0, result.err
    assert "takes    image: float32 (n, 3, 64, 64), red, green and blue, 0 to 255" in result.out
    notes = {one.key: one.value for one in onnx.load(file).metadata_props}
    assert notes["network"] == "alexnet paper" and json.loads(notes["classes"]) == ["green", "red"]
    build = load_example("alexnet").EXAMPLE.build
    best = trained / "checkpoints" / "best.safetensors"
    network, _ = load_network(best, "alexnet", build, ("cpu",))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 64, 64), np.uint8)
    nowhere = np.zeros(5, np.int32)
    network.model.eval()
    with no_grad():
        wanted = F.softmax(network.model(network.inputs(pixels, nowhere, nowhere, nowhere)))
    np.testing.assert_allclose(computed(file, pixels.astype(np.float32)), wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--onnx", "net.pb"], "--onnx net.pb: wanted a name in .onnx"),
        (["--torch", "a.safetensors", "--mean"], "--mean belongs to --onnx"),
        (["--torch", "a.safetensors", "--onnx", "a.onnx"], "not allowed with"),
        ([], "is required"),
        (["--onnx", "no/such/folder/a.onnx"], "no/such/folder"),
    ],
)
def test_mistakes(trained, words, told, monkeypatch):
    pytest.importorskip("onnx")
    result = run("export", "--checkpoint", trained, *words)
    assert result.status == 2 and told in result.err
    assert "Traceback" not in result.err


def test_without_the_package_it_says_what_is_missing(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    result = run("export", "--checkpoint", trained, "--onnx", tmp_path / "a.onnx")
    assert result.status == 2 and "--onnx needs the package onnx: pip install onnx" in result.err
