"""The pages of the kernels: what is embedded in them is what profile mode counts, and is enough."""

import json
import re
from collections import Counter
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.kernels import KERNELS
from tinynet.kernels.__main__ import main
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.page import document, pages, shown
from tinynet.kernels.catalogue.page.story import Rows, Shown, story
from tinynet.kernels.catalogue.page.words import FOUND_IN_KOREAN, SAID_IN_KOREAN, WORDS
from tinynet.simulator.kernels import findings, sentences

FILES = list(dict.fromkeys(kernel.file for kernel in KERNELS.values()))
DOCS = Path(__file__).parents[1] / "docs" / "kernels"
STALE = "run python -m tinynet.kernels conv max_pool --page docs/kernels/"
ACCESSES = ("read", "write", "atomic")

needs_simulator = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All pages, as the command writes them."""
    folder = tmp_path_factory.mktemp("kernels")
    assert main(["--page", f"{folder}/"]) == 0
    return folder


def html_of(folder, file):
    return (folder / file.replace(".cu", ".html")).read_text(encoding="utf-8")


def recorded(html):
    text = re.search(r'<script type="application/json" id="recorded">(.*?)</script>', html, re.S)
    return json.loads(text[1])


def offsets_of(access):
    _, _, _, lanes, offsets, _ = access
    if isinstance(offsets[0], list):
        return offsets[0]
    first, apart = offsets
    return [first + i * apart for i in range(lanes.bit_count())]


def pieces(offsets, size, width):
    return {
        o for offset in offsets for o in range(offset // width, (offset + size - 1) // width + 1)
    }


def passes(access):
    """(passes, at least) over the 32 banks, for a half or a quarter of the warp at a time."""
    _, _, size, lanes, _, _ = access
    together = 32 if size <= 4 else 16 if size <= 8 else 8
    where = dict(zip([lane for lane in range(32) if lanes >> lane & 1], offsets_of(access)))
    total = least = 0
    for first in range(0, 32, together):
        part = [offset for lane, offset in where.items() if first <= lane < first + together]
        banks = Counter(word % 32 for word in pieces(part, size, 4))
        total += max(banks.values(), default=0)
        least += bool(part)
    return total, least


def sectors(access):
    """(sectors, at least) of global memory."""
    offsets, size = offsets_of(access), access[2]
    return len(pieces(offsets, size, 32)), -(-len(pieces(offsets, size, 1)) // 32)


def added_up(launch):
    """(line, space, access) -> requests, lanes, cost, least, from the steps of all warps."""
    sums = {}
    for warp in launch["warps"]:
        for number in warp["run"]:
            line, _, _, accesses = launch["steps"][number]
            for access in accesses:
                kind, memory, _, lanes, _, _ = access
                is_shared = launch["memories"][memory]["role"] == "shared"
                cost, least = passes(access) if is_shared else sectors(access)
                key = line, "shared" if is_shared else "global", ACCESSES[kind]
                counts = sums.setdefault(key, [0, 0, 0, 0])
                for i, count in enumerate((1, lanes.bit_count(), cost, least)):
                    counts[i] += count
    return sums


def as_sums(profile):
    return {
        (p["line"], p["space"], p["access"]): [p["requests"], p["lanes"], p["cost"], p["least"]]
        for p in profile
    }


def profiled(lines):
    return {(p.line, p.space, p.access): [p.requests, p.lanes, p.cost, p.least] for p in lines}


def test_every_kernel_is_shown():
    assert shown.SETTINGS.keys() == KERNELS.keys(), "SETTINGS of kernels/catalogue/page/shown.py"


@needs_simulator
@pytest.mark.parametrize("file", FILES)
def test_what_a_page_shows_adds_up_to_what_profile_mode_counts(folder, file):
    for launch in recorded(html_of(folder, file))["launches"]:
        kernel = launch["title"]
        sums = added_up(launch)
        assert sums == as_sums(launch["profile"])
        again = trials.function(kernel, None, "profile")
        setting = shown.SETTINGS[kernel]
        again(setting.grid, setting.block, shown.values_of(kernel))
        assert sums == profiled(again.module.profile())
        runs, lanes = Counter(), Counter()
        for warp in launch["warps"]:
            for number in warp["run"]:
                line, mask, _, _ = launch["steps"][number]
                runs[line] += 1
                lanes[line] += mask.bit_count()
        assert runs == {run["line"]: run["runs"] for run in launch["runs"]}
        assert lanes == {run["line"]: run["lanes"] for run in launch["runs"]}
        # The table of AlexNet's sizes is what `--profile` prints.
        assert as_sums(launch["larger"]["profile"]) == profiled(trials.profile(kernel))
        assert launch["findings"] == []


@needs_simulator
@pytest.mark.parametrize("file", FILES)
def test_every_case_of_a_kernel_is_in_its_page(folder, file):
    for launch in recorded(html_of(folder, file))["launches"]:
        lanes = {launch["steps"][n][1] for warp in launch["warps"] for n in warp["run"]}
        assert 0xFFFFFFFF in lanes and len(lanes) > 1, "a full warp, and one that is not"
        assert len({warp["block"] for warp in launch["warps"]}) > 1
        threads = launch["block"][0] * launch["block"][1]
        blocks = launch["grid"][0] * launch["grid"][1]
        assert len(launch["warps"]) == blocks * -(-threads // 32), "all warps are recorded"


@needs_simulator
@pytest.mark.parametrize("file", FILES)
def test_a_page_needs_nothing_else(folder, file):
    html = html_of(folder, file)
    assert len(html.encode()) <= 1.5e6
    assert "default-src 'none'" in html
    assert not re.search(r"\b(src|href)=|@import|url\(|https?://", html)
    shown_text = re.sub(r"\s", "", unescape(re.sub(r"<[^>]+>", "", html)))
    for line in KERNELS[recorded(html)["launches"][0]["title"]].source.splitlines():
        assert re.sub(r"\s", "", line) in shown_text


@needs_simulator
def test_the_index_leads_to_each_page_or_says_how_to_make_it(folder, tmp_path):
    index = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', index)
    assert sorted(links) == sorted(file.replace(".cu", ".html") for file in FILES)
    assert all((folder / link).is_file() for link in links)
    assert main(["sgd", "bias_forward", "--page", str(tmp_path / "two")]) == 0
    index = (tmp_path / "two" / "index.html").read_text(encoding="utf-8")
    assert sorted(re.findall(r'href="([^"]+)"', index)) == ["bias.html", "sgd.html"]
    assert "python -m tinynet.kernels conv --page conv.html" in index


def test_the_pages_in_docs_are_of_the_kernels_as_they_are():
    """They are made by a command of the README, which CI runs."""
    committed = sorted(path for path in DOCS.glob("*.html") if path.name != "index.html")
    assert [path.name for path in committed] == ["conv.html", "max_pool.html"]
    for path in committed:
        html = path.read_text(encoding="utf-8")
        launches = recorded(html)["launches"]
        shown_text = re.sub(r"\s", "", unescape(re.sub(r"<[^>]+>", "", html)))
        text = pages.text_of([launch["title"] for launch in launches])
        for line in KERNELS[launches[0]["title"]].source.splitlines():
            assert re.sub(r"\s", "", line) in shown_text, STALE
        for beside in text.beside:  # the twin and the definition, each in one piece
            assert re.sub(r"\s", "", beside.text) in shown_text, STALE
        for launch in launches:
            assert added_up(launch) == as_sums(launch["profile"])
        assert "\n".join(document.script()) in html, STALE
    index = (DOCS / "index.html").read_text(encoding="utf-8")
    assert sorted(re.findall(r'href="([^"]+)"', index)) == [path.name for path in committed]


@needs_simulator
def test_a_page_can_be_in_korean(tmp_path):
    path = tmp_path / "sgd.html"
    assert main(["sgd", "--page", str(path), "--lang", "ko"]) == 0
    html = path.read_text(encoding="utf-8")
    assert '<html lang="ko">' in html and WORDS["ko"]["key_load"] in html
    assert WORDS["en"]["key_loaded"] not in html


def test_the_words_are_the_same_in_each_language():
    english = WORDS["en"]
    for lang, words in WORDS.items():
        assert words.keys() == english.keys(), lang
        for key, word in words.items():
            assert set(re.findall(r"\{\w+\}", word)) <= set(re.findall(r"\{\w+\}", english[key])), (
                key
            )
    used = set()
    for path in document.WEB.iterdir():
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'say\("(\w+)"', text)) | set(re.findall(r"\{\{(\w+)\}\}", text))
        used |= set(re.findall(r'"(head_\w+)"', text))
    filled = {"lang", "title", "file", "style", "lead", "prose", "listing", "recorded", "script"}
    assert used - filled - {"cards"} <= english.keys()


def test_everything_that_can_be_found_can_be_said_in_korean():
    assert SAID_IN_KOREAN.keys() == sentences.ENGLISH.keys()
    for key, text in SAID_IN_KOREAN.items():
        names = re.findall(r"\{\w+\}", sentences.ENGLISH[key])
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(names), key
    assert FOUND_IN_KOREAN.keys() == {kind for kind, _ in findings.SAID}


@needs_simulator
def test_a_finding_on_a_korean_page_is_in_korean(mine, capsys):
    assert run("racy<<<1, 64>>>(zeros(64), ones(64))", "--page", "mine.html", "--lang", "ko") == 1
    (told, *_) = recorded((mine / "mine.html").read_text(encoding="utf-8"))["launches"][0][
        "findings"
    ]
    assert told["text"].startswith("mine.cu:9: racy: 경쟁 상태: tile[")
    assert "의 읽기, 블록 (0,0,0) 스레드 (" in told["text"] and "(mine.cu:8)" in told["text"]
    assert "배리어가 없습니다" in told["text"] and " by " not in told["text"]


@needs_simulator
def test_a_page_that_cannot_be_written_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    def refusal(*argv):
        assert main(list(argv)) == 2
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        return err

    assert "Not a directory" in refusal("sgd", "--page", str(tmp_path / "file" / "sgd.html"))
    assert "a page is of one file" in refusal("--page", str(tmp_path / "all.html"))
    assert "no kernel 'lrm'" in refusal("lrm", "--page", str(tmp_path / "lrm.html"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@needs_simulator
def test_a_race_is_told_with_both_lines_and_threads():
    code = """
extern "C" __global__ void k(float* y) {
  __shared__ float tile[64];
  tile[threadIdx.x] = 1;
  y[threadIdx.x] = tile[63 - threadIdx.x];
}"""
    module = simulator.RawModule(code=code, mode="check")
    with pytest.raises(simulator.KernelError) as caught:
        module.get_function("k")((1,), (64,), (np.zeros(64, np.float32),))
    error = next(e for e in (caught.value, *caught.value.others) if e.kind == "race")
    read, write = error.culprits
    assert (read.access, read.line, write.access, write.line) == ("read", 5, "write", 4)
    assert read.memory == write.memory == "tile" and read.element == write.element
    assert read.thread != write.thread and read.block == write.block == (0, 0, 0)


@needs_simulator
def test_shared_memory_is_shown_as_what_the_text_declares():
    """As floats, the bits of small ints are 1e-44."""
    code = """
extern "C" __global__ void k(float* y) {
  __shared__ int count[32], /* of each warp */ more; __shared__ unsigned bits[32];
  __shared__ unsigned char flags[32];
  __shared__ float sums[32];
  extern __shared__ short rest[];
  const int t = threadIdx.x;
  count[t] = -t;
  bits[t] = t;
  flags[t] = t;
  sums[t] = t / 2.f;
  rest[t] = -t;
  y[t] = count[t] + bits[t] + flags[t] + sums[t] + rest[t];
}"""
    module = simulator.RawModule(code=code, mode="profile")
    recording = module.get_function("k").record((1,), (32,), (np.zeros(32, np.float32),), 64)
    page = story(Shown(recording, "k"), Rows({"kernel.cu": code.splitlines()}))
    types = {memory["name"]: memory["type"] for memory in page["memories"]}
    assert types.pop("dynamic shared memory") == "int16" and types.pop("count") == "int32"
    assert types["bits"] == "uint32" and types["flags"] == "uint8" and types["sums"] == "float32"
    up = list(range(32))
    down, halves = [-t for t in up], [t / 2 for t in up]
    accesses = [access for step in page["steps"] for access in step[3]]
    writes = [access[5] for access in accesses if ACCESSES[access[0]] == "write"]
    assert writes[:5] == [down, up, up, halves, down]


@needs_simulator
def test_a_copied_structure_is_stored_as_it_was_read():
    """Compilers tell of a copy's write before its read, and store after both."""
    code = """
struct Odd { unsigned char r, g, b; };
struct Two { float a; int b; };
extern "C" __global__ void k(Odd* y, const Odd* x, Two* q, const Two* p) {
  y[threadIdx.x] = x[31 - threadIdx.x];
  q[threadIdx.x] = p[31 - threadIdx.x];
}"""
    two = np.dtype([("a", np.float32), ("b", np.int32)])
    x, p = np.arange(96, dtype=np.uint8).reshape(32, 3), np.zeros(32, two)
    p["a"], p["b"] = np.arange(32), -np.arange(32)
    kernel = simulator.RawModule(code=code, mode="profile").get_function("k")
    recording = kernel.record((1,), (32,), (np.zeros_like(x), x, np.zeros_like(p), p))
    names = [memory.name for memory in recording.memories]
    accesses = [access for step in recording.warps[0, 0] for access in step.accesses]
    found = {(names[a.memory], a.kind): a.values[:, : a.bytes] for a in accesses}
    for out, source in (("y", "x"), ("q", "p")):
        np.testing.assert_array_equal(found[out, "write"], found[source, "read"])
    assert found["y", "write"][0].tolist() == [93, 94, 95]


def test_the_text_of_a_page_is_of_the_kernels_asked_for():
    text = pages.text_of(["bias_backward"])
    assert text.title == "bias_backward" and list(text.texts) == ["bias.cu"]


# --------------------------------------------------------------------------- any launch, in a page

MINE = """\
// Two kernels to be looked at.

#define N 64

// One that forgets a barrier.
__global__ void racy(float* y, const float* x) {
  __shared__ float tile[N];
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[N - 1 - threadIdx.x];
}
template <typename T>
__global__ void copied(T* y, const T* x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = x[i];
}
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.cu").write_text(MINE)
    return tmp_path


def run(*argv):
    return main(["run", "mine.cu", *argv])


@needs_simulator
def test_any_launches_have_a_page(mine, capsys):
    launches = (
        "copied<int><<<2, 64>>>(a=empty(128), b=arange(128))",
        "racy<<<1, 64>>>(y=zeros(64), x=ones(64))",
    )
    assert run(*launches, "--page", "mine.html") == 1  # as --check would say
    out, err = capsys.readouterr()
    assert out == "mine.html\n" and "note: mine.cu:9: racy: race: " in err
    html = (mine / "mine.html").read_text(encoding="utf-8")
    copied, racy = recorded(html)["launches"]
    assert (copied["call"], racy["call"]) == launches
    for launch in (copied, racy):
        assert added_up(launch) == as_sums(launch["profile"])
    assert added_up(copied) == {
        (14, "global", "read"): [4, 128, 16, 16],
        (14, "global", "write"): [4, 128, 16, 16],
    }
    assert copied["findings"] == [] and {f["kind"] for f in racy["findings"]} >= {"race"}
    race = next(f for f in racy["findings"] if f["kind"] == "race")
    assert [culprit["line"] for culprit in race["culprits"]] == [9, 8]
    assert "One that forgets a barrier." in html and "Two kernels to be looked at." in html


@needs_simulator
def test_a_part_of_a_launch_can_be_asked_for(mine, capsys):
    launch = "copied<float><<<4000, 64>>>(y=empty(256000), x=arange(256000))"
    assert run(launch, "--page", "part.html") == 0
    assert "copied<float>: 128 of 8,000 warps are in the page; choose others with" in (
        capsys.readouterr().err
    )
    assert run(launch, "--page", "part.html", "--blocks", "7:9", "--warps", "1") == 0
    (part,) = recorded((mine / "part.html").read_text(encoding="utf-8"))["launches"]
    assert [(warp["block"], warp["warp"]) for warp in part["warps"]] == [(7, 1), (8, 1)]
    assert part["part"] and part["memories"][0]["values"] is None  # too large to be drawn


@needs_simulator
def test_what_cannot_be_put_in_a_page_is_refused_in_one_line(mine, capsys):
    def refusal(*argv):
        assert run(*argv, "--page", "p.html") == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        return err

    launch = "racy<<<1, 64>>>(y=zeros(64), x=ones(64))"
    assert "--blocks wants numbers such as 3 or 0:2, got '2:2'" in refusal(
        launch, "--blocks", "2:2"
    )
    assert "there are 1 blocks of 2 warps" in refusal(launch, "--blocks", "3")
    assert "1025" in refusal("racy<<<1, 1025>>>(y=zeros(64), x=ones(64))")
    assert not (mine / "p.html").exists()
    assert run(launch, "--page", "no/p.html") == 2
    assert "--page no/p.html: No such file or directory" in capsys.readouterr().err


PUBLISHED = {  # of other people: half2 and a template, a scan with conflicts, an early end
    "half_axpy": "dot_f16x2<><<<2, 128>>>(x=random(512), ones(512), y=zeros(1), 512)",
    "scan": "blelloch<<<1, 32, 66 * sizeof(float)>>>(y=empty(64), x=random(64), 64)",
    "sorting": "odd_even<float, util::Greater><<<1, 32>>>(y=random(77), 77, {})",
}


@needs_simulator
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_kernel_has_a_page_that_adds_up(tmp_path, name):
    path = Path(__file__).parent / "cuda" / "published" / f"{name}.cu"
    assert main(["run", str(path), PUBLISHED[name], "--page", str(tmp_path / "p.html")]) == 0
    (launch,) = recorded((tmp_path / "p.html").read_text(encoding="utf-8"))["launches"]
    assert added_up(launch) == as_sums(launch["profile"]) != {}
    runs = Counter(launch["steps"][n][0] for warp in launch["warps"] for n in warp["run"])
    assert runs == {run["line"]: run["runs"] for run in launch["runs"]}
    assert launch["findings"] == [] and not launch["part"]
