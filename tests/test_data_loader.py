"""The loader: the same samples whatever the number of workers, and no thread left behind."""

import json
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from tiny_runs import run, train, write_photos

from tinynet.data import BadImage, DataError, Dataset, Loader


class Numbered(Dataset):
    """`count` images of side 12, seen at 8, image i full of i % 251; those in `bad` are broken."""

    def __init__(self, count, bad=(), image_size=8):
        labels = np.arange(count) % 7
        super().__init__("numbered", "train", list("abcdefg"), labels, image_size, 12)
        self.bad = set(bad)
        self.reads = []

    def read(self, i):
        self.reads.append(int(i))
        if i in self.bad:
            raise BadImage(self.describe(i), "broken")
        np.sin(np.ones(int(i) * 7919 % 5000))  # some images take longer than others
        return np.full((3, 12, 12), i % 251, np.uint8)


def loader(count=50, batch_size=8, seed=3, workers=2, train=True, **kwargs):
    options = {k: kwargs.pop(k) for k in ("bad", "image_size") if k in kwargs}
    return Loader(
        Numbered(count, **options), batch_size, seed=seed, workers=workers, train=train, **kwargs
    )


def same(a, b):
    return len(a) == len(b) and all(
        np.array_equal(getattr(x, name), getattr(y, name))
        for x, y in zip(a, b)
        for name in ("images", "labels", "top", "left", "flip", "colour", "indices", "number")
    )


def no_threads():
    return not [t for t in threading.enumerate() if t.name.startswith("tinynet-data")]


def test_a_batch_is_what_it_says():
    batches = list(loader(count=50, batch_size=8).epoch(0))
    assert [batch.number for batch in batches] == [0, 1, 2, 3, 4, 5]  # the last 2 images dropped
    for batch in batches:
        assert batch.images.shape == (8, 3, 12, 12) and batch.images.dtype == np.uint8
        assert (batch.images == (batch.indices % 251)[:, None, None, None]).all()
        assert batch.labels.dtype == np.int64 and batch.indices.dtype == np.int64
        assert (batch.labels == batch.indices % 7).all()
        for drawn in (batch.top, batch.left, batch.flip):
            assert drawn.shape == (8,) and drawn.dtype == np.int32


def test_every_image_once_in_an_order_of_each_epochs_own():
    orders = [np.concatenate([b.indices for b in loader(48).epoch(e)]) for e in (0, 1)]
    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(48))
        np.testing.assert_array_equal(order, np.random.default_rng([3, epoch]).permutation(48))


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("train", [True, False])
def test_same_samples_for_any_number_of_workers(workers, train):
    one, many = (
        list(loader(200, 33, workers=n, train=train, bad={4, 90}, on_skip=quiet).epoch(2))
        for n in (1, workers)
    )
    assert same(one, many)


def quiet(name, reason):
    """For datasets that are bad on purpose."""


def test_other_seeds_and_epochs_give_other_samples():
    first = list(loader(seed=0).epoch(0))
    assert same(first, list(loader(seed=0).epoch(0)))
    assert not same(first, list(loader(seed=1).epoch(0)))
    assert not same(first, list(loader(seed=0).epoch(1)))


def test_crop_and_flip_belong_to_the_image_and_not_to_its_batch():
    def drawn(batch_size):
        return {
            int(i): (int(y), int(x), int(f))
            for b in loader(60, batch_size).epoch(0)
            for i, y, x, f in zip(b.indices, b.top, b.left, b.flip)
        }

    assert drawn(6) == drawn(20)


def test_all_offsets_equally_often_and_half_flipped():
    batches = list(loader(5_000, 100).epoch(0))
    top, left, flip = (
        np.concatenate([getattr(b, k) for b in batches]) for k in ("top", "left", "flip")
    )
    # 12 - 8 + 1 = 5 offsets per axis, 25 places: 200 expected in each, standard deviation 14.
    places = np.bincount(top * 5 + left, minlength=25)
    assert len(places) == 25 and abs(places - 200).max() < 5 * 14
    # Standard deviation of 5,000 fair coins: 0.7 %.
    assert set(flip) == {0, 1} and abs(flip.mean() - 0.5) < 5 * 0.007
    assert abs(np.corrcoef([top, left, flip])[np.triu_indices(3, 1)]).max() < 0.07  # 5 / sqrt(n)


def test_augmentations_can_be_switched_off_one_by_one():
    both, crop, flip = (
        next(iter(loader(flip=f, crop=c).epoch(0))) for c, f in ((1, 1), (1, 0), (0, 1))
    )
    assert (crop.flip == 0).all() and (crop.top == both.top).all()
    assert (flip.top == 2).all() and (flip.left == 2).all() and (flip.flip == both.flip).all()


@pytest.mark.parametrize(("image_size", "offset"), [(8, 2), (9, 1), (12, 0)])
def test_evaluation_keeps_everything_in_order_centre_crop(image_size, offset):
    batches = list(loader(50, train=False, image_size=image_size).epoch(4))
    assert [len(b.labels) for b in batches] == [8] * 6 + [2]
    assert np.concatenate([b.indices for b in batches]).tolist() == list(range(50))
    for b in batches:
        assert (b.top == offset).all() and (b.left == offset).all() and (b.flip == 0).all()


@pytest.mark.parametrize(
    ("count", "train", "sizes"),
    [(5, True, [5]), (8, True, [8]), (15, True, [8]), (5, False, [5]), (16, False, [8, 8])],
)
def test_sizes_of_the_batches(count, train, sizes):
    data = loader(count, train=train)
    assert [len(b.labels) for b in data.epoch(0)] == sizes
    assert len(data) == len(sizes)


def test_a_batch_takes_no_more_memory_than_there_are_images():
    (batch,) = loader(count=20, batch_size=2**31 - 1).epoch(0)
    assert batch.images.base.nbytes == 20 * 3 * 12 * 12


def test_an_epoch_goes_on_at_any_batch():
    whole = list(loader().epoch(1))
    for start in range(len(whole) + 1):
        assert same(whole[start:], list(loader().epoch(1, start)))


def test_bad_images_are_left_out_and_told_of_once():
    told = []
    data = loader(48, bad={5, 17, 18}, on_skip=lambda *pair: told.append(pair))
    for epoch in range(2):
        batches = list(data.epoch(epoch))
        indices = np.concatenate([b.indices for b in batches])
        assert sorted(indices) == [i for i in range(48) if i not in (5, 17, 18)]
        for b in batches:
            assert len(b.images) == len(b.labels) == len(b.top) == len(b.flip) == len(b.indices)
            assert (b.images[:, 0, 0, 0] == b.indices).all()
    assert sorted(told) == [(f"numbered/train/{i}", "broken") for i in (17, 18, 5)]
    assert data.skipped == dict(told)


def test_a_class_that_has_no_image_left_is_told_of_once():
    told = []
    bad = {*range(2, 48, 7), *range(3, 40, 7)}  # all of "c", and of "d" all but 45
    data = loader(48, bad=bad, on_skip=lambda *pair: told.append(pair))
    for epoch in range(2):
        list(data.epoch(epoch))
    assert len(told) == len(bad)
    reasons = [reason for _, reason in told if reason != "broken"]
    assert reasons == ["broken; this leaves class c without an image in train"]


def test_bad_images_are_printed_unless_told_otherwise(capsys):
    list(loader(20, 5, bad={3}).epoch(0))
    assert capsys.readouterr().err == "skipped numbered/train/3: broken\n"


def test_a_batch_without_any_good_image_is_left_out():
    data = loader(24, train=False, bad=range(8, 16), on_skip=quiet)
    assert [b.number for b in data.epoch(0)] == [0, 2]


@pytest.mark.parametrize("train", [True, False])
def test_all_images_bad_is_an_error(train):
    data = loader(20, train=train, bad=range(20), on_skip=quiet)
    message = (
        r"numbered: not one of the 20 images of train could be read; .*numbered/train/\d+: bro"
    )
    with pytest.raises(DataError, match=message):
        list(data.epoch(0))
    assert no_threads()


def test_exceptions_of_a_worker_surface_in_the_consumer():
    data = loader(50)
    data.dataset.read = lambda i: 1 / 0
    with pytest.raises(ZeroDivisionError):
        list(data.epoch(0))
    assert no_threads()


def test_leaving_early_leaves_no_threads():
    data = loader(500)
    for batch in data.epoch(0):
        assert batch.number == 0
        break
    assert no_threads()

    batches = data.epoch(0)
    next(batches)
    assert not no_threads()
    batches.close()
    assert no_threads()

    with pytest.raises(KeyboardInterrupt):
        for _ in data.epoch(0):
            raise KeyboardInterrupt
    assert no_threads()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("where", ["working", "waiting"])
def test_ctrl_c_ends_the_process_at_once(where):
    script = f"""
    import sys, time
    import numpy as np
    sys.path[:0] = {sys.path!r}
    from test_data_loader import loader
    data = loader(100_000, 10)
    if {where!r} == "waiting":  # the consumer waits for a slow worker
        def read(i):
            end = time.perf_counter() + 0.05
            while time.perf_counter() < end:
                np.ones(100_000)
            return np.zeros((3, 12, 12), np.uint8)
        data.dataset.read = read
    print("started", flush=True)
    for epoch in range(1000):
        for batch in data.epoch(epoch):
            pass
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in error
    assert process.returncode == -signal.SIGINT


def test_no_more_is_loaded_ahead_than_prefetch_says():
    data = loader(200, 10, prefetch=2)
    read = threading.Semaphore(0)
    data.dataset.read = lambda i: (read.release(), np.zeros((3, 12, 12), np.uint8))[1]
    batches = data.epoch(0)
    next(batches)
    for _ in range((1 + 2) * 10):  # the batch in hand and the two ahead of it
        assert read.acquire(timeout=60)
    assert not read.acquire(timeout=0.2)
    batches.close()


def test_memory_is_used_again_and_never_while_anything_still_looks_at_it():
    kept, addresses = [], set()
    for batch in loader(count=200, batch_size=8, prefetch=2).epoch(0):
        addresses.add(batch.images.ctypes.data)
        if batch.number % 5 == 0:  # a view of a view: nothing else keeps the batch
            kept.append((batch.images[3:][1, :2], batch.indices[4] % 251))
    assert all((view == value).all() for view, value in kept)
    assert len(kept) == 5 and len(addresses) <= len(kept) + 4  # 25 batches


class Clock:
    """In place of the module time: it shows what the test sets."""

    def __init__(self):
        self.now = 0.0
        self.looked_at = threading.Event()

    def perf_counter(self):
        now = self.now
        self.looked_at.set()
        return now


def test_the_time_waited_is_counted(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tinynet.data.loader.time", clock)

    def read(i):
        assert clock.looked_at.wait(60)  # until training waits for this batch, the only one
        clock.now = 5.0
        return np.zeros((3, 12, 12), np.uint8)

    slow = loader(8)
    slow.dataset.read = read
    assert len(list(slow.epoch(0))) == 1
    assert slow.wait_seconds == 5.0


def test_the_time_of_training_is_not_counted(monkeypatch):
    clock, data = Clock(), loader(40)
    monkeypatch.setattr("tinynet.data.loader.time", clock)
    for _ in data.epoch(0):
        clock.now += 5.0
    assert clock.now == 25.0 and data.wait_seconds == 0.0


def test_only_bad_images_left_are_no_error_on_a_resumed_epoch():
    data = loader(20, 4, on_skip=quiet)
    order = np.random.default_rng([3, 0]).permutation(20)
    data.dataset.bad = set(order[16:])  # the last batch
    assert list(data.epoch(0, start_batch=4)) == []
    assert [batch.number for batch in data.epoch(0)] == [0, 1, 2, 3]


def test_the_first_bad_image_that_is_told_of_is_no_ignored_file():
    images = Numbered(4, bad=range(4))
    images.ignored = {"notes.txt": "not named like an image"}
    data = Loader(images, 2, seed=0, workers=1, train=False, on_skip=quiet)
    with pytest.raises(DataError, match=r"the first: numbered/train/0: broken"):
        list(data.epoch(0))


def test_wrong_arguments():
    for name in ("batch_size", "workers", "prefetch"):
        with pytest.raises(ValueError, match=f"Loader: {name} is 0, wanted at least 1"):
            loader(**{name: 0})


def test_what_fits_is_read_once():
    data = loader(40)
    data.dataset.keep_decoded(40 * 3 * 12 * 12)
    first, again = (list(data.epoch(0)) for _ in range(2))
    assert sorted(data.dataset.reads) == list(range(40))
    assert same(first, again)
    data = loader(40)
    data.dataset.keep_decoded(40 * 3 * 12 * 12 - 1)
    for _ in range(2):
        list(data.epoch(0))
    assert len(data.dataset.reads) == 80


def test_bad_images_are_not_cached():
    data = loader(16, bad={3}, on_skip=quiet)
    data.dataset.keep_decoded()
    for epoch in range(2):
        assert sum(len(b.indices) for b in data.epoch(epoch)) == 15


# Opens 120 images, which decoded take 22 MB, in so many megabytes more than it has already.
LITTLE_MEMORY = """
import resource, sys
import numpy as np
from tinynet.data import Loader, open_dataset
import PIL.ImageFile, PIL.PngImagePlugin
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
data = open_dataset(sys.argv[2], "train", 224, cache=int(sys.argv[3]))
print(sum(int(data.load(i).sum()) for i in range(len(data))))
"""


def test_without_memory_for_decoded_images_there_is_a_warning_and_no_cache(tmp_path):
    photos = write_photos(tmp_path / "photos", 60, 1)

    def under(megabytes, cache):
        command = [sys.executable, "-c", LITTLE_MEMORY, str(megabytes), photos, str(cache)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    pixels, told = under(100, 2**30)
    assert told == ""
    assert under(16, 2**30) == (
        pixels,
        "warning: the decoded images of photos/train, 22 MB, are not kept in memory (Cannot "
        "allocate memory): each epoch decodes them again\n",
    )
    assert under(16, 0) == (pixels, "")


def test_the_size_of_the_cache_is_a_flag(tmp_path):
    photos = write_photos(tmp_path / "photos", 4, 4)
    train("--data", photos, "--steps", "1", "--cache", "1KB", "--out", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["cache"] == 1024
    refused = run("train", "--cache", "much", "--out", tmp_path / "other")
    assert refused.status == 2 and "expects a size such as 2GB or 500MB, got much" in refused.err
