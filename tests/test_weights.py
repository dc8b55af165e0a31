"""`import` and `export`: torchvision's AlexNet, whose layers are written out here by hand."""

import io
import pickle
import re
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file
from tiny_runs import run

from tinynet import Tensor, no_grad
from tinynet import functional as F
from tinynet.files.tensor_file import read_tensors
from tinynet.training.checkpoint import load_network

CLASSES = 7
SHAPES = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 9216),
    "classifier.4": (4096, 4096),
    "classifier.6": (CLASSES, 4096),
}


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    state = {}
    for name, shape in SHAPES.items():
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        state[f"{name}.weight"] = rng.standard_normal(shape, np.float32) * scale
        state[f"{name}.bias"] = rng.standard_normal(shape[:1], np.float32) * np.float32(0.1)
    return state


@pytest.fixture(scope="module")
def imported(weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported")
    save_file(weights, folder / "alexnet.safetensors")
    (folder / "names").write_text("".join(f"n0000000{i} word {i}\n" for i in range(CLASSES)))
    argv = ("import", folder / "alexnet.safetensors", "--names", folder / "names")
    result = run(*argv, "--out", folder / "run")
    assert result.status == 0, result.err
    assert result.out.startswith("network  owt, 7 classes\n")
    return folder / "run"


def torchvision_alexnet(x, state):
    """torchvision.models.alexnet in testing, where dropout and the average to 6 x 6 do nothing."""
    for layer, stride, padding, pool in ((0, 4, 2, True), (3, 1, 2, True), (6, 1, 1, False)):
        x = convolved(x, state, layer, stride, padding)
        x = F.max_pool2d(x, 3, 2) if pool else x
    x = convolved(x, state, 8, 1, 1)
    x = F.max_pool2d(convolved(x, state, 10, 1, 1), 3, 2).reshape(len(x), -1)
    for layer in (1, 4):
        x = F.relu(F.linear(x, *of_layer(state, f"classifier.{layer}")))
    return F.linear(x, *of_layer(state, "classifier.6"))


def convolved(x, state, layer, stride, padding):
    return F.relu(F.conv2d(x, *of_layer(state, f"features.{layer}"), stride, padding))


def of_layer(state, layer):
    return Tensor(state[f"{layer}.weight"]), Tensor(state[f"{layer}.bias"])


def test_the_logits_are_those_of_torchvisions_layers(weights, imported):
    from tiny_runs import load_example

    build = load_example("alexnet").EXAMPLE.build
    best = imported / "checkpoints" / "best.safetensors"
    network, _ = load_network(best, "alexnet", build, ("cpu",))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 224, 224)).astype(np.float32)
    mean = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
    std = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]
    wanted_input = (pixels / 255 - mean) / std
    own_input = (pixels - network.inputs.mean) / network.inputs.std[:, None, None]
    np.testing.assert_allclose(own_input, wanted_input, atol=1e-5)  # pixels are up to 3 there
    network.model.eval()
    with no_grad():
        wanted = torchvision_alexnet(Tensor(wanted_input), weights).numpy()
        found = network.model(own_input).numpy()
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_an_imported_run_is_asked_drawn_and_exported(weights, imported, tmp_path):
    picture = tmp_path / "cat.png"
    Image.fromarray(np.full((300, 260, 3), 90, np.uint8)).save(picture)
    result = run("predict", "--checkpoint", imported, picture, "--top", "3")
    assert result.status == 0 and len(result.out.splitlines()) == 4, result.err
    assert re.search(r"%  n0000000\d word \d$", result.out)
    result = run("figures", "--run", imported)
    assert "curves      none: the network was not trained here" in result.out
    assert "filters.png" in result.out
    file = tmp_path / "back.safetensors"
    result = run("export", "--checkpoint", imported, "--torch", file)
    assert result.status == 0, result.err
    back = load_file(file)
    assert back.keys() == weights.keys()
    assert all(np.array_equal(back[name], weights[name]) for name in weights)
    (tmp_path / "usual").touch()
    assert file.stat().st_mode == (tmp_path / "usual").stat().st_mode  # not its owner's alone
    result = run("export", "--checkpoint", imported, "--torch", tmp_path / "none" / file.name)
    assert result.status in (1, 2) and result.err.count("\n") == 1, result.err


def test_names_that_are_too_few(imported, tmp_path):
    (tmp_path / "names").write_text("one\ntwo\n")
    argv = ("import", imported.parent / "alexnet.safetensors", "--names", tmp_path / "names")
    result = run(*argv, "--out", tmp_path / "other")
    assert result.status == 2 and "--names" in result.err
    assert not (tmp_path / "other").exists()


def test_all_misfits_are_told_at_once(tmp_path):
    state = {"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)}
    state["features.0.bias"] = np.full(64, np.nan, np.float32)
    state["stem\x1b.weight"] = np.zeros(3, np.float32)
    save_file(state, tmp_path / "vgg.safetensors")
    result = run("import", tmp_path / "vgg.safetensors", "--out", tmp_path / "run")
    assert (result.status, result.out) == (2, "")
    first, *lines = result.err.splitlines()
    assert first.endswith("vgg.safetensors does not hold torchvision's AlexNet, in 17 points:")
    assert len(lines) == 17
    assert "  features.0.weight: (64, 3, 3, 3), wanted (64, 3, 11, 11)" in lines
    assert "  features.0.bias: has nan or inf" in lines
    assert "  classifier.6.weight: missing, wanted (1000, 4096)" in lines
    assert "  stem\\x1b.weight: not known" in lines
    assert not (tmp_path / "run").exists()


def test_what_import_and_export_refuse(imported, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    for file, told in (
        ("missing.safetensors", "No such file"),
        ("cut.safetensors", "neither a whole .safetensors file nor a state dict"),
    ):
        result = run("import", tmp_path / file, "--out", tmp_path / "run")
        assert result.status == 2 and file in result.err and told in result.err
        assert len(result.err.splitlines()) == 1
    result = run("import", tmp_path / "cut.safetensors", "--out", imported)
    assert result.status == 2 and "is not empty: give another" in result.err
    result = run("export", "--checkpoint", imported, "--torch", tmp_path / "a.onnx")
    assert result.status == 2 and "wanted a name in .safetensors" in result.err
    result = run("import", "a", "--out", "b", example="cifar10")
    assert result.status == 2


def test_export_refuses_another_network(tmp_path):
    from tiny_runs import TINY, write_photos

    photos = write_photos(tmp_path / "photos", 4, 2)
    argv = ("train", "--data", photos, "--out", tmp_path / "run", "--epochs", "1", *TINY)
    assert run(*argv).status == 0
    result = run("export", "--checkpoint", tmp_path / "run", "--torch", tmp_path / "a.safetensors")
    assert result.status == 2 and "profile owt, 224 pixels, width 1" in result.err
    assert not (tmp_path / "a.safetensors").exists()


# ---------------------------------------------------------------- files


def torch_module():
    """Stand-ins for what a pickle of PyTorch names, for pickling alone."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for kind in ("FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage"):
        setattr(torch, kind, type(kind, (), {"__module__": "torch", "__qualname__": kind}))

    def _rebuild_tensor_v2(*args):
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        ("_rebuild_tensor_v2"),
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    return torch, utils


class Saved:
    """A tensor that pickles as PyTorch's do."""

    def __init__(self, key, kind, count, offset, shape, strides):
        self.place = ("storage", getattr(sys.modules["torch"], kind), key, "cpu", count)
        self.rest = (offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        function = sys.modules["torch._utils"]._rebuild_tensor_v2
        return function, (Place(self.place), *self.rest)


class Place:
    def __init__(self, place):
        self.place = place


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        return item.place if isinstance(item, Place) else None


@pytest.fixture
def torch(monkeypatch):
    torch, utils = torch_module()
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def archive(path, state, storages, protocol=2, compression=zipfile.ZIP_STORED):
    program = io.BytesIO()
    Pickler(program, protocol).dump(state)
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", program.getvalue())
        for key, data in storages.items():
            file.writestr(f"archive/data/{key}", data)
    return path


def test_a_state_dict_of_pytorch(torch, tmp_path):
    numbers = np.arange(12, dtype=np.float32)
    state = OrderedDict(
        whole=Saved("0", "FloatStorage", 12, 0, (3, 4), (4, 1)),
        turned=Saved("0", "FloatStorage", 12, 4, (4, 2), (1, 4)),
        half=Saved("1", "HalfStorage", 2, 0, (2,), (1,)),
        brain=Saved("2", "BFloat16Storage", 2, 0, (2,), (1,)),
        one=Saved("0", "FloatStorage", 12, 5, (), ()),
    )
    state._metadata = OrderedDict([("", {"version": 1})])
    halves = np.array([0.5, -2], np.float16)
    brain = (np.array([1.5, -3], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    storages = {"0": numbers.tobytes(), "1": halves.tobytes(), "2": brain.tobytes()}
    found = read_tensors(archive(tmp_path / "a.pth", state, storages))
    assert list(found) == list(state)
    np.testing.assert_array_equal(found["whole"], numbers.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], [[4, 8], [5, 9], [6, 10], [7, 11]])
    np.testing.assert_array_equal(found["half"], halves)
    np.testing.assert_array_equal(found["brain"], np.array([1.5, -3], np.float32))
    assert found["one"] == 5


class Evil:
    def __reduce__(self):
        return print, ("this must never be printed",)


def test_a_pickle_runs_nothing_and_reaches_beyond_nothing(torch, tmp_path, capfd):
    data = {"0": np.zeros(4, np.float32).tobytes()}
    path = tmp_path / "a.pth"
    for state, told in (
        ({"w": Evil()}, r"names \w+\.print"),
        ({"w": Saved("0", "LongStorage", 4, 0, (4,), (1,))}, "names torch.LongStorage"),
        ({"w": Saved("0", "FloatStorage", 4, 1, (4,), (1,))}, "reaches beyond"),
        ({"w": Saved("0", "FloatStorage", 4, 0, (9**9, 9**9), (0, 0))}, "in 4 numbers"),
        ({"w": Saved("0", "FloatStorage", 4, -1, (2,), (1,))}, "in 4 numbers"),
        ({"w": Saved("1", "FloatStorage", 4, 0, (4,), (1,))}, "lacks archive/data/1"),
        ({"w": Saved("0", "FloatStorage", 2, 0, (2,), (1,))}, "wanted at most 8"),
        ({"epoch": 3}, "more than the tensors"),
        ({3: Saved("0", "FloatStorage", 4, 0, (4,), (1,))}, "have no names"),
        ({"w": 1.5}, "uses BINFLOAT"),
    ):
        with pytest.raises(ValueError, match=told) as error:
            read_tensors(archive(path, state, data))
        assert str(path) in str(error.value)
    with pytest.raises(ValueError, match="is compressed"):
        read_tensors(archive(path, {}, data, compression=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", b"")
    with pytest.raises(ValueError, match="no data.pkl"):
        read_tensors(path)
    assert capfd.readouterr() == ("", "")


def test_any_bytes_give_arrays_or_a_line(tmp_path, fuzz):
    save_file({"a": np.zeros((2, 3), np.float16)}, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()

    def check(drawn):
        program, place, byte = drawn
        with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
            file.writestr("archive/data.pkl", program)
        changed = bytearray(whole)
        changed[place % len(changed)] = byte
        (tmp_path / "a.safetensors").write_bytes(changed)
        for path in (tmp_path / "a.pth", tmp_path / "a.safetensors"):
            try:
                assert all(isinstance(a, np.ndarray) for a in read_tensors(path).values())
            except ValueError as error:
                assert str(path) in str(error)

    drawn = st.tuples(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
    fuzz(check, drawn)
