"""`import FILE.onnx`: a file as Caffe's AlexNet and CaffeNet are handed on, made here by hand."""

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from tiny_runs import load_example, run

from tinynet import no_grad
from tinynet.commands import caffe_file
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

CLASSES, MAPS, UNITS = 7, (24, 64, 96, 96, 64), 256 * 4
LRN = {"size": 5, "alpha": 1e-4, "beta": 0.75, "bias": 1.0}
POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
ORDERS = {"caffe": ("Relu", "LRN", "MaxPool"), "caffenet": ("Relu", "MaxPool", "LRN")}


class Writer:
    """A chain of nodes, each with the result of the one before."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.nodes, self.arrays, self.last = [], {}, "data_0"

    def add(self, kind, arrays=(), **attributes):
        name = f"{kind}{len(self.nodes)}"
        names = [f"{name}_{letter}" for letter, _ in zip("wb", arrays)]
        self.arrays |= dict(zip(names, arrays))
        node = helper.make_node(kind, [self.last, *names], [name], name=name, **attributes)
        self.nodes.append(node)
        self.last = name

    def weights(self, *shape):
        scale = np.sqrt(2 / np.prod(shape[1:])) / (100 if shape[1] == 3 else 1)  # 3: pixels
        bias = self.rng.standard_normal(shape[0]) * 0.1
        weight = self.rng.standard_normal(shape) * scale
        return weight.astype(np.float32), bias.astype(np.float32)

    def save(self, path, producer="caffe2"):
        made = [numpy_helper.from_array(array, name) for name, array in self.arrays.items()]
        given = helper.make_tensor_value_info("data_0", TensorProto.FLOAT, ["n", 3, 227, 227])
        found = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["n", CLASSES])
        graph = helper.make_graph(self.nodes, "net", [given], [found], made)
        version = [helper.make_opsetid("", 11)]
        model = helper.make_model(graph, producer_name=producer, opset_imports=version)
        model.ir_version = 8
        onnx.save(model, path)
        return path


def caffe(order=ORDERS["caffe"], lrn=LRN, pool=POOL, groups=2, extra=None, maps=MAPS, units=UNITS):
    net, seen = Writer(), 3
    for i, filters in enumerate(maps):
        k, stride, pad = ((11, 4, 0), (5, 1, 2), (3, 1, 1))[min(i, 2)]
        group = groups if i in (1, 3, 4) else 1
        arrays = net.weights(filters, seen // group, k, k)
        net.add("Conv", arrays, group=group, strides=[stride] * 2, pads=[pad] * 4)
        for kind in order if i < 2 else ("Relu", "MaxPool") if i == 4 else ("Relu",):
            net.add(kind, **{"Relu": {}, "LRN": lrn, "MaxPool": pool}[kind])
        seen = filters
    if extra:
        net.add(extra)
    net.add("Reshape", [np.array([0, -1])])
    seen *= 6 * 6
    for i, outputs in enumerate((units, units, CLASSES)):
        net.add("Gemm", net.weights(outputs, seen), transB=1)
        if i < 2:
            net.add("Relu")
            net.add("Dropout")
        seen = outputs
    net.add("Softmax", axis=1)
    return net


@pytest.mark.parametrize("profile", ORDERS)
def test_its_probabilities_are_those_of_the_file(profile, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    file = caffe(ORDERS[profile]).save(tmp_path / "net.onnx")
    result = run("import", file, "--out", tmp_path / "run")
    assert result.status == 0, result.err
    assert f"network  {profile}, {CLASSES} classes" in result.out
    assert "note     conv1 sees red first" in result.out
    best = tmp_path / "run" / "checkpoints" / "best.safetensors"
    build = load_example("alexnet").EXAMPLE.build
    network, settings = load_network(best, "alexnet", build, ("cpu",))
    assert (settings["image_size"], settings["width"]) == (227, 0.25)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 227, 227), np.uint8)
    nowhere = np.zeros(2, np.int32)
    x = network.inputs(pixels, nowhere, nowhere, nowhere)
    network.model.eval()
    with no_grad():
        found = network.model(x).numpy()
    blue_first = pixels[:, ::-1] - np.array([104.007, 116.669, 122.679])[:, None, None]
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"data_0": blue_first.astype(np.float32)})[0]
    shares = np.exp(found - found.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert 0.05 < wanted.max() < 0.999
    np.testing.assert_allclose(shares, wanted, atol=1e-4)


def test_what_was_exported_is_imported_as_it_was(tmp_path):
    file = caffe().save(tmp_path / "net.onnx")
    assert run("import", file, "--out", tmp_path / "run").status == 0
    back = tmp_path / "back.onnx"
    assert run("export", "--checkpoint", tmp_path / "run", "--onnx", back).status == 0
    result = run("import", back, "--out", tmp_path / "again")
    assert result.status == 0 and "note" not in result.out, result.err
    Image.fromarray(np.full((240, 250, 3), 90, np.uint8)).save(tmp_path / "a.png")
    asked, again = (
        run("predict", "--checkpoint", tmp_path / name, tmp_path / "a.png")
        for name in ("run", "again")
    )
    assert asked.status == 0 and asked.out == again.out


def test_half_precision_is_taken_and_told(tmp_path):
    net = caffe()
    for name, array in net.arrays.items():
        if array.dtype == np.float32:
            net.arrays[name] = array.astype(np.float16)
    result = run("import", net.save(tmp_path / "net.onnx"), "--out", tmp_path / "run")
    assert result.status == 0 and "note     float16 become float32" in result.out, result.err


def changed(**options):
    return lambda: caffe(**options)


def with_first(array):
    def make():
        net = caffe()
        net.arrays[next(iter(net.arrays))] = array
        return net

    return make


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (changed(order=("Relu", "MaxPool")), "holds neither caffe nor caffenet"),
        (changed(extra="Sigmoid"), "there is no Sigmoid in them"),
        (changed(lrn={**LRN, "alpha": 1e-3}), "LRN LRN2: alpha 0.001"),
        (changed(pool={**POOL, "strides": [3, 3]}), "strides [3, 3], wanted [2, 2]"),
        (changed(groups=1), "group 1, wanted 2"),
        (with_first(np.zeros((24, 3, 7, 7), np.float32)), "conv1.weight: (24, 3, 7, 7), wanted"),
        (with_first(np.full((24, 3, 11, 11), np.nan, np.float32)), "conv1.weight: has nan or inf"),
    ],
)
def test_another_network_is_refused(make, told, tmp_path):
    result = run("import", make().save(tmp_path / "net.onnx"), "--out", tmp_path / "run")
    assert (result.status, result.out) == (2, "") and told in result.err
    assert not (tmp_path / "run").exists()


def test_layers_that_are_no_chain_are_refused(tmp_path):
    net = caffe()
    net.nodes[4].input[0] = "data_0"
    result = run("import", net.save(tmp_path / "net.onnx"), "--out", tmp_path / "run")
    assert result.status == 2 and "layers that are not a chain are not read" in result.err


def test_weights_in_another_file_are_not_read(tmp_path):
    file = caffe().save(tmp_path / "net.onnx")
    onnx.save(onnx.load(file), file, save_as_external_data=True, location="elsewhere")
    result = run("import", file, "--out", tmp_path / "run")
    assert result.status == 2 and "lies in another file, which is not read" in result.err


def test_a_file_cut_short_or_changed_is_told_in_a_line(tmp_path):
    whole = caffe().save(tmp_path / "net.onnx").read_bytes()
    file = tmp_path / "cut.onnx"
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        result = run("import", file, "--out", tmp_path / "run")
        assert result.status == 2 and result.err.startswith("error: "), (length, result.err)
    assert run("import", tmp_path / "none.onnx", "--out", tmp_path / "run").status == 2


def test_any_bytes_give_weights_or_a_line(tmp_path, fuzz):
    file = caffe(maps=(2,) * 5, units=2).save(tmp_path / "net.onnx")
    whole = file.read_bytes()

    def check(changes):
        data = bytearray(whole)
        for place, byte in changes:
            data[place % len(data)] = byte
        file.write_bytes(data)
        try:
            caffe_file.read_caffe(str(file))
        except UserError as error:
            assert str(file) in str(error)

    place = st.one_of(st.integers(0, len(whole)), st.integers(0, 200), st.integers(-2000, -1))
    fuzz(check, st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4))


def test_without_the_package_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(caffe_file, "find_spec", lambda name: None)
    result = run("import", tmp_path / "net.onnx", "--out", tmp_path / "run")
    assert result.status == 2 and "needs the package onnx: pip install onnx" in result.err
