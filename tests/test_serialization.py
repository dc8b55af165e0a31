"""save and load: values come back unchanged; files are whole or absent, and not trusted blindly."""

import errno
import json
import os
import struct

import numpy as np
import pytest
from full_disk import full_disk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinynet

STATE = {
    "model": {"conv1.weight": np.arange(6.0).reshape(2, 3), "conv1.bias": np.zeros(2, np.float32)},
    "labels": ["cat", "dog"],
    "step": 7,
}


def same(a, b):
    """Equal values of equal types, arrays to the bit (a nan too)."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and (a.tobytes() == b.tobytes())
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


# --------------------------------------------------------------------------------- what comes back

arrays = hnp.arrays(
    st.sampled_from(["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3),
)
names = st.text(max_size=5) | st.sampled_from(["a", "a/b", "b", "__metadata__", "tinynet"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | arrays
states = st.dictionaries(
    names,
    st.recursive(
        leaves,
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def test_the_file_is_readable_as_other_new_files_are(tmp_path):
    tinynet.save(tmp_path / "state.safetensors", {"x": np.zeros(3)})
    (tmp_path / "other").touch()
    assert (tmp_path / "state.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


@given(states)
def test_any_state_is_given_back_as_such(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "state.safetensors"
    tinynet.save(path, state)
    assert same(tinynet.load(path), state)


def test_paths_that_coincide_keep_both_arrays(tmp_path):
    """Hypothesis draws it rarely: "a/b" beside a "b" in "a"."""
    state = {"a/b": np.zeros(1), "a": {"b": np.ones(1), "b'": np.full(1, 2.0)}, "__metadata__": {}}
    tinynet.save(tmp_path / "f", state)
    assert same(tinynet.load(tmp_path / "f"), state)


def test_numpy_numbers_and_tuples_become_json(tmp_path):
    tinynet.save(tmp_path / "f", {"lr": np.float32(0.5), "n": np.int64(3), "size": (2, 3)})
    assert same(tinynet.load(tmp_path / "f"), {"lr": 0.5, "n": 3, "size": [2, 3]})


def test_arrays_in_any_order_and_byte_order(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tinynet.save(tmp_path / "f", {"t": array.T, "step": array[:, ::2], "big": array.astype(">f4")})
    state = tinynet.load(tmp_path / "f")
    assert np.array_equal(state["t"], array.T)
    assert np.array_equal(state["step"], array[:, ::2])
    assert np.array_equal(state["big"], array)


def test_what_comes_back_can_be_written_to(tmp_path):
    tinynet.save(tmp_path / "f", STATE)
    tinynet.load(tmp_path / "f")["model"]["conv1.weight"][...] = 1


def test_any_safetensors_reader_finds_the_arrays(tmp_path):
    from safetensors.numpy import load_file

    tinynet.save(tmp_path / "f", STATE)
    found = load_file(tmp_path / "f")
    assert sorted(found) == ["model/conv1.bias", "model/conv1.weight"]
    assert np.array_equal(found["model/conv1.weight"], STATE["model"]["conv1.weight"])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1], "save: state expects a dict, got list"),
        ({"a": {1: 2}}, "save: the keys of a must be names, got 1"),
        ({1: 2}, "save: the keys of state must be names, got 1"),
        ({"a": {"b": {1, 2}}}, "save: a/b expects arrays and JSON values, got set"),
        ({"a": [0, object()]}, "save: a/1 expects arrays and JSON values, got object"),
        (
            {"a": tinynet.Tensor([1.0])},
            "save: a expects arrays and JSON values, got Tensor; its .numpy.. is",
        ),
        ({"a": np.array(["x"])}, "save: a expects an array of numbers or bools, got <U1"),
        ({"a": np.array([None])}, "save: a expects an array of numbers or bools, got object"),
        ({"a": np.zeros(1, complex)}, "save: a expects an array of numbers or bools, got complex"),
    ],
)
def test_save_refuses_and_writes_nothing(tmp_path, state, message):
    with pytest.raises(TypeError, match=message):
        tinynet.save(tmp_path / "f", state)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------- whole, or not at all


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "state.safetensors"
    tinynet.save(path, STATE)
    return path


def assert_untouched(good):
    assert same(tinynet.load(good), STATE)
    assert list(good.parent.iterdir()) == [good]  # nothing half-written is left


def test_a_save_replaces_the_old_file(good):
    tinynet.save(good, {"step": 8})
    assert tinynet.load(good) == {"step": 8}
    assert list(good.parent.iterdir()) == [good]


def test_a_disk_that_fills_up_halfway_leaves_the_old_file(good):
    """A real write that fails: this process may write no file longer than 10,000 bytes."""
    told = "save: could not write .*state.safetensors"
    with full_disk(10_000), pytest.raises(OSError, match=told):
        tinynet.save(good, {"big": np.ones(100_000)})
    assert_untouched(good)


def test_a_full_disk_at_the_flush_leaves_the_old_file(good, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        tinynet.save(good, {"step": 8})
    monkeypatch.undo()
    assert_untouched(good)


def test_ctrl_c_during_the_write_leaves_the_old_file(good, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tinynet.save(good, {"step": 8})
    monkeypatch.undo()
    assert_untouched(good)


def test_the_new_file_is_on_the_disk_before_it_takes_the_place(good, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: done.append("fsync") or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda a, b: done.append("replace") or replace(a, b))
    tinynet.save(good, {"step": 8})
    assert done[:2] == ["fsync", "replace"]


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="save: could not write .*missing"):
        tinynet.save(tmp_path / "missing" / "f", STATE)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        tinynet.save(tmp_path / "folder", STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


# --------------------------------------------------------------------------- what load must refuse


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="load: no such file: .*absent"):
        tinynet.load(tmp_path / "absent")
    with pytest.raises(OSError, match="load: .* cannot be read: a folder, wanted a regular file"):
        tinynet.load(tmp_path)


def test_a_file_cut_short_anywhere(good):
    whole = good.read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        good.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="load: .* is damaged or not a safetensors file"):
            tinynet.load(good)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a safetensors file at all", b"\xff" * 100, struct.pack("<Q", 2) + b"{}" + b"rest"],
)
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="load: .*f is damaged or not a safetensors file"):
        tinynet.load(path)


@pytest.mark.parametrize("name", ["net.pth", "net.pt"])
def test_a_file_of_pytorchs_is_named_as_such(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ValueError, match=f"load: .*{name} is named as PyTorch names its files"):
        tinynet.load(tmp_path / name)
    tinynet.save(tmp_path / name, {"a": 1})  # a name alone is no reason to refuse
    assert tinynet.load(tmp_path / name) == {"a": 1}


def test_path_and_state_exchanged_as_in_pytorch(tmp_path):
    message = r"save: state expects a dict, got str; the path stands first: save\(path, state\)"
    with pytest.raises(TypeError, match=message):
        tinynet.save({"a": 1}, str(tmp_path / "f"))


def test_a_safetensors_file_of_another_program(tmp_path):
    from safetensors.numpy import save_file

    for metadata in (None, {"format": "pt"}):
        save_file({"weight": np.zeros(3)}, tmp_path / "f", metadata=metadata)
        with pytest.raises(ValueError, match="load: .* but not one that tinynet wrote"):
            tinynet.load(tmp_path / "f")


@pytest.mark.parametrize("text", ["{", json.dumps({"a": {"__array__": "missing"}})])
def test_a_header_that_does_not_fit(tmp_path, text):
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3)}, tmp_path / "f", metadata={"tinynet": text})
    with pytest.raises(ValueError, match="load: .* is damaged: its header does not fit"):
        tinynet.load(tmp_path / "f")


def test_nothing_is_ever_unpickled(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    (tmp_path / "f").write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        tinynet.load(tmp_path / "f")
    assert not (tmp_path / "sprung").exists()


def test_a_flipped_bit_is_seen_wherever_it_is(tmp_path):
    """Or else it changes nothing that is read, such as the name of the checksum."""
    path, state = tmp_path / "state", {"a": np.arange(5.0), "b": [1, "x"], "c": np.array(True)}
    tinynet.save(path, state)
    good, seen = path.read_bytes(), 0
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        try:
            found = tinynet.load(path)
        except ValueError:
            seen += 1
        else:
            assert found["b"] == state["b"] and found.keys() >= state.keys()
            np.testing.assert_array_equal(found["a"], state["a"])
            np.testing.assert_array_equal(found["c"], state["c"])
    assert seen > 0.9 * len(good)


def test_big_endian_arrays_have_the_checksum_of_what_is_read(tmp_path):
    tinynet.save(tmp_path / "state", {"a": np.arange(3, dtype=">f4")})
    np.testing.assert_array_equal(tinynet.load(tmp_path / "state")["a"], [0, 1, 2])


def test_a_header_that_is_nested_too_deep(tmp_path):
    """Too deep for any Python: how deep JSON may be at all differs from version to version."""
    depth = 10**5
    tinynet.save(tmp_path / "state", {"a": "nest"})
    text = (tmp_path / "state").read_bytes()
    size = int.from_bytes(text[:8], "little")
    header = json.loads(text[8 : 8 + size])
    header["__metadata__"] = {"tinynet": '{"a": ' + "[" * depth + "]" * depth + "}"}
    new = json.dumps(header).encode()
    (tmp_path / "state").write_bytes(len(new).to_bytes(8, "little") + new)
    with pytest.raises(ValueError, match="its header does not fit"):
        tinynet.load(tmp_path / "state")


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "state")
    with pytest.raises(OSError, match="load: .*state cannot be read: a FIFO"):
        tinynet.load(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read anything")
def test_a_file_without_permission_is_not_missing(tmp_path):
    tinynet.save(tmp_path / "state", {})
    (tmp_path / "state").chmod(0)
    with pytest.raises(PermissionError, match="load: .*state cannot be read: Permission denied"):
        tinynet.load(tmp_path / "state")
