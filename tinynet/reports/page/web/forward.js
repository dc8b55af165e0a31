// The network, forward: each layer as its definition says, in plain loops. Sums are kept in double.
"use strict";

// ------------------------------------------------------------ weights, unpacked (packing.py)

function bytesOf85(text) {
  const bytes = new Uint8Array(text.length / 5 * 4), view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let k = 0; k < 5; ++k) {
      const letter = text.charCodeAt(i + k);  // from "(" on, without "<" and "\\"
      word = word * 85 + letter - 40 - (letter > 60) - (letter > 92);
    }
    view.setUint32(i / 5 * 4, word);
  }
  return bytes;
}

function arrayOf(bytes, {shape, bits, offset}) {
  const count = shape.reduce((a, b) => a * b, 1);
  if (bits === 32) return new Float32Array(bytes.slice(offset, offset + 4 * count).buffer);
  const rows = count <= 4096 * shape[0] ? shape[0] : shape[0] * shape[1], each = count / rows;
  const most = 2 ** (bits - 1) - 1, values = new Float32Array(count);
  const scales = new Float32Array(bytes.slice(offset, offset + 4 * rows).buffer);
  let at = offset + 4 * rows, held = 0, have = 0;  // `have` bits are held that are not used yet
  for (let i = 0; i < count; ++i) {
    while (have < bits) {
      held = (held << 8) | bytes[at++];
      have += 8;
    }
    have -= bits;
    values[i] = ((held >> have) - most) * scales[Math.floor(i / each)];
    held &= (1 << have) - 1;
  }
  return values;
}

// ------------------------------------------------------------ windows

// Which outputs along an axis have place k of their window inside the image: from, to.
function insideOf(k, stride, padding, size, outputs) {
  const from = Math.max(0, Math.ceil((padding - k) / stride));
  return [from, Math.min(outputs, Math.floor((size - 1 + padding - k) / stride) + 1)];
}

// The window of an output, clipped to the image: rows y0 to y1, columns x0 to x1 (not included).
function windowOf({window: [kh, kw], stride: [sh, sw], padding: [top, left]}, oy, ox, h, w) {
  const y = oy * sh - top, x = ox * sw - left;
  return {y, x, kh, kw, y0: Math.max(0, y), y1: Math.min(h, y + kh), x0: Math.max(0, x), x1: Math.min(w, x + kw)};
}

// ------------------------------------------------------------ layers: (layer, x, size in) -> y

const COMPUTE = {
  conv(layer, x, [channels, h, w]) {
    const {weight, bias, groups, size: [out, oh, ow]} = layer;
    const {window: [kh, kw], stride: [sh, sw], padding: [top, left]} = layer;
    const seen = channels / groups, y = new Float32Array(out * oh * ow), sums = new Float64Array(oh * ow);
    for (let o = 0; o < out; ++o) {
      const first = Math.floor(o * groups / out) * seen;
      sums.fill(bias ? bias[o] : 0);
      for (let c = 0; c < seen; ++c)
        for (let i = 0; i < kh; ++i) {
          const [y0, y1] = insideOf(i, sh, top, h, oh);
          for (let j = 0; j < kw; ++j) {
            const [x0, x1] = insideOf(j, sw, left, w, ow), by = weight[((o * seen + c) * kh + i) * kw + j];
            for (let oy = y0; oy < y1; ++oy) {
              const from = ((first + c) * h + oy * sh + i - top) * w + j - left;
              for (let ox = x0; ox < x1; ++ox) sums[oy * ow + ox] += by * x[from + ox * sw];
            }
          }
        }
      y.set(sums, o * oh * ow);
    }
    return y;
  },
  local(layer, x, [channels, h, w]) {  // a filter of its own for each place
    const {weight, bias, window: [kh, kw], stride: [sh, sw], padding: [top, left], size: [out, oh, ow]} = layer;
    const y = new Float32Array(out * oh * ow), sums = new Float64Array(oh * ow);
    for (let o = 0; o < out; ++o) {
      for (let p = 0; p < oh * ow; ++p) sums[p] = bias ? bias[o * oh * ow + p] : 0;
      for (let c = 0; c < channels; ++c)
        for (let i = 0; i < kh; ++i) {
          const [y0, y1] = insideOf(i, sh, top, h, oh);
          for (let j = 0; j < kw; ++j) {
            const [x0, x1] = insideOf(j, sw, left, w, ow);
            const filter = (((o * channels + c) * kh + i) * kw + j) * oh * ow;
            for (let oy = y0; oy < y1; ++oy) {
              const from = (c * h + oy * sh + i - top) * w + j - left, to = oy * ow;
              for (let ox = x0; ox < x1; ++ox) sums[to + ox] += weight[filter + to + ox] * x[from + ox * sw];
            }
          }
        }
      y.set(sums, o * oh * ow);
    }
    return y;
  },
  linear({weight, bias, size: [units]}, x) {
    return Float32Array.from({length: units}, (_, unit) => {
      let sum = bias ? bias[unit] : 0;
      for (let i = 0; i < x.length; ++i) sum += weight[unit * x.length + i] * x[i];
      return sum;
    });
  },
  relu: (layer, x) => x.map((v) => Math.max(v, 0)),
  tanh: ({outer = 1, inner = 1}, x) => x.map((v) => outer * Math.tanh(inner * v)),
  gray(layer, x) {
    const plane = x.length / 3;
    return Float32Array.from({length: plane}, (_, p) => (x[p] + x[plane + p] + x[2 * plane + p]) / 3);
  },
  subsampling: (layer, x, size) => pooled(layer, x, size, (plane, w, window, c) =>
    4 * meanOf(plane, w, window) * layer.weight[c] + layer.bias[c]),
  radial_basis: ({weight, size: [units]}, x) => Float32Array.from({length: units}, (_, unit) =>
    -x.reduce((sum, v, i) => sum + (v - weight[unit * x.length + i]) ** 2, 0)),
  flatten: (layer, x) => x,
  dropout: ({factor}, x) => (factor === 1 ? x : x.map((v) => v * factor)),
  max_pool: (layer, x, size) => pooled(layer, x, size, (plane, w, window) => plane[winnerOf(plane, w, window)]),
  avg_pool: (layer, x, size) => pooled(layer, x, size, meanOf),
  lrn(layer, x, [channels, h, w]) {
    const plane = h * w, y = new Float32Array(x.length);
    for (let c = 0; c < channels; ++c) {
      const [from, to] = neighboursOf(layer, c, channels);
      for (let p = 0; p < plane; ++p) {
        let sum = 0;
        for (let j = from; j < to; ++j) sum += x[j * plane + p] ** 2;
        y[c * plane + p] = x[c * plane + p] * (layer.k + layer.alpha * sum) ** -layer.beta;
      }
    }
    return y;
  },
  lrn_within(layer, x, [channels, h, w]) {
    const y = new Float32Array(x.length);
    for (let c = 0; c < channels; ++c)
      for (let i = 0; i < h; ++i)
        for (let j = 0; j < w; ++j) {
          const {y0, y1, x0, x1} = aroundOf(layer, i, j, h, w);
          let sum = 0;
          for (let a = y0; a < y1; ++a) for (let b = x0; b < x1; ++b) sum += x[(c * h + a) * w + b] ** 2;
          const p = (c * h + i) * w + j;
          y[p] = x[p] * (layer.k + layer.alpha * sum) ** -layer.beta;
        }
    return y;
  },
};

function pooled(layer, x, [channels, h, w], one) {
  const [, oh, ow] = layer.size, y = new Float32Array(channels * oh * ow);
  for (let c = 0; c < channels; ++c) {
    const plane = x.subarray(c * h * w, (c + 1) * h * w);
    for (let oy = 0; oy < oh; ++oy)
      for (let ox = 0; ox < ow; ++ox) y[(c * oh + oy) * ow + ox] = one(plane, w, windowOf(layer, oy, ox, h, w), c);
  }
  return y;
}

// The mean of a window clipped to the image.
function meanOf(plane, w, {y0, y1, x0, x1}) {
  let sum = 0;
  for (let i = y0; i < y1; ++i) for (let j = x0; j < x1; ++j) sum += plane[i * w + j];
  return sum / ((y1 - y0) * (x1 - x0));
}

// Where the largest of a window is; of equal ones, the first.
function winnerOf(plane, w, {y0, y1, x0, x1}) {
  let best = y0 * w + x0;
  for (let i = y0; i < y1; ++i) for (let j = x0; j < x1; ++j) if (plane[i * w + j] > plane[best]) best = i * w + j;
  return best;
}

// The channels whose squares are summed for channel c: from, to; never of another group.
function neighboursOf({reach, groups}, c, channels) {
  const each = channels / groups, first = Math.floor(c / each) * each, begin = c - Math.floor(reach / 2);
  return [Math.max(first, begin), Math.min(first + each, begin + reach)];
}

function aroundOf({reach}, i, j, h, w) {
  const before = Math.floor(reach / 2);
  return windowOf({window: [reach, reach], stride: [1, 1], padding: [before, before]}, i, j, h, w);
}

// ------------------------------------------------------------ the whole network

// pixels: bytes (3, store, store) -> what the network sees of the crop at (top, left).
function inputOf(net, pixels, [top, left, flip]) {
  const {side, store, mean, std} = net, x = new Float32Array(3 * side * side);
  for (let c = 0; c < 3; ++c)
    for (let i = 0; i < side; ++i)
      for (let j = 0; j < side; ++j) {
        const p = (c * side + i) * side + j, from = left + (flip ? side - 1 - j : j);
        const less = mean.length === 3 ? mean[c] : mean[p];
        x[p] = (pixels[(c * store + top + i) * store + from] - less) / std[c];
      }
  return x;
}

// What comes out of each layer, in order; the last are the logits.
function forward(net, x) {
  let size = [3, net.side, net.side];
  return net.layers.map((layer) => {
    x = COMPUTE[layer.kind](layer, x, size);
    size = layer.size;
    return x;
  });
}

const centreOf = ({store, side}) => [Math.floor((store - side) / 2), Math.floor((store - side) / 2), 0];
const logitsOf = (net, pixels, view = centreOf(net)) => forward(net, inputOf(net, pixels, view)).at(-1);

function softmax(logits) {
  const most = Math.max(...logits), powers = Array.from(logits, (v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
