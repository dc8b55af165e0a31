"""The page of a kernel in a real browser, wide and narrow: it steps, and asks for nothing."""

import pytest
from browser import MISSING, Browser

from tinynet import simulator
from tinynet.kernels.__main__ import main

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING or ""),
    pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or ""),
]
RACY = """\
__global__ void racy(float* y, const float* x) {
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[63 - threadIdx.x];
}
"""

# Values of other sizes than a float's, and a matrix wider than any window.
VALUES = """\
struct Odd { unsigned char r, g, b; };
__global__ void values(double4* y, const double4* x, int* counts, float* wide, const bool* flags,
                       const Odd* pixels) {
  __shared__ Odd odd[32];
  __shared__ int large[32];
  int t = threadIdx.x;
  y[t] = x[t];
  odd[t] = pixels[t];
  large[t] = 123456789 + t;
  __syncthreads();
  counts[t] = large[t] + odd[31 - t].b;
  wide[t] = 1.2345e-7f * (flags[t] ? 1 : 2);
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "racy.cu").write_text(RACY)
    assert main(["conv", "softmax", "gemm", "--page", str(folder)]) == 0
    assert main(["conv", "--page", str(folder / "ko.html"), "--lang", "ko"]) == 0
    line = "racy<<<2, 64>>>(y=zeros(64), x=ones(64))"
    assert (
        main(["run", str(folder / "racy.cu"), line, "--page", str(folder / "racy.html")]) == 1
    )  # it finds a race
    (folder / "values.cu").write_text(VALUES)
    arrays = "zeros(32), arange(32), zeros(32), zeros(5, 3000), random(32), arange(32)"
    line = f"values<<<1, 32>>>({arrays})"
    page = str(folder / "values.html")
    assert main(["run", str(folder / "values.cu"), line, "--page", page]) == 0
    return folder


@pytest.fixture(scope="module", params=[1280, 390])
def browser(request):
    with Browser(request.param, 800) as browser:
        yield browser


@pytest.fixture(autouse=True)
def nothing_is_wrong_and_nothing_asked_for(browser, folder):
    yield
    assert browser.errors() == []
    pages = {(folder / name).as_uri() for name in ("conv.html", "softmax.html", "gemm.html")}
    others = ("ko.html", "racy.html", "values.html", "doubles.html", "index.html")
    pages |= {(folder / name).as_uri() for name in others}
    asked = {url.partition("#")[0] for url in browser.requests()}
    assert asked <= {*pages, "data:,", "about:blank"}


STATE = """
  const on = [...document.querySelectorAll(".lane.on")].map((lane) => Number(lane.dataset.lane));
  return {at: now.at, block: now.block, warp: now.warp, launch: now.launch, count: frames.length,
          on: on, mask: frames[now.at].lanes, line: document.querySelector(".row.now")?.id,
          wanted: `L${frames[now.at].line}`, step: document.getElementById("step").textContent,
          slider: Number(document.getElementById("slider").value)};
"""


def state(browser):
    """Where the page is; and what it shows must be what was recorded of that."""
    found = browser.run(STATE)
    assert found["on"] == [lane for lane in range(32) if found["mask"] >> lane & 1]
    assert found["line"] == found["wanted"]
    assert found["step"] == f"{found['at'] + 1} / {found['count']}"
    assert found["slider"] == found["at"]
    return found


@pytest.mark.parametrize("name", ["conv", "softmax", "gemm"])
def test_steps_go_forward_and_back_and_to_another_warp(browser, folder, name):
    browser.open(folder / f"{name}.html")
    first = state(browser)
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert state(browser)["at"] == first["at"] + 2
    browser.press("ArrowLeft")
    assert state(browser)["at"] == first["at"] + 1
    browser.press("End")
    assert state(browser)["at"] == first["count"] - 1
    browser.press("ArrowRight")  # there is no further
    assert state(browser)["at"] == first["count"] - 1
    browser.press("Home")
    assert state(browser)["at"] == 0
    browser.press("ArrowLeft")
    assert state(browser)["at"] == 0
    browser.press("ArrowDown")
    other = state(browser)
    assert (other["block"], other["warp"]) != (first["block"], first["warp"])
    browser.press("ArrowUp")
    again = state(browser)
    assert (again["block"], again["warp"]) == (first["block"], first["warp"])


def test_every_frame_of_every_warp_can_be_shown(browser, folder):
    browser.open(folder / "conv.html")
    shown = browser.run(
        """
        let shown = 0;
        PAGE.launches.forEach(({warps}, launch) => warps.forEach(({block, warp}) => {
          choose({launch, block, warp, at: 0});
          for (let at = 0; at < frames.length; ++at) {
            go(at);
            const on = document.querySelectorAll(".lane.on").length;
            if (on !== lanesOf(frames[at].lanes).length) throw new Error(`${launch} ${at}`);
            ++shown;
          }
        }));
        return shown;
        """
    )
    assert shown > 100


def test_buttons_slider_and_lines_lead_to_frames(browser, folder):
    browser.open(folder / "softmax.html")
    first = state(browser)
    browser.click("#on")
    assert state(browser)["at"] == first["at"] + 1
    browser.click("#back")
    assert state(browser)["at"] == first["at"]
    browser.run("get('slider').value = 9; get('slider').dispatchEvent(new Event('input'))")
    assert state(browser)["at"] == 9
    browser.click("#launches button:last-child")
    assert state(browser)["launch"] == 1
    line = browser.run("return frames[frames.length - 1].line")
    browser.click(f"#L{line} .number")
    assert state(browser)["line"] == f"L{line}"


def test_a_moment_can_be_passed_on_by_its_address(browser, folder):
    browser.open(folder / "softmax.html", "0.1.1.12")
    found = state(browser)
    assert [found[key] for key in ("launch", "block", "warp", "at")] == [0, 1, 1, 12]
    browser.press("ArrowRight")
    browser.run("tellAddress()")  # it waits until nobody steps any more
    assert browser.run("return location.hash") == "#0.1.1.13"


def test_a_page_begins_where_memory_is_first_touched(browser, folder):
    browser.open(folder / "softmax.html")
    assert browser.run("return now.at > 0 && frames[now.at].access !== null")
    assert browser.run("return frames.slice(0, now.at).every((frame) => !frame.access)")


def test_all_warps_of_a_block_meet_at_its_barriers(browser, folder):
    browser.open(folder / "softmax.html")
    barriers = browser.run(
        """
        const at = runs.map((run, row) => run.map((f, i) => [f, phases.places[row][i]])
          .filter(([f]) => f.kind === "barrier").map(([, place]) => place));
        return [at, phases.barriers];
        """
    )
    warps, drawn = barriers
    assert len(warps) == 2 and drawn and all(warp == drawn for warp in warps)


@pytest.mark.parametrize("name", ["conv", "softmax", "gemm", "ko", "racy", "index"])
def test_nothing_is_wider_than_the_window(browser, folder, name):
    browser.open(folder / f"{name}.html")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    tiny = browser.run(
        """
        return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
          [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) &&
          parseFloat(getComputedStyle(e).fontSize) < 11).map((e) => e.outerHTML);
        """
    )
    assert tiny == []


def test_a_finding_lights_both_lines_and_goes_there(browser, folder):
    browser.open(folder / "racy.html")
    browser.click("#found button")
    found = browser.run('return [...document.querySelectorAll(".row.found")].map((e) => e.id)')
    assert set(found) == {"L3", "L4"}
    assert state(browser)["line"] in ("L3", "L4")


def test_a_page_in_korean_is_in_korean(browser, folder):
    browser.open(folder / "ko.html")
    state(browser)
    assert browser.run("return document.documentElement.lang") == "ko"
    assert "레인 32개" in browser.run("return document.getElementById('sentence').textContent")


def test_light_and_dark_and_less_motion_are_respected(browser, folder):
    browser.open(folder / "conv.html")
    paper = "return getComputedStyle(document.body).backgroundColor"
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    light = browser.run(paper)
    assert browser.run("return document.getElementById('play').checkVisibility()")
    browser.prefer(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    dark = browser.run(paper)
    assert light != dark
    assert not browser.run("return document.getElementById('play').checkVisibility()")
    browser.click("#theme")  # the reader knows better than the system
    assert browser.run(paper) == light
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")


ACCESSES = """
  return frames.filter((f) => f.access).map((f) => ({
    memory: launch.memories[f.access.memory].name, kind: f.access.kind,
    values: f.access.lanes[5].values}));
"""


def test_values_of_any_size_are_each_lanes_own(browser, folder):
    browser.open(folder / "values.html")
    found = {(a["memory"], a["kind"]): a["values"] for a in browser.run(ACCESSES)}
    assert found["y", "write"][:2] == [20, 21]
    assert found["large", "write"] == [123456794] and found["counts", "write"] == [123456874]
    assert found["odd", "write"][-1] == 17 and found["odd", "read"] == [80]


def test_a_lane_tells_its_whole_value(browser, folder):
    """In the lane there may be no room for it."""
    browser.open(folder / "values.html")
    browser.run(
        "go(frames.findIndex((f) => f.access && launch.memories[f.access.memory].name === 'large'))"
    )
    assert browser.run("return document.querySelectorAll('.lane')[5].title").endswith("123456794")
    browser.run(
        "go(frames.findIndex((f) => f.access && launch.memories[f.access.memory].name === 'wide'))"
    )
    text = browser.run("return document.querySelectorAll('.lane .v')[5].textContent")
    assert text in ("1.2e-7", "2.5e-7")


def test_a_matrix_that_is_wider_than_the_window_is_said_to_be(browser, folder):
    browser.open(folder / "values.html")
    hidden = browser.run(
        "return launch.memories.map((m, i) => [m.name, figures[i].querySelector('canvas').hidden])"
    )
    assert [name for name, is_hidden in hidden if is_hidden] == ["wide"]


def test_keys_go_on_after_a_click_on_a_button(browser, folder):
    browser.open(folder / "conv.html")
    browser.run("document.getElementById('on').focus(); document.getElementById('on').click()")
    before = state(browser)
    browser.press("ArrowDown")
    after = state(browser)
    assert (before["block"], before["warp"]) != (after["block"], after["warp"])


DOUBLES = """\
__global__ void doubles(double* y) {
  __shared__ double tile[64];
  tile[threadIdx.x] = threadIdx.x;
  y[threadIdx.x] = tile[63 - threadIdx.x];
}
"""


def test_a_finding_rings_the_word_of_its_element_whatever_its_size(browser, folder):
    file, page = folder / "doubles.cu", folder / "doubles.html"
    file.write_text(DOUBLES)
    assert main(["run", str(file), "doubles<<<1, 64>>>(zeros(64))", "--page", str(page)]) == 1
    browser.open(page)
    browser.click("#found button")
    rung = browser.run(
        "const i = launch.memories.findIndex((m) => m.name === 'tile');"
        "const [word] = foundElements(launch.memories[i]);"
        "return [word, now.finding.culprits[0].element, indexOf(launch.memories[i], word)]"
    )
    word, element, index = rung
    assert word == 2 * element and index == element
