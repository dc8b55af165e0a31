"""CIFAR-10's binary version from a folder, an archive or the network, whole or damaged."""

import gzip
import hashlib
import http.server
import io
import lzma
import os
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from tinynet.data import DataError, cifar10, open_dataset

NAMES = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]


def batch(seed, count=7):
    """`count` records of 3,073 bytes: labels 0..9 and random pixels."""
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (count, 3073), np.uint8)
    records[:, 0] = rng.integers(0, 10, count)
    return records


BATCHES = {name: batch(seed) for seed, name in enumerate(NAMES)}


def archive(contents, kind, order=None):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{kind}") as tar:
        for name in order or contents:
            data = bytes(contents[name])
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture(params=["folder", "folder around", "gz", "xz", "xz, test first"])
def path(request, tmp_path):
    if request.param.startswith("folder"):
        path = tmp_path / "anything"
        inner = path if request.param == "folder" else path / "cifar-10-batches-bin"
        inner.mkdir(parents=True)
        for name, records in BATCHES.items():
            (inner / name).write_bytes(records)
        return path
    path = tmp_path / f"c.tar.{request.param[:2]}"
    path.write_bytes(
        archive(BATCHES, request.param[:2], NAMES[::-1] if "," in request.param else None)
    )
    return path


def test_both_splits(path):
    for split, names in (("train", NAMES[:5]), ("val", NAMES[5:])):
        dataset = open_dataset(path, split, image_size=32, store_size=32)
        records = np.concatenate([BATCHES[name] for name in names])
        assert dataset.name == "cifar10" and len(dataset.classes) == 10
        assert dataset.labels.dtype == np.int64
        assert dataset.labels.tolist() == records[:, 0].tolist()
        for i, record in enumerate(records):
            np.testing.assert_array_equal(dataset.load(i), record[1:].reshape(3, 32, 32))


def test_images_are_scaled_to_the_store_size(tmp_path):
    smooth = np.zeros((1, 3073), np.uint8)
    smooth[0, 1:] = np.broadcast_to(np.arange(32) * 8, (3, 32, 32)).ravel()
    for name in NAMES:
        (tmp_path / name).write_bytes(smooth)
    image = open_dataset(tmp_path, "train", image_size=64).load(0)
    assert image.shape == (3, 73, 73)
    # 32 steps of 8 levels over 73 pixels, linear between the pixels' centres.
    expected = np.interp((np.arange(73) + 0.5) * 32 / 73 - 0.5, np.arange(32), np.arange(32) * 8)
    assert abs(image - expected).max() <= 1  # rounding


@pytest.mark.parametrize("kind", ["gz", "xz"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_archive_is_named(tmp_path, kind, part):
    path = tmp_path / f"cut.tar.{kind}"
    whole = archive(BATCHES, kind)
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DataError, match=r"cut\.tar\...: damaged or cut short"):
        open_dataset(path, "train", 32)


@pytest.mark.parametrize("kind", ["gz", "xz"])
@pytest.mark.parametrize("place", [0.1, 0.35, 0.6, 0.8])
def test_one_wrong_byte_in_an_archive_is_found(tmp_path, kind, place):
    path = tmp_path / f"bad.tar.{kind}"
    data = bytearray(archive(BATCHES, kind))
    data[int(len(data) * place)] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(DataError, match="bad.tar.*: damaged"):
        open_dataset(path, "train", 32)


def test_other_archives_are_refused(tmp_path):
    path = tmp_path / "photos.tar.gz"
    path.write_bytes(archive({"train/cat/1.jpg": b"..."}, "gz"))
    with pytest.raises(DataError, match="data_batch_1.bin.* missing: wanted CIFAR-10.*plain .tar"):
        open_dataset(path, "train", 32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(3073 * 2 + 1), "data_batch_2.bin has 6,147 bytes, not a whole number of 3,073-byte"),
        (b"", "data_batch_2.bin has 0 bytes"),
        (bytes([10]) + bytes(3072), "data_batch_2.bin has the label 10, wanted 0 to 9"),
    ],
)
def test_wrong_records_are_named(tmp_path, data, message):
    contents = {**BATCHES, "data_batch_2.bin": data}
    path = tmp_path / "c.tar.gz"
    path.write_bytes(archive(contents, "gz"))
    with pytest.raises(DataError, match=message):
        open_dataset(path, "train", 32)
    assert len(open_dataset(path, "val", 32)) == 7


def test_missing_files_of_a_folder_are_named(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(BATCHES["data_batch_1.bin"])
    with pytest.raises(DataError, match="data_batch_2.bin, .*data_batch_5.bin of CIFAR-10"):
        open_dataset(tmp_path, "train", 32)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A local web server in place of the official one; `published` is what it has."""
    published = {"/c.tar.gz": archive(BATCHES, "gz")}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            published["count"] = published.get("count", 0) + 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(published["/c.tar.gz"])))
            self.end_headers()
            self.wfile.write(published["/c.tar.gz"])

        def log_message(self, *args):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cifar10, "URL", f"http://127.0.0.1:{server.server_port}/c.tar.gz")
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(published["/c.tar.gz"]).hexdigest())
    yield published
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_missing_archive_is_downloaded_once(server, tmp_path):
    assert len(open_dataset("cifar10", "train", 32)) == 35
    assert (tmp_path / "data/cifar-10-binary.tar.gz").read_bytes() == server["/c.tar.gz"]
    assert len(open_dataset("cifar10", "val", 32)) == 7
    assert server["count"] == 1


def test_a_missing_archive_of_the_official_name_is_downloaded_there(server, tmp_path):
    target = tmp_path / "elsewhere" / "cifar-10-binary.tar.gz"
    assert len(open_dataset(target, "train", 32)) == 35
    assert target.read_bytes() == server["/c.tar.gz"]


def test_a_wrong_download_is_removed(server, tmp_path):
    server["/c.tar.gz"] = server["/c.tar.gz"][:-1] + b"?"
    with pytest.raises(DataError, match="damaged: .* bytes with MD5 .*It was removed"):
        open_dataset("cifar10", "train", 32)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cifar10.os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        open_dataset("cifar10", "train", 32)
    assert list((tmp_path / "data").iterdir()) == []


def test_without_a_network_the_message_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")  # refused
    with pytest.raises(
        DataError,
        match="could not be downloaded .*put one of cifar-10-binary.tar.gz, cifar-10-binary.tar.xz "
        "or the unpacked folder cifar-10-batches-bin into the folder data",
    ):
        open_dataset("cifar10", "train", 32)


def test_what_lies_in_the_data_folder_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:9/none")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cifar-10-binary.tar.xz").write_bytes(archive(BATCHES, "xz"))
    assert len(open_dataset("cifar10", "train", 32)) == 35


# ---------------------------------------------------------------- more than there can be


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_an_archive_that_unpacks_to_gigabytes_is_refused_soon(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(cifar10, "LARGEST_ARCHIVE", 2**20)
    path = tmp_path / f"bomb.tar.{kind}"
    pack = {"gz": gzip.compress, "xz": lzma.compress}[kind]
    for data in (bytes(2**21), archive({"readme": bytes(2**21)}, ""), bad_pax(2**40)):
        path.write_bytes(pack(data))
        with pytest.raises(DataError, match=r"bomb\.tar\...: (more than 1,048,576 bytes|damaged)"):
            open_dataset(path, "train", 32)
        assert path.stat().st_size < 30_000


def bad_pax(size):
    """A header for long names that says it is so long."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(2**21)


def test_a_sparse_file_of_gigabytes_in_the_archive_is_refused(tmp_path):
    info = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[156:157], block[483:495] = b"S", b"77777777777\0"  # 8 GB, none of them stored
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path = tmp_path / "c.tar.gz"
    path.write_bytes(gzip.compress(bytes(block) + archive(BATCHES, "")))
    with pytest.raises(DataError, match="data_batch_1.bin has more than 30,730,000 bytes"):
        open_dataset(path, "train", 32)


def test_a_file_of_gigabytes_in_the_folder_is_refused(tmp_path):
    for name in NAMES:
        with open(tmp_path / name, "wb") as file:
            file.truncate(3073 * 2**30)
    with pytest.raises(DataError, match="data_batch_1.bin: larger than 30,730,000 bytes"):
        open_dataset(tmp_path, "train", 32)


def test_what_is_no_file_in_the_place_of_one(tmp_path):
    os.mkfifo(tmp_path / "c.tar.gz")
    with pytest.raises(DataError, match="c.tar.gz: .*a FIFO, wanted a regular file"):
        open_dataset(tmp_path / "c.tar.gz", "train", 32)


@pytest.mark.parametrize("spec", ["cifar10", "elsewhere/cifar-10-binary.tar.gz"])
def test_what_a_file_names_is_not_downloaded(server, tmp_path, spec):
    with pytest.raises(DataError, match="cifar-10-binary.tar.gz: no such dataset.*--data cifar10"):
        open_dataset(spec, "train", 32, fetch=False)
    assert "count" not in server and list(tmp_path.iterdir()) == []


def test_any_bytes_are_images_or_refused_by_name(tmp_path, fuzz):
    small = {name: records[:1] for name, records in BATCHES.items()}
    packs = {"gz": partial(gzip.compress, compresslevel=1), "xz": partial(lzma.compress, preset=0)}
    wholes, plain = {kind: archive(small, kind) for kind in packs}, archive(small, "")

    def check(changes):
        kind, packed, places = changes
        path, whole, pack = tmp_path / f"c.tar.{kind}", wholes[kind], packs[kind]
        data = bytearray(whole if packed else plain)
        for place, value in places:
            data[place % len(data)] = value
        path.write_bytes(data if packed else pack(data))
        try:
            assert len(open_dataset(path, "val", 32)) in range(1, 10_001)
        except DataError as error:
            assert str(error).startswith(f"{path}: ")

    places = st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 255)), max_size=5)
    fuzz(check, st.tuples(st.sampled_from(["gz", "xz"]), st.booleans(), places))
