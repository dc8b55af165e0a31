"""report.html in a real browser: it computes what Python computes, and says where it comes from."""

import base64
import copy
from dataclasses import replace

import numpy as np
import pytest
from browser import MISSING, Browser
from tiny_runs import load_example, run, train

from tinynet.pages import template
from tinynet.reports.page import document, live, packing
from tinynet.reports.page.document import Parts
from tinynet.tape import no_grad
from tinynet.training import evaluate
from tinynet.training.checkpoint import load_network
from tinynet.training.evaluate import Network, crops, log_probabilities
from tinynet.training.inputs import Inputs
from tinynet.training.run_folder import find_checkpoint

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "")

CLASSES = [f"class {k}" for k in range(10)]
IMAGES = {"modern": 100}  # of the other networks, fewer
FEWER = 20
# Example, version, side, side of the images it is cut from, width: every kind of layer, in every
# order; the first as large as a page may have it, with weights that are rounded.
NETWORKS = {
    "modern": ("alexnet", "modern", 72, 82, 0.25),
    "source2012": ("alexnet", "source2012", 65, 70, 0.05),
    "caffenet": ("alexnet", "caffenet", 66, 66, 0.05),
    "owt": ("alexnet", "owt", 64, 73, 0.05),
    "80sec": ("cifar10", "80sec", 32, 32, 1.0),
    "18pct": ("cifar10", "18pct", 32, 32, 1.0),
    "1998": ("lenet", "1998", 32, 36, 1.0),
    "softmax": ("lenet", "softmax", 32, 32, 1.0),
    "11pct": ("cifar10", "11pct", 24, 32, 1.0),
}


def network_of(name):
    """A network with weights so large that its logits are some units apart, and 0.1 would show."""
    example, profile, side, store, width = NETWORKS[name]
    model = load_example(example).EXAMPLE.build(
        num_classes=len(CLASSES), profile=profile, image_size=side, width=width
    )
    rng = np.random.default_rng(1)
    state = model.state_dict()
    for key, array in state.items():
        fan_in = array[0].size if array.ndim < 6 else array[0, ..., 0, 0].size
        std = 0.1 if key.endswith("bias") else np.sqrt(2 / fan_in)
        state[key] = rng.normal(0, std, array.shape).astype(np.float32)
    model.load_state_dict(state)
    mean = rng.uniform(100, 140, (3, side, side))
    return Network(model, Inputs(mean, [60.0, 64.0, 70.0], "cpu"), CLASSES, store)


def as_packed(network, arrays):
    """The network with its weights as rounded as the page has them; and how far that may move it.

    Where there is room for 16 bits, no further than page and Python may be apart anyway.
    """
    state = {
        key: packing.rounded(array, arrays[key]["bits"])
        for key, array in network.model.state_dict().items()
    }
    model = copy.deepcopy(network.model)
    model.load_state_dict(state)
    least = min(array["bits"] for array in arrays.values())
    return replace(network, model=model), 1e-3 if least >= 16 else 5e-3


@no_grad()
def logits_of(network, images, view):
    places = (np.full(len(images), value, np.int32) for value in view)
    with evaluate.testing(network.model):
        return network.model(network.inputs(images, *places)).numpy()


@pytest.fixture(scope="module")
def browser():
    with Browser(1280, 900) as browser:
        yield browser


@pytest.fixture
def narrow(browser):
    """The same browser as that of a telephone."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.devtools("Emulation.setDeviceMetricsOverride", **size)
    yield browser
    size |= {"width": 1280, "height": 900, "mobile": False}
    browser.devtools("Emulation.setDeviceMetricsOverride", **size)


LOGITS = """
  const [text, views] = arguments, bytes = bytesOf(text), each = 3 * net.store ** 2, found = [];
  for (let i = 0; i < bytes.length; i += each)
    found.push(...views.map((view) => [...logitsOf(net, bytes.subarray(i, i + each), view)]));
  return found;
"""


@pytest.mark.parametrize("name", NETWORKS)
def test_the_pages_logits_are_pythons(browser, tmp_path, name):
    network = network_of(name)
    found = live.live(network, None, [], document.MOST - 300_000)
    parts = Parts({"facts": {}, "live": found.data}, weights=found.arrays)
    html = document.page(name, "run", parts, "en")
    assert len(html.encode()) <= document.MOST
    template.write(tmp_path / "report.html", html)
    browser.open(tmp_path / "report.html")
    count = IMAGES.get(name, FEWER)
    shape = (count, 3, network.store_size, network.store_size)
    images = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    views = crops(1, network.store_size - network.inputs.image_size)
    if name == "source2012":  # mirrored, too, and cut at each corner
        views = crops(10, network.store_size - network.inputs.image_size)
    rounded, allowed = as_packed(network, found.data["arrays"])
    for part in np.split(images, count // 10):
        text = base64.b64encode(part.tobytes()).decode()
        # Once for each image and view, image by image.
        ours = np.array(browser.run(LOGITS, text, views)).reshape(len(part), len(views), -1)
        for i, view in enumerate(views):
            theirs = logits_of(network, part, view)
            assert np.abs(theirs).max() > 0.5
            assert np.abs(ours[:, i] - theirs).max() <= allowed
            assert np.abs(ours[:, i] - logits_of(rounded, part, view)).max() <= 1e-3
    assert browser.errors() == []
    assert set(browser.requests()) <= {(tmp_path / "report.html").as_uri(), "about:blank"}


# ---------------------------------------------------------------- a whole page


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    args = ("--profile", "modern", "--epochs", "3", "--lr", "0.003")
    train("--data", photos, *args, "--out", out)
    assert run("report", "--run", out, "--lang", "ko").status == 0
    (out / "report.html").rename(out / "ko.html")
    assert run("report", "--run", out).status == 0
    for example, args in (("lenet", ()), ("cifar10", ("--recipe", "18pct", "--width", "0.2"))):
        other = out.with_name(example)
        args += ("--steps", "1", "--epochs", "1", "--batch-size", "8", "--out", other)
        assert run("train", "--data", photos, *args, example=example).status == 0
        assert run("report", "--run", other, example=example).status == 0
        (other / "report.html").rename(out / f"{example}.html")
    return out


PAGES = ("report.html", "ko.html", "lenet.html", "cifar10.html")


@pytest.fixture(autouse=True)
def nothing_is_wrong_and_nothing_asked_for(request):
    yield
    if "folder" in request.fixturenames:
        browser, folder = (request.getfixturevalue(name) for name in ("browser", "folder"))
        assert browser.errors() == []
        pages = {(folder / name).as_uri() for name in PAGES}
        asked = {url.partition("#")[0] for url in browser.requests()}
        assert {url for url in asked if not url.startswith("data:")} <= pages | {"about:blank"}


def opened(browser, folder, name="report.html"):
    """The page, once its first image has gone through the network."""
    browser.open(folder / name)
    wait_for(browser, "seen.values !== null")


def wait_for(browser, condition):
    """Until a condition of the page holds; its promises are kept within the driver's time."""
    script = f"""
      const wait = (resolve) => (({condition}) ? resolve(true) : setTimeout(wait, 5, resolve));
      return new Promise(wait);
    """
    assert browser.run(script) is True


def test_what_a_pixel_comes_from_adds_up(browser, folder):
    """The panel's parts of a sum are the value: read from what the reader reads."""
    opened(browser, folder)
    found = browser.run(
        """
        const told = [];
        net.layers.forEach((layer, at) => {
          if (layer.kind !== "conv" && layer.kind !== "linear") return;
          const [c, h, w] = layer.size.length === 3 ? layer.size : [layer.size[0], 1, 1];
          choosePixel(at, {c: c - 1, y: h - 1, x: w >> 1});
          const of = (text) => text.match(/-?\\d+(\\.\\d+)?(e[+-]?\\d+)?/g).map(Number);
          const shown = get("explained");
          const [value, bias] = of(shown.querySelectorAll("p")[1].textContent);
          const sums = layer.kind === "conv"
            ? [...shown.querySelectorAll("figure")].map((f) => Number(f.lastChild.textContent))
            : [...shown.querySelectorAll("tbody tr")].map((r) => Number(r.lastChild.textContent));
          const rest = shown.querySelector(".rest");
          const others = rest ? of(rest.textContent).at(-1) : 0;
          const computed = seen.values[at][((c - 1) * h + h - 1) * w + (w >> 1)];
          told.push([value, bias + sums.reduce((a, b) => a + b, 0) + others, computed]);
        });
        return told;
        """
    )
    assert len(found) == 8
    for value, added_up, computed in found:
        assert abs(value - computed) <= 1e-3 * max(1, abs(computed))
        assert abs(added_up - value) <= 0.02 * max(1, abs(value))


@pytest.mark.parametrize("name", ["report.html", "lenet.html", "cifar10.html"])
def test_every_pixel_of_every_layer_can_be_asked(browser, folder, name):
    opened(browser, folder, name)
    asked = browser.run(
        """
        let asked = 0;
        net.layers.forEach((layer, at) => {
          const [c, h, w] = layer.size.length === 3 ? layer.size : [layer.size[0], 1, 1];
          for (const y of new Set([0, h - 1])) for (const x of new Set([0, w - 1])) {
            choosePixel(at, {c: c - 1, y, x});
            const text = get("explained").textContent;
            if (/NaN|undefined|Infinity/.test(text)) throw new Error(layer.name + text);
            ++asked;
          }
        });
        return asked;
        """
    )
    assert asked > 30
    differs = browser.run(
        "return Math.max(...seen.logits.map((v, k) => Math.abs(v - seen.values.at(-1)[k])))"
    )
    assert differs <= 1e-3


def test_a_pooling_window_has_one_winner_which_is_its_largest(browser, folder):
    opened(browser, folder)
    cells = browser.run(
        """
        const at = net.layers.findIndex(({kind}) => kind === "max_pool");
        choosePixel(at, {c: 0, y: 1, x: 1});
        const read = (css) => [...document.querySelectorAll(css)].map((e) => Number(e.textContent));
        return [read(".window td"), ...read(".window .winner"), ...read(".value")];
        """
    )
    numbers, winner, value = cells
    assert len(numbers) == 9 and winner == value == max(numbers)


def test_pointing_and_keys_choose_pixels(browser, folder):
    opened(browser, folder)
    browser.run("document.querySelector('[data-layer=conv2] canvas').focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "PageDown"):
        browser.press(key)
    assert browser.run("return [net.layers[seen.at].name, seen.pixel]") == [
        "conv2",
        {"c": 1, "y": 1, "x": 2},
    ]
    assert "conv2" in browser.run("return get('explained').textContent")
    browser.press("Home")
    browser.run(
        """
        const canvas = document.querySelector("[data-layer=pool1] canvas");
        seen.pinned = false;
        const box = canvas.getBoundingClientRect();
        const place = {clientX: box.left + 1, clientY: box.top + 1};
        canvas.dispatchEvent(new PointerEvent("pointermove", place));
        """
    )
    assert browser.run("return [net.layers[seen.at].name, seen.pixel]") == [
        "pool1",
        {"c": 0, "y": 0, "x": 0},
    ]


def test_images_are_chosen_and_python_agrees(browser, folder):
    opened(browser, folder)
    browser.click(".strip button:nth-child(2)")
    wait_for(browser, "seen.logits === net.images[1].logits")
    differs = browser.run(
        "return Math.max(...seen.logits.map((v, k) => Math.abs(v - seen.values.at(-1)[k])))"
    )
    assert differs <= 1e-4
    assert browser.run("return document.querySelectorAll('.strip [aria-pressed=true]').length") == 1
    assert browser.run("return get('answer').textContent").count("%") == 2  # of two classes


def test_an_image_of_ones_own(browser, folder):
    opened(browser, folder)
    browser.run(
        """
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [300, 200];
        canvas.getContext("2d").fillRect(0, 0, 300, 200);
        const bytes = bytesOf(canvas.toDataURL().split(",")[1]), dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "black.png", {type: "image/png"}));
        get("live").dispatchEvent(new DragEvent("drop", {dataTransfer, cancelable: true}));
        """
    )
    wait_for(browser, "seen.label === null")
    assert browser.run("return seen.pixels.every((value) => value === 0)")
    browser.run("show('data:image/png;base64,AAAA', null)")
    wait_for(browser, "!get('unreadable').hidden")
    assert browser.run("return document.querySelectorAll('.strip [aria-pressed=true]').length") == 0


def test_ten_views_have_the_mean_that_eval_has(browser, folder):
    opened(browser, folder)
    browser.click("#views summary")
    wait_for(browser, "document.querySelectorAll('.views figure').length === 10")
    pixels = browser.run("return [...seen.pixels]")
    build = load_example("alexnet").EXAMPLE.build
    network, _ = load_network(find_checkpoint(folder), "alexnet", build, ("cpu",))
    side = network.store_size
    image = np.array(pixels, np.uint8).reshape(1, 3, side, side)
    p = np.exp(log_probabilities(network, image, 10)[0])
    text = browser.run("return document.querySelector('.views .mean').textContent")
    assert f"{100 * p.max():.1f}\N{NO-BREAK SPACE}%" in text and network.classes[p.argmax()] in text


def test_before_normalization_there_is_the_layer_before(browser, folder):
    opened(browser, folder)
    same = browser.run(
        """
        const lrn = shown.find(({at}) => net.layers[at].kind === "lrn");
        const before = shown[shown.indexOf(lrn) - 1];
        const read = (one) => one.pictures[0].toDataURL();
        const after = read(lrn);
        document.querySelector(".before").click();
        return [after === read(before), read(lrn) === read(before)];
        """
    )
    assert same == [False, True]


def test_curves_can_be_read_at_each_step(browser, folder):
    opened(browser, folder)
    browser.run("get('at').value = 5; get('at').dispatchEvent(new Event('input'))")
    text = browser.run("return document.querySelector('.reads').textContent")
    loss = browser.run("return PAGE.curves.validation.find(([step]) => step === 5)[1].toFixed(4)")
    assert "step 5" in text and f"validation: loss {loss}" in text


def test_filters_change_with_the_slider(browser, folder):
    opened(browser, folder)
    pictures = browser.run(
        """
        const slider = get("filters_at"), found = [];
        for (let i = 0; i <= Number(slider.max); ++i) {
          slider.value = i;
          slider.dispatchEvent(new Event("input"));
          found.push(document.querySelector(".towers canvas").toDataURL());
        }
        return found;
        """
    )
    assert len(pictures) == len(set(pictures)) == 4


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", ["narrow", "wide"])
def test_nothing_is_wider_than_the_window_nor_too_small_to_read(
    request, browser, folder, name, size
):
    if size == "narrow":
        request.getfixturevalue("narrow")
    opened(browser, folder, name)
    assert browser.run("return innerWidth") == (390 if size == "narrow" else 1280)
    browser.run(
        "choosePixel(net.layers.findIndex(({kind}) => kind === 'conv'), {c: 0, y: 0, x: 0})"
    )
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    tiny = browser.run(
        """
        return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
          [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) &&
          parseFloat(getComputedStyle(e).fontSize) < 11).map((e) => e.outerHTML);
        """
    )
    assert tiny == []
    assert browser.run("return document.documentElement.lang") == (
        "ko" if name == "ko.html" else "en"
    )


def test_light_and_dark_and_the_button(browser, folder):
    opened(browser, folder)
    paper = "return getComputedStyle(document.body).backgroundColor"
    maps = "return document.querySelector('[data-layer=conv1] canvas').toDataURL()"
    browser.prefer(prefers_color_scheme="light")
    wait_for(browser, "theme.paper === '#f7f6f2'")
    light = browser.run(paper), browser.run(maps)
    browser.prefer(prefers_color_scheme="dark")
    wait_for(browser, f"getComputedStyle(document.body).backgroundColor !== '{light[0]}'")
    wait_for(browser, "theme.paper === '#16171a'")
    assert light[0] != browser.run(paper) and light[1] != browser.run(maps)
    browser.click("#theme")
    assert light == (browser.run(paper), browser.run(maps))
    browser.prefer(prefers_color_scheme="light")


def test_a_moment_can_be_passed_on_by_its_address(browser, folder):
    browser.open(folder / "report.html", "live:2:conv2:1:2:3")
    wait_for(browser, "seen.pixel !== null")
    found = browser.run("return [net.layers[seen.at].name, seen.pixel, seen.logits[0]]")
    assert found[:2] == ["conv2", {"c": 0, "y": 1, "x": 2}]
    assert found[2] == browser.run("return net.images[1].logits[0]")
    browser.run("document.querySelector('[data-layer=conv2] canvas').focus()")
    browser.press("ArrowLeft")
    browser.run("tellAddress()")  # it waits until nobody moves any more
    assert browser.run("return location.hash") == "#live:2:conv2:1:2:2"


def test_less_motion_is_respected(browser, folder):
    """Nothing moves by itself; what fades elsewhere is there at once."""
    opened(browser, folder)
    browser.prefer(prefers_reduced_motion="reduce")
    moving = browser.run(
        """
        return [...document.querySelectorAll("*")].filter((e) => {
          const style = getComputedStyle(e);
          return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
        }).length;
        """
    )
    browser.prefer(prefers_reduced_motion="no-preference")
    assert moving == 0


def test_a_link_to_a_section_leaves_the_image_that_was_chosen(browser, folder):
    opened(browser, folder)
    browser.run("document.querySelectorAll('.strip button')[2].click()")
    wait_for(browser, "net.images[2].logits === seen.logits")
    browser.run("document.querySelector('#sections a[href=\"#layers\"]').click()")
    browser.run("return new Promise((done) => setTimeout(done, 100))")
    assert browser.run("return net.images[2].logits === seen.logits")
