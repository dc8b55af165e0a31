// The network, alive: an image goes through it, and every map of every layer can be asked where it comes from.
"use strict";

const HIDDEN = new Set(["flatten", "dropout"]);  // computed, but nothing new to be seen
const ARROWS = {ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], PageUp: [-1, 0, 0], PageDown: [1, 0, 0]};

let net = null;
const seen = {pixels: null, values: null, input: null, label: null, logits: null, at: null, pixel: null, pinned: false};

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
  pen.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, store, store);
  const {data} = pen.getImageData(0, 0, store, store), pixels = new Uint8Array(3 * store * store);
  for (let p = 0; p < store * store; ++p) for (let c = 0; c < 3; ++c) pixels[c * store * store + p] = data[4 * p + c];
  return pixels;
}

// ------------------------------------------------------------ the section

function showLive(data) {
  net = unpack(data);
  const strip = make("div", {class: "strip", role: "group", "aria-label": say("choose")});
  data.images.forEach((image, i) => {
    const button = make("button", {type: "button", "aria-pressed": "false", title: data.classes[image.label]},
      picture(image.picture, data.classes[image.label]));
    button.addEventListener("click", () => show(image.picture, i));
    strip.append(button);
  });
  const file = make("input", {type: "file", accept: "image/*", id: "own", class: "unseen"});
  file.addEventListener("change", () => file.files[0] && dropped(file.files[0]));
  strip.append(make("label", {class: "own", for: "own"}, file, say("own")));
  const stage = make("div", {class: "stage", id: "stage", hidden: ""},
    make("div", {class: "sheets", id: "sheets"}),
    make("aside", {class: "panel", id: "panel"},
      make("div", {class: "answer", id: "answer"}), make("div", {class: "explained", id: "explained", "aria-live": "polite"}, make("p", {class: "help"}, say("point_at")))));
  const views = make("details", {id: "views"}, make("summary", {}, say("views")), make("p", {class: "help"}, say("views_help")), make("div", {class: "views", id: "views_of"}));
  views.addEventListener("toggle", () => views.open && showViews());
  queueMicrotask(() => {
    const whole = get("live");
    whole.addEventListener("dragover", (event) => event.preventDefault());
    whole.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) dropped(event.dataTransfer.files[0]);
    });
    toMoment();
  });
  addEventListener("hashchange", toMoment);
  const notes = [make("p", {class: "help"}, say("live_help"))];
  if (data.least_bits < 32) {
    const differs = data.differs === null ? "" : ` ${say("differs", {n: data.images.length, differs: number(data.differs)})}`;
    notes.push(make("p", {class: "help"}, say("rounded", {bits: data.least_bits}) + differs));
  }
  return [...notes, strip, make("p", {class: "missing", id: "unreadable", hidden: ""}), stage, data.store > data.side ? views : null].filter(Boolean);
}

// report.html#live:IMAGE:LAYER:MAP:ROW:COLUMN is a moment, which can be passed on.
async function toMoment() {
  const [, image, name, ...place] = decodeURIComponent(location.hash).match(/^#live:(\d+):(\w+):(\d+):(\d+):(\d+)$/) ?? [];
  const i = net.images[image - 1] ? image - 1 : 0, at = net.layers.findIndex((layer) => layer.name === name);
  if (net.images.length) await show(net.images[i].picture, i);
  if (at < 0 || !seen.values) return;
  const [c, y, x] = place.map((n, k) => Math.max(0, Math.min((net.layers[at].size[k] ?? 1) - 1, n - 1)));
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

// Sends a picture through the network; `number` of a validation image, null of one's own.
async function show(source, i) {
  let pixels;
  try {
    pixels = await pixelsOf(source, net.store);
  } catch {
    get("unreadable").hidden = false;
    get("unreadable").textContent = say("unreadable");
    return;
  }
  get("unreadable").hidden = true;
  get("stage").hidden = false;
  Object.assign(seen, {pixels, label: i === null ? null : net.images[i].label, logits: i === null ? null : net.images[i].logits});
  seen.input = inputOf(net, pixels, centreOf(net));
  seen.values = forward(net, seen.input);
  document.querySelectorAll(".strip button").forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
  showAnswer();
  showSheets();
  if (seen.pixel) choosePixel(seen.at, seen.pixel);
  if (get("views")?.open) showViews();
}

// ------------------------------------------------------------ what it says

function showAnswer() {
  const p = softmax(seen.values.at(-1)), order = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
  const rows = order.map((k) => make("tr", {}, make("td", {class: "left"}, k === seen.label ? "✓ " : "", named(short(net.classes[k]))),
    make("td", {}, percent(p[k])), make("td", {class: "left"}, make("span", {class: "bar", style: `width: ${Math.round(90 * p[k])}px`}))));
  const notes = [];
  if (seen.label !== null) notes.push(say("label", {name: short(net.classes[seen.label])}));
  if (seen.logits) notes.push(say(net.least_bits < 32 ? "agrees_rounded" : "agrees", {differs: number(Math.max(...seen.logits.map((v, k) => Math.abs(v - seen.values.at(-1)[k]))))}));
  get("answer").replaceChildren(make("table", {class: "answers"}, ...rows), make("p", {class: "help"}, notes.join(" ")));
}

function showViews() {
  if (!seen.pixels) return;
  const all = net.views.map((view) => ({view, input: inputOf(net, seen.pixels, view)}));
  for (const one of all) one.p = softmax(forward(net, one.input).at(-1));
  const mean = all[0].p.map((_, k) => all.reduce((sum, {p}) => sum + p[k], 0) / all.length);
  const figure = (p, canvas, name) => {
    const k = p.indexOf(Math.max(...p));
    return make("figure", {}, canvas, make("figcaption", {}, name, make("br"), named(short(net.classes[k])), ` ${percent(p[k])}`));
  };
  const names = ["top_left", "top_right", "centre", "bottom_left", "bottom_right"];
  get("views_of").replaceChildren(...all.map(({p, input}, i) => {
    const canvas = make("canvas");
    drawCrop(canvas, input, Math.max(1, Math.round(72 / net.side)));
    return figure(p, canvas, say(`view_${names[Math.floor(i / 2)]}`) + (i % 2 ? ` ${say("mirrored")}` : ""));
  }), make("p", {class: "mean"}, make("b", {}, say("views_mean")), " ", ...[...mean.keys()].sort((a, b) => mean[b] - mean[a]).slice(0, 3)
    .flatMap((k) => [named(short(net.classes[k])), ` ${percent(mean[k])}  `])));
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

// ------------------------------------------------------------ every map of every layer

let shown = [];  // of each layer that is shown: {at, sheets, canvases, pictures}

function showSheets() {
  const box = get("sheets"), width = box.clientWidth;
  const image = make("canvas", {id: "image"});
  const blocks = [make("div", {class: "layer"}, make("h3", {}, say("image_of", {n: net.side})), image)];
  shown = [];
  net.layers.forEach((layer, at) => {
    if (HIDDEN.has(layer.kind)) return;
    const sheets = sheetsOf(layer, net.towers, width), {parts} = sheets;
    const one = {at, sheets, before: false};
    one.canvases = Array.from({length: parts}, (_, part) => canvasOf(one, part));
    paint(one);
    const sheetsOfIt = parts > 1 ? one.canvases.map((canvas, part) => make("div", {}, make("span", {class: "tower"}, say("tower", {tower: "ab"[part]})), canvas)) : one.canvases;
    const size = layer.size.length === 3 ? say("maps_of", {n: layer.size[0], h: layer.size[1], w: layer.size[2]}) : say("units_of", {n: counted(layer.size[0])});
    const heading = make("h3", {}, layer.name, make("small", {}, ` ${say(`kind_${layer.kind}`)}, ${size}`));
    if (layer.kind.startsWith("lrn")) heading.append(" ", beforeButton(one));
    blocks.push(make("div", {class: "layer", "data-layer": layer.name}, heading, make("div", {class: parts > 1 ? "pair" : ""}, ...sheetsOfIt)));
    shown.push(one);
  });
  box.replaceChildren(...blocks);
  drawAll();
}

function canvasOf(one, part) {
  const layer = net.layers[one.at], canvas = make("canvas", {tabindex: 0, role: "application", "aria-label": say("maps_label", {layer: layer.name})});
  const under = (event) => pixelAt(one.sheets, part, ...scaled(canvas, event));
  canvas.addEventListener("pointermove", (event) => {
    const pixel = under(event);
    if (pixel && !seen.pinned) choosePixel(one.at, pixel);
  });
  canvas.addEventListener("click", (event) => {
    const pixel = under(event);
    if (!pixel) return;
    seen.pinned = !(seen.pinned && seen.at === one.at && ["c", "y", "x"].every((key) => seen.pixel[key] === pixel[key]));
    choosePixel(one.at, pixel);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = ARROWS[event.key];
    if (event.key === "Escape") seen.pinned = false;
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const {h, w, count, each} = one.sheets, now = seen.at === one.at && seen.pixel ? seen.pixel : {c: part * each, y: 0, x: 0};
    const flat = h * w === 1, step = flat ? by[0] * one.sheets.across + by[1] * one.sheets.across + by[2] : by[0];
    const pixel = {c: Math.max(0, Math.min(count - 1, now.c + step)), y: flat ? 0 : Math.max(0, Math.min(h - 1, now.y + by[1])), x: flat ? 0 : Math.max(0, Math.min(w - 1, now.x + by[2]))};
    seen.pinned = true;
    choosePixel(one.at, pixel);
  });
  return canvas;
}

// Where the pointer is, in the sheet's own pixels.
function scaled(canvas, {clientX, clientY}) {
  const box = canvas.getBoundingClientRect();
  return [(clientX - box.left) * canvas.width / box.width, (clientY - box.top) * canvas.height / box.height];
}

function paint(one) {
  const after = seen.values[one.at], before = one.at ? seen.values[one.at - 1] : seen.input;
  const lrn = net.layers[one.at].kind.startsWith("lrn"), most = largest(lrn ? before : after);
  one.pictures = one.canvases.map((_, part) => sheetPicture(one.sheets, part, one.before ? before : after, most));
}

function beforeButton(one) {
  const button = make("button", {type: "button", class: "before", "aria-pressed": "false"}, say("show_before"));
  button.addEventListener("click", () => {
    one.before = !one.before;
    button.setAttribute("aria-pressed", String(one.before));
    paint(one);
    drawAll();
  });
  return button;
}

function choosePixel(at, pixel) {
  Object.assign(seen, {at, pixel});
  get("explained").replaceChildren(...explain(net, at, pixel, seen.values, seen.input));
  drawAll();
  clearTimeout(seen.telling);  // browsers refuse a page that tells of a hundred pixels a minute
  if (seen.pinned) seen.telling = setTimeout(tellAddress, 400);
}

// All sheets, with what is chosen and what it comes from outlined.
function drawAll() {
  const {at, pixel} = seen, source = pixel ? sourceOf(net, at, pixel) : null;
  const from = pixel ? shown.map((one) => one.at).filter((i) => i < at).at(-1) : undefined;
  for (const one of shown)
    one.canvases.forEach((canvas, part) => {
      canvas.width = one.sheets.wide;
      canvas.height = one.sheets.tall;
      const pen = canvas.getContext("2d");
      pen.drawImage(one.pictures[part], 0, 0);
      if (!pixel) return;
      if (one.at === at) outlineOf(pen, one.sheets, part, pixel.c, pixel.c + 1, pixel.y, pixel.y + 1, pixel.x, pixel.x + 1, theme.write);
      if (one.at === from && net.layers[at].kind !== "linear")
        outlineOf(pen, one.sheets, part, source.from, source.to, source.y0, source.y1, source.x0, source.x1, theme.alarm);
      if (one.at === from && net.layers[at].kind === "max_pool") {
        const {h, w} = one.sheets, winner = winnerOf(seen.values[from].subarray(pixel.c * h * w, (pixel.c + 1) * h * w), w, source);
        const [y, x] = [Math.floor(winner / w), winner % w];
        outlineOf(pen, one.sheets, part, pixel.c, pixel.c + 1, y, y + 1, x, x + 1, theme.write);
      }
    });
  const zoom = Math.max(1, Math.floor(216 / net.side));
  drawCrop(get("image"), seen.input, zoom);
  if (!pixel) return;
  const {y0, y1, x0, x1} = regionOf(net, at, source), pen = get("image").getContext("2d");
  outline(pen, x0 * zoom, y0 * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom, theme.alarm, 2, "#ffffff");
}

function outlineOf(pen, sheets, part, from, to, y0, y1, x0, x1, colour) {
  for (let c = from; c < to; ++c) {
    const place = placeOf(sheets, c);
    if (place.part !== part) continue;
    const {zoom} = sheets;
    outline(pen, place.left + x0 * zoom, place.top + y0 * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom, colour, to - from > 1 ? 1 : 2);
  }
}

function repaintLive() {
  if (!seen.values) return;
  shown.forEach(paint);
  drawAll();
  if (seen.pixel) choosePixel(seen.at, seen.pixel);
}
