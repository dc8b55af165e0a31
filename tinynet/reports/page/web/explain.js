// What a pixel of a map comes from: its window, the filter, and the sum; in words and pictures.
"use strict";

const SHOWN = 12;  // channels of a window, or inputs of a unit; the rest is one number

const number = (v) => (Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.001) ? v.toExponential(2) : v.toFixed(3));

// From which part of its input a pixel comes: channels from..to, and the window (clipped, as windowOf gives it).
function sourceOf(net, at, {c, y, x}) {
  const layer = net.layers[at], [channels, h, w] = inputSize(net, at);
  if (layer.kind === "conv" || layer.kind === "local") {
    const seen = channels / layer.groups, first = Math.floor(c * layer.groups / layer.size[0]) * seen;
    return {from: first, to: first + seen, ...windowOf(layer, y, x, h, w)};
  }
  if (layer.kind === "gray") return {from: 0, to: 3, y0: y, y1: y + 1, x0: x, x1: x + 1};
  if (layer.window) return {from: c, to: c + 1, ...windowOf(layer, y, x, h, w)};
  if (layer.kind === "lrn_within") return {from: c, to: c + 1, ...aroundOf(layer, y, x, h, w)};
  if (layer.kind === "lrn") {
    const [from, to] = neighboursOf(layer, c, channels);
    return {from, to, y0: y, y1: y + 1, x0: x, x1: x + 1};
  }
  if (layer.kind === "linear" || layer.kind === "radial_basis")
    return {from: 0, to: channels, y0: 0, y1: h ?? 1, x0: 0, x1: w ?? 1};
  return {from: c, to: c + 1, y0: y, y1: y + 1, x0: x, x1: x + 1};
}

const inputSize = (net, at) => (at ? net.layers[at - 1].size : [3, net.side, net.side]);

// The part of the image that a window of some layer's input depends on.
function regionOf(net, at, {y0, y1, x0, x1}) {
  for (let i = at - 1; i >= 0; --i) {
    const layer = net.layers[i], [, h, w] = inputSize(net, i);
    if (layer.kind === "linear") return {y0: 0, y1: net.side, x0: 0, x1: net.side};
    if (layer.kind === "flatten") return regionOf(net, i, {y0: 0, y1: h, x0: 0, x1: w});
    const around = layer.kind === "lrn_within" ? {window: [layer.reach, layer.reach], stride: [1, 1],
      padding: [Math.floor(layer.reach / 2), Math.floor(layer.reach / 2)]} : layer;
    if (!around.window) continue;
    const first = windowOf(around, y0, x0, h, w), last = windowOf(around, y1 - 1, x1 - 1, h, w);
    [y0, y1, x0, x1] = [first.y0, last.y1, first.x0, last.x1];
  }
  return {y0, y1, x0, x1};
}

// Elements that explain pixel {c, y, x} of layer `at`; `values` is what came out of each layer.
function explain(net, at, pixel, values, input) {
  const layer = net.layers[at], x = at ? values[at - 1] : input, y = values[at];
  const [, h, w] = layer.size.length === 3 ? layer.size : [0, 1, 1];
  const value = y[(pixel.c * h + pixel.y) * w + pixel.x];
  const place = layer.size.length === 3
    ? say("pixel_of", {layer: layer.name, c: pixel.c + 1, y: pixel.y + 1, x: pixel.x + 1})
    : say("unit_of", {layer: layer.name, c: pixel.c + 1});
  const how = EXPLAIN[layer.kind]?.(net, at, pixel, x, value) ?? [];
  return [make("h3", {}, place), make("p", {class: "value"}, number(value)), ...how];
}

const EXPLAIN = {
  conv(net, at, pixel, x, value) {
    const weightAt = ({weight, window: [kh, kw]}, c, i, j, seen) => weight[((pixel.c * seen + c) * kh + i) * kw + j];
    return weighted(net, at, pixel, x, value, weightAt, (layer) => layer.bias?.[pixel.c] ?? 0);
  },
  local(net, at, pixel, x, value) {
    const [, oh, ow] = net.layers[at].size, place = pixel.y * ow + pixel.x;
    return weighted(net, at, pixel, x, value, (layer, c, i, j, seen) =>
      layer.weight[(((pixel.c * seen + c) * layer.window[0] + i) * layer.window[1] + j) * oh * ow + place],
    (layer) => layer.bias?.[pixel.c * oh * ow + place] ?? 0);
  },
  linear(net, at, pixel, x, value) {
    const {weight, bias} = net.layers[at], from = pixel.c * x.length;
    const products = Array.from(x, (v, i) => ({i, v, by: weight[from + i], product: weight[from + i] * v}));
    products.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    const rest = products.slice(SHOWN).reduce((sum, p) => sum + p.product, 0);
    const rows = products.slice(0, SHOWN).map(({i, v, by, product}) =>
      make("tr", {}, ...cells(i + 1, number(v), number(by), number(product))));
    const heads = ["input", "activation", "weight", "product"].map((h) => say(`head_${h}`));
    const sum = {value: number(value), bias: number(bias?.[pixel.c] ?? 0), n: counted(x.length)};
    const others = {n: counted(Math.max(0, x.length - SHOWN)), sum: number(rest)};
    return [
      make("p", {}, say("sum_of_inputs", sum)), tableOf("wide", heads, rows),
      make("p", {class: "rest"}, say("rest_of_inputs", others)),
    ];
  },
  max_pool(net, at, pixel, x) {
    const [, h, w] = inputSize(net, at), plane = x.subarray(pixel.c * h * w, (pixel.c + 1) * h * w);
    const window = windowOf(net.layers[at], pixel.y, pixel.x, h, w), winner = winnerOf(plane, w, window);
    const [row, column] = [Math.floor(winner / w), winner % w];
    return [make("p", {}, say("winner", {y: row + 1, x: column + 1})), gridOf(plane, w, window, winner)];
  },
  avg_pool(net, at, pixel, x) {
    const [, h, w] = inputSize(net, at), plane = x.subarray(pixel.c * h * w, (pixel.c + 1) * h * w);
    const window = windowOf(net.layers[at], pixel.y, pixel.x, h, w);
    const n = (window.y1 - window.y0) * (window.x1 - window.x0);
    return [make("p", {}, say("mean_of", {n})), gridOf(plane, w, window)];
  },
  subsampling(net, at, pixel, x, value) {
    const {weight, bias} = net.layers[at], [, h, w] = inputSize(net, at);
    const plane = x.subarray(pixel.c * h * w, (pixel.c + 1) * h * w);
    const window = windowOf(net.layers[at], pixel.y, pixel.x, h, w), sum = number(4 * meanOf(plane, w, window));
    const values = {value: number(value), weight: number(weight[pixel.c]), bias: number(bias[pixel.c]), sum};
    return [make("p", {}, say("subsampled", values)), gridOf(plane, w, window)];
  },
  gray(net, at, pixel, x) {
    const [red, green, blue] = [0, 1, 2].map((c) => number(before(net, at, {...pixel, c}, x)));
    return [make("p", {}, say("gray_of", {red, green, blue}))];
  },
  radial_basis: (net, at, {c}, x) =>
    [make("p", {}, say("distance_of", {n: x.length, class: short(net.classes[c])}))],
  relu: (net, at, pixel, x) => [make("p", {}, say(before(net, at, pixel, x) > 0 ? "relu_passes" : "relu_stops",
    {before: number(before(net, at, pixel, x))}))],
  tanh: (net, at, pixel, x) => [make("p", {}, say("tanh_of", {before: number(before(net, at, pixel, x)),
    outer: net.layers[at].outer ?? 1, inner: number(net.layers[at].inner ?? 1)}))],
  lrn(net, at, pixel, x, value) {
    const layer = net.layers[at], [channels, h, w] = inputSize(net, at);
    const [from, to] = neighboursOf(layer, pixel.c, channels);
    const inside = (j) => x[(j * h + pixel.y) * w + pixel.x];
    const near = Array.from({length: to - from}, (_, i) => from + i)
      .map((c) => ({name: say("map_n", {n: c + 1}), v: inside(c), own: c === pixel.c}));
    return normalized(layer, near, before(net, at, pixel, x), value);
  },
  lrn_within(net, at, pixel, x, value) {
    const layer = net.layers[at], [, h, w] = inputSize(net, at), near = [];
    const window = aroundOf(layer, pixel.y, pixel.x, h, w);
    const plane = x.subarray(pixel.c * h * w, (pixel.c + 1) * h * w);
    for (let i = window.y0; i < window.y1; ++i)
      for (let j = window.x0; j < window.x1; ++j) near.push({v: plane[i * w + j]});
    return [...normalized(layer, near, before(net, at, pixel, x), value, false), gridOf(plane, w, window)];
  },
};

function before(net, at, {c, y, x}, values) {
  const [, h = 1, w = 1] = inputSize(net, at);
  return values[(c * h + y) * w + x];
}

// y = x * (k + alpha * sum of squares)^-beta, with its numbers; and the neighbours as bars.
function normalized(layer, near, from, value, bars = true) {
  const sum = near.reduce((all, {v}) => all + v * v, 0), scale = layer.k + layer.alpha * sum;
  const told = say("normalized", {from: number(from), value: number(value), sum: number(sum), scale: number(scale),
    k: layer.k, alpha: Number(layer.alpha.toPrecision(4)), beta: layer.beta});
  const most = Math.max(...near.map(({v}) => Math.abs(v)), 1e-9);
  const bar = (v) => make("span", {class: "bar", style: `width: ${Math.round(90 * Math.abs(v) / most)}px`});
  const rows = near.map(({name, v, own}) => make("tr", {class: own ? "own" : ""},
    ...cells(name ?? "", number(v)), make("td", {class: "left"}, bar(v))));
  return [make("p", {}, told), ...(bars ? [make("table", {}, ...rows)] : [])];
}

// A window's numbers in a grid; the winner has a frame.
function gridOf(plane, w, {y0, y1, x0, x1}, winner = -1) {
  const rows = [];
  for (let i = y0; i < y1; ++i) {
    const row = make("tr");
    for (let j = x0; j < x1; ++j) {
      const p = i * w + j;
      row.append(make("td", {class: p === winner ? "winner" : ""}, number(plane[p])));
    }
    rows.push(row);
  }
  return make("table", {class: "window"}, ...rows);
}

// A sum over a window: for each channel what it sees, the filter, and their products.
function weighted(net, at, pixel, x, value, weightAt, biasOf) {
  const layer = net.layers[at], [channels, h, w] = inputSize(net, at), [kh, kw] = layer.window;
  const source = sourceOf(net, at, pixel), seen = channels / layer.groups;
  const parts = Array.from({length: source.to - source.from}, (_, c) => {
    const sees = new Float32Array(kh * kw), by = new Float32Array(kh * kw);
    let sum = 0;
    for (let i = 0; i < kh; ++i)
      for (let j = 0; j < kw; ++j) {
        const [yy, xx] = [source.y + i, source.x + j], p = i * kw + j;
        if (yy >= 0 && yy < h && xx >= 0 && xx < w) sees[p] = x[((source.from + c) * h + yy) * w + xx];
        by[p] = weightAt(layer, c, i, j, seen);
        sum += sees[p] * by[p];
      }
    return {c: source.from + c, sees, by, products: sees.map((v, p) => v * by[p]), sum};
  });
  const best = [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, SHOWN);
  const rest = parts.reduce((all, {sum}) => all + sum, 0) - best.reduce((all, {sum}) => all + sum, 0);
  const names = at ? (c) => say("map_n", {n: c + 1}) : (c) => say(["red", "green", "blue"][c]);
  const most = ["sees", "by", "products"].map((key) => Math.max(...best.map((part) => largest(part[key]))));
  const columns = best.map((part) => make("figure", {}, make("figcaption", {}, names(part.c)),
    ...["sees", "by", "products"].map((key, i) => patch(part[key], kh, kw, most[i])),
    make("figcaption", {}, number(part.sum))));
  const heads = ["window", "filter", "products", "sum"].map((key) => make("span", {}, say(`patch_${key}`)));
  const legend = make("div", {class: "patch-rows"}, ...heads);
  const patches = make("div", {class: "patches", tabindex: 0}, legend, ...columns);
  const told = say("sum_of_window", {value: number(value), bias: number(biasOf(layer)), n: seen, kh, kw});
  if (parts.length === best.length) return [make("p", {}, told), patches];
  const others = say("rest_of_window", {n: parts.length - best.length, sum: number(rest)});
  return [make("p", {}, told), patches, make("p", {class: "rest"}, others)];
}

function patch(values, kh, kw, most) {
  const canvas = make("canvas", {class: "patch"}), colour = colouring(most);
  canvas.width = kw;
  canvas.height = kh;
  const pen = canvas.getContext("2d"), data = pen.createImageData(kw, kh);
  values.forEach((v, p) => data.data.set([...colour(v), 255], 4 * p));
  pen.putImageData(data, 0, 0);
  return canvas;
}
