// The maps of a layer, drawn: which canvas, which pixel; and outlines on them.
"use strict";

const GAP = 3;

// Sheets of a layer: one, or one for each tower; each with its maps in rows.
function sheetsOf(layer, towers, width) {
  const [count, h, w] = layer.size.length === 3 ? layer.size : [layer.size[0], 1, 1];
  const parts = towers > 1 && count % 2 === 0 && !layer.last ? 2 : 1, each = count / parts;
  const room = parts > 1 ? (width - 24) / 2 : width;
  const flat = h * w === 1, gap = flat ? 1 : GAP;
  const wanted = Math.round((each > 8 ? 54 : 96) / w);  // the screen's pixels for one of a map's
  const zoom = flat ? (each > 256 ? 6 : 10) : Math.max(1, Math.min(14, wanted, Math.floor(room / w)));
  const across = Math.max(1, Math.min(each, flat ? 64 : each, Math.floor((room + gap) / (w * zoom + gap))));
  const down = Math.ceil(each / across);
  const wide = across * (w * zoom + gap) - gap, tall = down * (h * zoom + gap) - gap;
  return {count, h, w, parts, each, zoom, across, gap, wide, tall};
}

// Where channel c's map stands: {part, left, top}.
function placeOf(sheets, c) {
  const part = Math.floor(c / sheets.each), i = c % sheets.each;
  const left = (i % sheets.across) * (sheets.w * sheets.zoom + sheets.gap);
  return {part, left, top: Math.floor(i / sheets.across) * (sheets.h * sheets.zoom + sheets.gap)};
}

// The pixel of a map at a point of sheet `part`: {c, y, x}, or null between maps.
function pixelAt(sheets, part, px, py) {
  const stepX = sheets.w * sheets.zoom + sheets.gap, stepY = sheets.h * sheets.zoom + sheets.gap;
  const column = Math.floor(px / stepX), row = Math.floor(py / stepY), i = row * sheets.across + column;
  const x = Math.floor((px - column * stepX) / sheets.zoom), y = Math.floor((py - row * stepY) / sheets.zoom);
  const isMap = column < sheets.across && i >= 0 && i < sheets.each;
  return isMap && x >= 0 && x < sheets.w && y >= 0 && y < sheets.h ? {c: part * sheets.each + i, y, x} : null;
}

// "#rrggbb" of the style sheet as three numbers.
const numbersOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

// Values as colours: 0 is the cell's own, more is the ink, less is blue; `most` is the full colour.
function colouring(most) {
  const zero = numbersOf(theme.cell), plus = numbersOf(theme.ink), minus = numbersOf(theme.read);
  return (value) => {
    const share = most > 0 ? Math.min(1, Math.abs(value) / most) ** 0.7 : 0, full = value < 0 ? minus : plus;
    return zero.map((z, i) => z + share * (full[i] - z));
  };
}

const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

// One sheet as a picture of one pixel a value, to be drawn larger.
function sheetPicture(sheets, part, values, most) {
  const {each, h, w, across, zoom, gap} = sheets, picture = make("canvas"), colour = colouring(most);
  picture.width = sheets.wide;
  picture.height = sheets.tall;
  const pen = picture.getContext("2d"), one = make("canvas");
  one.width = w;
  one.height = h;
  const small = one.getContext("2d"), data = small.createImageData(w, h);
  pen.imageSmoothingEnabled = false;
  for (let i = 0; i < each; ++i) {
    const c = part * each + i;
    for (let p = 0; p < h * w; ++p) {
      const [r, g, b] = colour(values[c * h * w + p]);
      data.data.set([r, g, b, 255], 4 * p);
    }
    small.putImageData(data, 0, 0);
    const left = (i % across) * (w * zoom + gap), top = Math.floor(i / across) * (h * zoom + gap);
    pen.drawImage(one, left, top, w * zoom, h * zoom);
  }
  return picture;
}

// A frame around pixels; `under` is a lighter one beneath it, for pictures of any colour.
function outline(pen, x, y, width, height, colour, thick = 2, under = null) {
  if (under) outline(pen, x - 1, y - 1, width + 2, height + 2, under, thick + 2);
  pen.strokeStyle = colour;
  pen.lineWidth = thick;
  pen.strokeRect(x - thick / 2, y - thick / 2, width + thick, height + thick);
}
