// The network, alive: which image goes through it, and what it says of that.
"use strict";

let net = null;
// The image: its bytes, what the network sees of it, what came out of each layer; its class and
// Python's logits, if known. The pixel that is asked about: of which layer, and whether it stays.
const seen = {
  pixels: null, input: null, values: null, label: null, logits: null,
  at: null, pixel: null, pinned: false, turn: 0,
};

function unpack(data) {
  const bytes = bytesOf85(get("weights").textContent), arrays = {};
  for (const [name, place] of Object.entries(data.arrays)) arrays[name] = arrayOf(bytes, place);
  const layers = data.layers.map((layer, i) => ({...layer, last: i === data.layers.length - 1,
    weight: arrays[`${layer.name}.weight`], bias: arrays[`${layer.name}.bias`]}));
  return {...data, layers, mean: arrays.mean, std: arrays.std};
}

// A picture's bytes, (3, store, store): its centre square, scaled where it must be.
async function pixelsOf(source, store) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const side = Math.min(image.naturalWidth, image.naturalHeight), canvas = make("canvas");
  canvas.width = canvas.height = store;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.fillStyle = "#fff";  // behind what is transparent
  pen.fillRect(0, 0, store, store);
  pen.imageSmoothingQuality = "high";
  const left = (image.naturalWidth - side) / 2, top = (image.naturalHeight - side) / 2;
  pen.drawImage(image, left, top, side, side, 0, 0, store, store);
  const {data} = pen.getImageData(0, 0, store, store), plane = store * store, pixels = new Uint8Array(3 * plane);
  for (let p = 0; p < plane; ++p) for (let c = 0; c < 3; ++c) pixels[c * plane + p] = data[4 * p + c];
  return pixels;
}

// ------------------------------------------------------------ the section

function showLive(data) {
  net = unpack(data);
  queueMicrotask(begin);
  const answer = make("div", {class: "answer", id: "answer"});
  const explained = make("div", {class: "explained", id: "explained", "aria-live": "polite"}, help("point_at"));
  const stage = make("div", {class: "stage", id: "stage", hidden: ""},
    make("div", {class: "sheets", id: "sheets"}), make("aside", {class: "panel"}, answer, explained));
  const unreadable = make("p", {class: "missing", id: "unreadable", hidden: ""}, say("unreadable"));
  const views = data.store > data.side ? [viewsBox()] : [];
  return [help("live_help"), ...roundedNote(data), stripOf(data), unreadable, stage, ...views];
}

// Once the section is in the page.
function begin() {
  const whole = get("live");
  whole.addEventListener("dragover", (event) => event.preventDefault());
  whole.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) dropped(event.dataTransfer.files[0]);
  });
  addEventListener("hashchange", () => location.hash.startsWith("#live:") && toMoment());
  toMoment();
}

function roundedNote({least_bits: bits, differs, images}) {
  if (bits === 32) return [];
  const moves = differs === null ? "" : say("differs", {n: images.length, differs: number(differs)});
  return [make("p", {class: "help"}, `${say("rounded", {bits})} ${moves}`)];
}

// The validation images, and the place for one's own.
function stripOf(data) {
  const strip = make("div", {class: "strip", role: "group", "aria-label": say("choose")});
  data.images.forEach((image, i) => {
    const name = data.classes[image.label];
    const button = make("button", {type: "button", "aria-pressed": "false", title: name},
      picture(image.picture, name));
    button.addEventListener("click", () => show(image.picture, i));
    strip.append(button);
  });
  const file = make("input", {type: "file", accept: "image/*", id: "own", class: "unseen"});
  file.addEventListener("change", () => file.files[0] && dropped(file.files[0]));
  strip.append(make("label", {class: "own", for: "own"}, file, say("own")));
  return strip;
}

function viewsBox() {
  const box = make("details", {id: "views"}, make("summary", {}, say("views")), help("views_help"),
    make("div", {class: "views", id: "views_of"}));
  box.addEventListener("toggle", () => box.open && showViews());
  return box;
}

// report.html#live:IMAGE:LAYER:MAP:ROW:COLUMN is a moment, which can be passed on.
async function toMoment() {
  const parts = decodeURIComponent(location.hash).match(/^#live:(\d+):(\w+):(\d+):(\d+):(\d+)$/);
  const [, image, name, ...place] = parts ?? [];
  const i = net.images[image - 1] ? image - 1 : 0, at = net.layers.findIndex((layer) => layer.name === name);
  if (net.images.length) await show(net.images[i].picture, i);
  if (at < 0 || !seen.values) return;
  const [c, y, x] = place.map((n, k) => between(0, n - 1, (net.layers[at].size[k] ?? 1) - 1));
  get("live").scrollIntoView();
  seen.pinned = true;
  choosePixel(at, {c, y, x});
}

function tellAddress() {
  const i = net.images.findIndex(({logits}) => logits === seen.logits), {c, y, x} = seen.pixel;
  if (i < 0) return;
  const place = ["live", i + 1, net.layers[seen.at].name, c + 1, y + 1, x + 1].join(":");
  history.replaceState(null, "", `#${place}`);
}

function dropped(file) {
  const reader = new FileReader();
  reader.addEventListener("load", () => show(reader.result, null));
  reader.readAsDataURL(file);
}

// Sends a picture through the network: validation image i, or with i null one's own.
async function show(source, i) {
  const turn = ++seen.turn, pixels = await pixelsOf(source, net.store).catch(() => null);
  if (turn !== seen.turn) return;  // another has been chosen since
  get("unreadable").hidden = pixels !== null;
  if (!pixels) return;
  get("stage").hidden = false;
  const {label = null, logits = null} = net.images[i] ?? {};
  Object.assign(seen, {pixels, label, logits});
  seen.input = inputOf(net, pixels, centreOf(net));
  seen.values = forward(net, seen.input);
  document.querySelectorAll(".strip button").forEach((button, k) =>
    button.setAttribute("aria-pressed", String(k === i)));
  showAnswer();
  showSheets();
  if (seen.pixel) choosePixel(seen.at, seen.pixel);
  if (get("views")?.open) showViews();
}

// ------------------------------------------------------------ what it says

function showAnswer() {
  const logits = seen.values.at(-1), p = softmax(logits), notes = [];
  const rows = likeliest(p, 5).map((k) => make("tr", {},
    make("td", {class: "left"}, k === seen.label ? "✓ " : "", named(short(net.classes[k]))),
    make("td", {}, percent(p[k])),
    make("td", {class: "left"}, make("span", {class: "bar", style: `width: ${Math.round(90 * p[k])}px`}))));
  if (seen.label !== null) notes.push(say("label", {name: short(net.classes[seen.label])}));
  if (seen.logits) {
    const differs = number(largest(seen.logits.map((v, k) => v - logits[k])));
    notes.push(say(net.least_bits < 32 ? "agrees_rounded" : "agrees", {differs}));
  }
  const told = make("p", {class: "help"}, notes.join(" "));
  get("answer").replaceChildren(make("table", {class: "answers"}, ...rows), told);
}

const likeliest = (p, count) => [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, count);

// The views, each with its likeliest class; and the mean of their probabilities.
function showViews() {
  if (!seen.pixels) return;
  const names = ["top_left", "top_right", "centre", "bottom_left", "bottom_right"];
  const inputs = net.views.map((view) => inputOf(net, seen.pixels, view));
  const all = inputs.map((input) => softmax(forward(net, input).at(-1)));
  const mean = all[0].map((_, k) => all.reduce((sum, p) => sum + p[k], 0) / all.length);
  const figures = all.map((p, i) => {
    const canvas = make("canvas"), [k] = likeliest(p, 1), mirrored = i % 2 ? ` ${say("mirrored")}` : "";
    drawCrop(canvas, inputs[i], Math.max(1, Math.round(72 / net.side)));
    const name = say(`view_${names[Math.floor(i / 2)]}`) + mirrored;
    const told = [name, make("br"), named(short(net.classes[k])), ` ${percent(p[k])}`];
    return make("figure", {}, canvas, make("figcaption", {}, ...told));
  });
  const best = likeliest(mean, 3).flatMap((k) => [named(short(net.classes[k])), ` ${percent(mean[k])}  `]);
  const together = make("p", {class: "mean"}, make("b", {}, say("views_mean")), " ", ...best);
  get("views_of").replaceChildren(...figures, together);
}

// What the network sees, as colours again.
function drawCrop(canvas, input, zoom) {
  const {side, mean, std} = net, one = make("canvas");
  one.width = one.height = side;
  const pen = one.getContext("2d"), data = pen.createImageData(side, side);
  for (let p = 0; p < side * side; ++p) {
    for (let c = 0; c < 3; ++c) {
      const q = c * side * side + p;
      data.data[4 * p + c] = Math.round(input[q] * std[c] + (mean.length === 3 ? mean[c] : mean[q]));
    }
    data.data[4 * p + 3] = 255;
  }
  pen.putImageData(data, 0, 0);
  canvas.width = canvas.height = side * zoom;
  const large = canvas.getContext("2d");
  large.imageSmoothingEnabled = false;
  large.drawImage(one, 0, 0, side * zoom, side * zoom);
}
