// Every map of every layer, drawn; which pixel of which is asked about, by pointer or by keys.
"use strict";

const HIDDEN = new Set(["flatten", "dropout"]);  // computed, but nothing new to be seen
const ARROWS = {  // by how much map, row and column change
  ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1],
  PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
};

let shown = [];  // of each layer that is shown: {at, sheets, before, canvases, pictures}

const isLrn = (at) => net.layers[at].kind.startsWith("lrn");
const between = (low, value, high) => Math.max(low, Math.min(high, value));

function showSheets() {
  const box = get("sheets"), width = box.clientWidth;
  const heading = make("h3", {}, say("image_of", {n: net.side}));
  const blocks = [make("div", {class: "layer"}, heading, make("canvas", {id: "image"}))];
  shown = [];
  net.layers.forEach((layer, at) => {
    if (HIDDEN.has(layer.kind)) return;
    const one = {at, sheets: sheetsOf(layer, net.towers, width), before: false};
    one.canvases = Array.from({length: one.sheets.parts}, (_, part) => canvasOf(one, part));
    paint(one);
    blocks.push(blockOf(layer, one));
    shown.push(one);
  });
  box.replaceChildren(...blocks);
  drawAll();
}

// A layer's heading, and its sheets; those of two towers side by side.
function blockOf(layer, one) {
  const [n, h, w] = layer.size, isMaps = layer.size.length === 3;
  const size = isMaps ? say("maps_of", {n, h, w}) : say("units_of", {n: counted(n)});
  const kind = make("small", {}, ` ${say(`kind_${layer.kind}`)}, ${size}`);
  const heading = make("h3", {}, layer.name, kind, ...(isLrn(one.at) ? [" ", beforeButton(one)] : []));
  const ofTower = (canvas, part) =>
    make("div", {}, make("span", {class: "tower"}, say("tower", {tower: "ab"[part]})), canvas);
  const isPair = one.canvases.length > 1;
  const sheets = make("div", {class: isPair ? "pair" : ""}, ...(isPair ? one.canvases.map(ofTower) : one.canvases));
  return make("div", {class: "layer", "data-layer": layer.name}, heading, sheets);
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

function canvasOf(one, part) {
  const label = say("maps_label", {layer: net.layers[one.at].name});
  const canvas = make("canvas", {tabindex: 0, role: "application", "aria-label": label});
  const under = (event) => pixelAt(one.sheets, part, ...scaled(canvas, event));
  const isChosen = ({c, y, x}) =>
    seen.at === one.at && seen.pixel.c === c && seen.pixel.y === y && seen.pixel.x === x;
  canvas.addEventListener("pointermove", (event) => {
    const pixel = under(event);
    if (pixel && !seen.pinned) choosePixel(one.at, pixel);
  });
  canvas.addEventListener("click", (event) => {
    const pixel = under(event);
    if (!pixel) return;
    seen.pinned = !(seen.pinned && isChosen(pixel));
    choosePixel(one.at, pixel);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") seen.pinned = false;
    if (!ARROWS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    seen.pinned = true;
    choosePixel(one.at, moved(one, part, ARROWS[event.key]));
  });
  return canvas;
}

// The pixel next to the chosen one of this layer, or its first. Units stand in rows, too.
function moved({at, sheets}, part, [maps, rows, columns]) {
  const {count, h, w, each, across} = sheets;
  const from = seen.at === at && seen.pixel ? seen.pixel : {c: part * each, y: 0, x: 0};
  const units = h * w === 1, step = units ? (maps + rows) * across + columns : maps;
  return {
    c: between(0, from.c + step, count - 1),
    y: units ? 0 : between(0, from.y + rows, h - 1),
    x: units ? 0 : between(0, from.x + columns, w - 1),
  };
}

// Where the pointer is, in the sheet's own pixels.
function scaled(canvas, {clientX, clientY}) {
  const box = canvas.getBoundingClientRect();
  const x = (clientX - box.left) * canvas.width / box.width;
  return [x, (clientY - box.top) * canvas.height / box.height];
}

function choosePixel(at, pixel) {
  Object.assign(seen, {at, pixel});
  get("explained").replaceChildren(...explain(net, at, pixel, seen.values, seen.input));
  drawAll();
  clearTimeout(seen.telling);  // browsers refuse a page that tells of a hundred pixels a minute
  if (seen.pinned) seen.telling = setTimeout(tellAddress, 400);
}

// ------------------------------------------------------------ drawn

// Before and after normalization have one scale.
function paint(one) {
  const after = seen.values[one.at], before = one.at ? seen.values[one.at - 1] : seen.input;
  const most = largest(isLrn(one.at) ? before : after), values = one.before ? before : after;
  one.pictures = one.canvases.map((_, part) => sheetPicture(one.sheets, part, values, most));
}

// All sheets, with what is chosen and what it comes from outlined.
function drawAll() {
  const {at, pixel} = seen;
  for (const one of shown)
    one.canvases.forEach((canvas, part) => {
      canvas.width = one.sheets.wide;
      canvas.height = one.sheets.tall;
      canvas.getContext("2d").drawImage(one.pictures[part], 0, 0);
    });
  const zoom = Math.max(1, Math.floor(216 / net.side));
  drawCrop(get("image"), seen.input, zoom);
  if (!pixel) return;
  const source = sourceOf(net, at, pixel), {y0, y1, x0, x1} = regionOf(net, at, source);
  const pen = get("image").getContext("2d");
  outline(pen, x0 * zoom, y0 * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom, theme.alarm, 2, "#ffffff");
  outlineSource(at, pixel, source);
  const own = shown.find((one) => one.at === at);
  if (own) outlineOf(own, onePixel(pixel), theme.write);
}

const onePixel = ({c, y, x}) => ({from: c, to: c + 1, y0: y, y1: y + 1, x0: x, x1: x + 1});

// What a pixel comes from, in the layer that is shown before; of a pooling window, its winner.
function outlineSource(at, pixel, source) {
  const before = shown.filter((one) => one.at < at).at(-1), {kind} = net.layers[at];
  if (!before || kind === "linear") return;
  outlineOf(before, source, theme.alarm);
  if (kind !== "max_pool") return;
  const {h, w} = before.sheets, plane = seen.values[before.at].subarray(pixel.c * h * w, (pixel.c + 1) * h * w);
  const winner = winnerOf(plane, w, source);
  outlineOf(before, onePixel({c: pixel.c, y: Math.floor(winner / w), x: winner % w}), theme.write);
}

function outlineOf({sheets, canvases}, {from, to, y0, y1, x0, x1}, colour) {
  for (let c = from; c < Math.min(to, sheets.count); ++c) {
    const {part, left, top} = placeOf(sheets, c), {zoom} = sheets, pen = canvases[part].getContext("2d");
    const [width, height] = [(x1 - x0) * zoom, (y1 - y0) * zoom];
    outline(pen, left + x0 * zoom, top + y0 * zoom, width, height, colour, to - from > 1 ? 1 : 2);
  }
}

function repaintLive() {
  if (!seen.values) return;
  shown.forEach(paint);
  drawAll();
  if (seen.pixel) choosePixel(seen.at, seen.pixel);
}
