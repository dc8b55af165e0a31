"""What a tar can hold besides plain files: links, sparse files, another tar, and malice."""

import io
import shutil
import subprocess
import tarfile

import numpy as np
import pytest
from hypothesis import strategies as st
from imagenet_shaped import photograph, prepare_quietly, tar_of, train_files, write_ilsvrc
from PIL import Image

from tinynet.data import BadImage, DataError, Loader, open_dataset
from tinynet.data.preparing.ilsvrc import TRAIN, open_ilsvrc
from tinynet.data.tar import BACK, DANGLING, ODD, Contents


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (5, 4), (value, 255 - value, 0)).save(file, "PNG")
    return file.getvalue()


FILES = {
    "train/cat/a.png": png(1),
    "train/dog/b.png": png(2),
    "val/cat/c.png": png(3),
    "val/dog/d.png": png(4),
}


def member(name, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


def files_and(*members):
    return [member(name, data=data) for name, data in FILES.items()] + list(members)


def found(path, split="train"):
    """Of each image its path below the tar, its class and its red; and what was ignored."""
    dataset = open_dataset(path, split, 4, store_size=4)
    images = {
        dataset.describe(i).removeprefix(f"{path}: {split}/"): (
            dataset.classes[dataset.labels[i]],
            int(dataset.load(i)[0, 0, 0]),
        )
        for i in range(len(dataset))
    }
    ignored = {name.removeprefix(f"{path}: "): why for name, why in dataset.ignored.items()}
    return images, ignored


PLAIN = {"cat/a.png": ("cat", 1), "dog/b.png": ("dog", 2)}
HARD, SOFT = tarfile.LNKTYPE, tarfile.SYMTYPE


@pytest.mark.parametrize(
    ("kind", "name", "link", "expected"),
    [
        # GNU tar writes this for the second name of a file that has two.
        (HARD, "train/dog/again.png", "train/cat/a.png", {"dog/again.png": ("dog", 1)}),
        (SOFT, "train/dog/again.png", "../cat/a.png", {"dog/again.png": ("dog", 1)}),
        (
            SOFT,
            "train/dog/again.png",
            "../../val/cat/../cat/c.png",
            {"dog/again.png": ("dog", 3)},
        ),
        (SOFT, "train/dog/again.png", "/train/cat/a.png", {"dog/again.png": ("dog", 1)}),
        (SOFT, "train/dog/more", "../cat", {"dog/more/a.png": ("dog", 1)}),
    ],
)
def test_a_link_is_one_more_name(tmp_path, kind, name, link, expected):
    path = write_tar(tmp_path / "a.tar", files_and(member(name, kind, link)))
    assert found(path) == (PLAIN | expected, {})


def test_a_split_and_a_class_may_be_links(tmp_path):
    members = [m for m in files_and() if m[0].name.startswith("train")]
    members += [member("val", SOFT, "train"), member("train/owl", SOFT, "../.store/owl")]
    members += [member(".store/owl/e.png", data=png(5))]
    path = write_tar(tmp_path / "a.tar", members)
    expected = PLAIN | {"owl/e.png": ("owl", 5)}
    assert found(path) == (expected, {})
    assert found(path, "val") == (expected, {})


def test_a_link_to_a_link_and_a_hard_link_before_its_target_and_to_a_link(tmp_path):
    path = write_tar(
        tmp_path / "a.tar",
        [
            member("train/dog/early.png", HARD, "train/cat/a.png"),
            *files_and(
                member("train/dog/one.png", SOFT, "two.png"),
                member("train/dog/two.png", SOFT, "../cat/a.png"),
                member("train/dog/three.png", HARD, "train/dog/two.png"),
            ),
        ],
    )
    names = ("early", "one", "two", "three")
    assert found(path) == (PLAIN | {f"dog/{name}.png": ("dog", 1) for name in names}, {})


@pytest.mark.parametrize(
    ("name", "kind", "link", "reason"),
    [
        ("train/dog/x.png", SOFT, "gone.png", DANGLING),
        ("train/dog/x.png", HARD, "gone.png", DANGLING),
        ("train/dog/x.png", SOFT, "/etc/hosts", DANGLING),
        ("train/dog/x.png", SOFT, "../../../photos/train/cat/a.png", DANGLING),
        ("train/dog/x.png", SOFT, "x.png", DANGLING),
        ("train/dog/x", SOFT, ".", BACK),
        ("train/dog/x", SOFT, "..", BACK),
        ("train/dog/x", SOFT, "../..", BACK),
        ("train/dog/x.png", tarfile.FIFOTYPE, "", ODD),
        ("train/dog/x.png", tarfile.CHRTYPE, "", ODD),
    ],
)
def test_what_leads_nowhere_is_left_out_and_told_of(tmp_path, name, kind, link, reason):
    path = write_tar(tmp_path / "a.tar", files_and(member(name, kind, link)))
    assert found(path) == (PLAIN, {name: reason})
    told = []
    dataset = open_dataset(path, "train", 4)
    Loader(dataset, 1, seed=0, workers=1, train=True, on_skip=lambda *skip: told.append(skip))
    assert told == [(f"{path}: {name}", reason)]
    prepare_quietly(path, tmp_path / "set")
    assert (tmp_path / "set" / "skipped.txt").read_text() == f"{name}: {reason}\n"


def test_folders_that_link_to_each_other_are_entered_once(tmp_path):
    links = [member("train/cat/x", SOFT, "../dog"), member("train/dog/y", SOFT, "../cat")]
    images, ignored = found(write_tar(tmp_path / "a.tar", files_and(*links)))
    assert images == PLAIN | {"cat/x/b.png": ("cat", 2), "dog/y/a.png": ("dog", 1)}
    assert ignored == {"train/cat/x/y": BACK, "train/dog/y/x": BACK}


def test_links_hundreds_deep_end(tmp_path):
    deep = [member(f"train/cat/{k}/l", SOFT, f"../{k + 1}") for k in range(300)]
    deep += [member("train/cat/300/z.png", data=png(9))]
    images, ignored = found(write_tar(tmp_path / "a.tar", files_and(*deep)))
    assert images.items() >= PLAIN.items() and images["cat/300/z.png"] == ("cat", 9)
    assert BACK in ignored.values()


def test_the_last_of_two_members_of_one_name_counts(tmp_path):
    """As when a file was added anew with `tar -r`, or a link replaced by the file itself."""
    late = [member("train/cat/a.png", data=png(7)), member("train/dog/b.png", SOFT, "../cat/a.png")]
    path = write_tar(tmp_path / "a.tar", files_and(*late))
    assert found(path) == ({"cat/a.png": ("cat", 7), "dog/b.png": ("dog", 7)}, {})


# ---------------------------------------------------------------- sparse files

PIXELS = np.random.default_rng(0).integers(1, 256, (256, 256, 3), np.uint8)
PIXELS[40:90] = 0  # 38,400 bytes, of which a sparse file stores only a few
PIXELS[150:200] = 0
PICTURE = b"P6\n256 256\n255\n" + PIXELS.tobytes()


def write_with_holes(path, data):
    with open(path, "wb") as file:
        for start in range(0, len(data), 4096):
            block = data[start : start + 4096]
            if any(block):
                file.seek(start)
                file.write(block)
        file.truncate(len(data))


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar to pack with")
@pytest.mark.parametrize("version", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_have_their_pixels_in_their_places(tmp_path, version):
    for split in ("train", "val"):
        (tmp_path / "photos" / split / "cat").mkdir(parents=True)
        write_with_holes(tmp_path / "photos" / split / "cat" / "a.ppm", PICTURE)
        (tmp_path / "photos" / split / "cat" / "b.png").write_bytes(png(1))
    form = ["--format=gnu"] if version == "gnu" else ["--format=pax", f"--sparse-version={version}"]
    command = ["tar", "-cf", "a.tar", *form, "--sparse", "--hole-detection=raw", "photos"]
    if subprocess.run(command, cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("this tar packs no sparse files")
    assert (tmp_path / "a.tar").stat().st_size < 2 * len(PICTURE) - 100_000
    for split in ("train", "val"):
        dataset = open_dataset(tmp_path / "a.tar", split, 256, store_size=256)
        assert len(dataset) == 2
        np.testing.assert_array_equal(dataset.load(0), PIXELS.transpose(2, 0, 1))


def sparse_header(name, size, pieces, stored):
    """A header of the old GNU format."""
    info = tarfile.TarInfo(name)
    info.size = stored
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    for i, piece in enumerate(pieces):
        block[386 + 24 * i : 410 + 24 * i] = b"%011o\0%011o\0" % piece
    block[483:495] = b"%011o\0" % size
    return signed(block)


def signed(block):
    """With the checksum put right."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (10, [(0, 8), (8, 8)]),  # the second ends beyond the end
        (2**33, [(2**32, 2**32)]),  # more than the archive has
        (100, [(200, 0)]),
    ],
)
def test_pieces_that_cannot_be_are_refused(tmp_path, size, pieces):
    path = tmp_path / "a.tar"
    header = sparse_header("train/cat/a.ppm", size, pieces, 16)
    path.write_bytes(header + bytes(512) + tar_of(FILES))
    with pytest.raises(DataError, match="a.tar: damaged, .*a.ppm (has a piece|extends) beyond its"):
        open_dataset(path, "train", 4)


def test_a_sparse_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "a.tar"
    header = sparse_header("train/cat/x.ppm", 2**32, [(0, 16)], 16)
    path.write_bytes(header + padded(PICTURE[:16]) + tar_of(FILES))
    dataset = open_dataset(path, "train", 4)
    skipped = []
    loader = Loader(
        dataset, 3, seed=0, workers=1, train=False, on_skip=lambda *skip: skipped.append(skip)
    )
    assert sum(len(batch.indices) for batch in loader.epoch(0)) == 2
    assert skipped == [(f"{path}: train/cat/x.ppm", "larger than 1,073,741,824 bytes")]
    prepare_quietly(path, tmp_path / "set")
    text = (tmp_path / "set" / "skipped.txt").read_text()
    assert text == "train/cat/x.ppm: larger than 1,073,741,824 bytes\n"


# ---------------------------------------------------------------- one archive after another


def test_an_archive_appended_to_another_is_read_on(tmp_path):
    """As `cat a.tar b.tar c.tar` makes it."""
    parts = [tar_of({name: data}) for name, data in FILES.items()]
    path = tmp_path / "all.tar"
    path.write_bytes(b"".join(parts))
    assert found(path) == (PLAIN, {})
    assert found(path, "val") == ({"cat/c.png": ("cat", 3), "dog/d.png": ("dog", 4)}, {})


def test_what_follows_the_end_and_is_no_tar_is_told_of(tmp_path):
    path = tmp_path / "a.tar"
    whole = tar_of(FILES)
    path.write_bytes(whole + b"something else")
    with pytest.raises(DataError, match=f"a.tar: damaged .*at byte {len(whole):,}, after 4 files"):
        open_dataset(path, "train", 4)


def test_a_block_of_zeros_in_the_middle_is_not_taken_for_the_end(tmp_path):
    data = bytearray(tar_of(FILES))
    place = data.index(b"train/dog/b.png")
    data[place : place + 512] = bytes(512)
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(DataError, match=f"damaged .* at byte {place + 512:,}, after 1 files"):
        open_dataset(tmp_path / "a.tar", "train", 4)


# ---------------------------------------------------------------- ILSVRC's archives


@pytest.fixture
def ilsvrc(tmp_path):
    return write_ilsvrc(tmp_path / "ilsvrc", per_class=2)


def test_links_in_the_archives_of_ilsvrc(ilsvrc, tmp_path):
    wnids = ("n01440764", "n02102040", "n03000684")
    tars = [member(f"{w}.tar", data=tar_of(train_files(w, 1))) for w in wnids[1:]]
    inner = write_tar(
        tmp_path / "inner.tar",
        [
            member("n01440764_0.JPEG", data=photograph(0)),
            member("n01440764_1.JPEG", HARD, "n01440764_0.JPEG"),
            member("n01440764_2.JPEG", SOFT, "gone.JPEG"),
            member("n01440764_3.JPEG", tarfile.FIFOTYPE),
        ],
    )
    tars += [member("store", data=inner.read_bytes()), member("n01440764.tar", SOFT, "store")]
    write_tar(ilsvrc / TRAIN, [*tars, member("n03888257.tar", SOFT, "gone")])
    prepare_quietly(ilsvrc, tmp_path / "set")
    train = open_dataset(tmp_path / "set", "train", 224)
    assert np.bincount(train.labels).tolist() == [2, 1, 1]
    assert sorted((tmp_path / "set" / "skipped.txt").read_text().splitlines()) == [
        f"{TRAIN}: n01440764.tar: n01440764_2.JPEG: {DANGLING}",
        f"{TRAIN}: n01440764.tar: n01440764_3.JPEG: {ODD}",
        f"{TRAIN}: n03888257.tar: {DANGLING}",
        f"{TRAIN}: store: not named like an image",
    ]


def test_sparse_files_in_the_archives_of_ilsvrc(ilsvrc, tmp_path):
    header = sparse_header("n01440764_9.ppm", len(PICTURE), [(0, 1_000), (2_000, 500)], 1_500)
    kept = padded(PICTURE[:1000] + PICTURE[2000:2500])
    inner = tar_of(train_files("n01440764", 1))
    tars = {f"{w}.tar": tar_of(train_files(w, 1)) for w in ("n02102040", "n03000684")}
    tars["n01440764.tar"] = header + kept + inner
    (ilsvrc / TRAIN).write_bytes(tar_of(tars))
    train = open_ilsvrc(ilsvrc, lambda done, total: None).splits["train"]
    place = next(i for i in range(len(train)) if train.name(i).endswith(".ppm"))
    expected = bytearray(len(PICTURE))
    expected[:1000], expected[2000:2500] = PICTURE[:1000], PICTURE[2000:2500]
    assert train.read(place) == bytes(expected)
    del tars["n01440764.tar"]
    (ilsvrc / TRAIN).write_bytes(
        sparse_header("n01440764.tar", 5_000, [(0, 1_024)], 1_024) + bytes(1_024) + tar_of(tars)
    )
    with pytest.raises(DataError, match="n01440764.tar: a sparse file: pack .* without --sparse"):
        open_ilsvrc(ilsvrc, lambda done, total: None)


# ---------------------------------------------------------------- malice


def with_size(size):
    """A header that says this size, in the binary way of GNU."""
    block = bytearray(tarfile.TarInfo("train/cat/x.png").tobuf(tarfile.GNU_FORMAT))
    block[124:136] = (
        (size % 2**96).to_bytes(12, "big") if size < 0 else b"\x80" + size.to_bytes(11, "big")
    )
    return block


@pytest.mark.parametrize("size", [-512, -1024, -(2**62), 2**62])
@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"K", b"S"])
def test_a_size_that_cannot_be_ends_at_once(tmp_path, size, kind):
    block = with_size(size)
    block[156:157] = kind
    path = tmp_path / "a.tar"
    path.write_bytes(signed(block) + tar_of(FILES))
    with pytest.raises(DataError, match="a.tar: damaged"):
        open_dataset(path, "train", 4)


def pax(**fields):
    text = b""
    for key, value in fields.items():
        line = f" {key}={value}\n".encode()
        length = len(line) + len(str(len(line)))
        length += len(str(length)) > len(str(len(line)))
        text += str(length).encode() + line
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(text)
    return info.tobuf() + padded(text)


@pytest.mark.parametrize("size", [-1, -512, -(2**70), 2**70])
def test_a_size_that_cannot_be_in_an_extended_header(tmp_path, size):
    path = tmp_path / "a.tar"
    path.write_bytes(pax(size=size) + tar_of(FILES))
    with pytest.raises(DataError, match="a.tar: damaged"):
        open_dataset(path, "train", 4)


def test_a_million_headers_for_one_file(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    path = tmp_path / "a.tar"
    path.write_bytes((info.tobuf() + padded(b"name\0")) * 5_000 + tar_of(FILES))
    with pytest.raises(DataError, match="a.tar: damaged"):
        open_dataset(path, "train", 4)


SEED = tar_of(FILES)
SEEDS = [
    SEED,
    pax(path="train/cat/long", size=6) + SEED,
    sparse_header("train/cat/s.ppm", 4096, [(0, 512), (2048, 512)], 1024) + bytes(1024) + SEED,
    signed(bytearray(tarfile.TarInfo("l").tobuf())) + SEED + SEED,
]


def damaged(seed, changes):
    data = bytearray(seed)
    for place, value in changes:
        # Headers, whose checksum is put right, are where a change means something.
        place %= len(data)
        data[place] = value
        start = place // 512 * 512
        if data[start + 257 : start + 262] == b"ustar":
            data[start : start + 512] = signed(data[start : start + 512])
    return bytes(data)


CHANGES = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=8)
TARS = st.builds(damaged, st.sampled_from(SEEDS), CHANGES) | st.binary(max_size=2_000)


def test_any_bytes_are_a_list_of_files_or_refused_by_name(tmp_path, fuzz):
    path = tmp_path / "a.tar"

    def check(data):
        path.write_bytes(data)
        with open(path, "rb") as file:
            try:
                contents = Contents(file, str(path))
            except DataError as error:
                assert str(error).startswith(f"{path}: damaged")
                return
            for place in contents.files.values():
                assert place.size >= 0 and 0 <= place.offset <= len(data)
        try:
            dataset = open_dataset(path, "train", 4)
        except DataError as error:
            assert str(error).startswith(f"{path}: ")
            return
        for i in range(len(dataset)):
            try:
                assert dataset.load(i).shape == (3, 5, 5)
            except BadImage as error:
                assert error.name.startswith(f"{path}: ")

    fuzz(check, TARS)
