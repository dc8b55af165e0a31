// The arrays as the images, matrices and vectors that they are; sectors and banks in close-up.
"use strict";

// ------------------------------------------------------------ where each element is drawn

// Maps of rows x columns, side by side. Elements of `size` bytes; shared memory is drawn by words.
function layoutOf(memory, width) {
  const shared = memory.role === "shared";
  const size = shared ? 4 : memory.itemsize, count = Math.ceil(memory.bytes / size);
  let rows, columns, outer = [];
  if (shared || memory.shape.length < 2) {
    columns = Math.min(32, count);
    rows = Math.ceil(count / columns);
  } else {
    const thick = memory.shape.filter((n, i) => n > 1 || i === memory.shape.length - 1);
    [rows, columns] = [1, ...thick].slice(-2);  // sizes of 1 make no map of their own
    outer = thick.slice(0, -2);
  }
  const chunk = !outer.length && !shared && rows > 24 && rows > 2 * columns ? 16 : 0;
  if (chunk) rows = chunk;  // a tall matrix stands in pieces beside each other
  const n = Math.ceil(count / (rows * columns));
  const label = n > 1 ? 15 : 0, gap = 10, budget = shared ? 170 : 150;
  for (let cell = 17; ; cell -= cell > 6 ? 1 : 0.5) {
    let across = Math.max(1, Math.floor((width + gap) / (columns * cell + gap)));
    const together = outer[outer.length - 1];  // maps of one image stay in one row, if they can
    if (across < n && across > together) across -= across % together;
    const down = Math.ceil(n / across);
    const tall = shared ? Math.min(cell, Math.max(3, budget / rows)) : cell;
    const height = down * (rows * tall + label + gap) - gap;
    const low = shared || height <= budget || cell <= 4;
    if (cell > 1 && (columns * cell > width || !low)) continue;
    const maps = Array.from({length: n}, (_, i) => ({
      x: (i % across) * (columns * cell + gap),
      y: Math.floor(i / across) * (rows * tall + label + gap) + label,
      label: chunk ? String(i * chunk) : n > 1 ? labelOf(i, outer) : "",
    }));
    const inset = cell > 5 ? 1 : cell > 3 ? 0.5 : 0;  // the gap between elements
    const wide = columns * cell > width;  // more columns than there is room for
    return {shared, size, count, rows, columns, cell, tall, inset, maps, height: height + 2, width, wide};
  }
}

function labelOf(map, outer) {
  const places = [];
  for (let i = outer.length - 1, rest = map; i >= 0; rest = Math.floor(rest / outer[i--]))
    places.unshift(rest % outer[i]);
  return places.join(", ");
}

function cellOf(layout, element) {
  const {rows, columns, cell, tall, maps} = layout;
  const map = maps[Math.floor(element / (rows * columns))], inside = element % (rows * columns);
  return {x: map.x + (inside % columns) * cell, y: map.y + Math.floor(inside / columns) * tall};
}

function elementAt(layout, x, y) {
  const {rows, columns, cell, tall, maps} = layout;
  for (const [i, map] of maps.entries()) {
    const column = Math.floor((x - map.x) / cell), row = Math.floor((y - map.y) / tall);
    const element = (i * rows + row) * columns + column;
    if (column >= 0 && column < columns && row >= 0 && row < rows && element < layout.count)
      return element;
  }
  return null;
}

function indexOf(memory, element) {
  if (!memory.shape) return Math.floor((element * 4) / memory.each);
  const shape = memory.shape.length ? memory.shape : [1];
  return labelOf(element, shape);
}

// ------------------------------------------------------------ an array, lit

// before: element -> "read" or "write", of the steps up to here; alarms: elements of a finding.
function drawMemory(canvas, memory, layout, access, before, alarms, hovered) {
  const pen = sized(canvas, layout.width, layout.height);
  const {cell, tall, inset, count} = layout;
  const key = [devicePixelRatio, theme.paper].join();
  if (layout.key !== key) {
    layout.key = key;
    layout.base = document.createElement("canvas");
    drawElements(sized(layout.base, layout.width, layout.height), memory, layout);
  }
  pen.drawImage(layout.base, 0, 0, layout.width, layout.height);
  for (const [element, done] of before) {
    const {x, y} = cellOf(layout, element);
    pen.fillStyle = theme[`trail-${done === "atomic" ? "write" : done}`];
    pen.fillRect(x, y + tall * 0.45, cell - inset, tall * 0.55 - inset);
  }
  if (access) {
    if (!layout.shared) outlineSectors(pen, layout, access);
    for (const {lane, offset} of access.lanes) {
      const first = Math.floor(offset / layout.size);
      const last = Math.floor((offset + access.bytes - 1) / layout.size);
      for (let element = first; element <= last && element < count; ++element)
        light(pen, layout, element, access.kind, lane, lane === hovered);
    }
  }
  for (const element of alarms) ring(pen, layout, element, theme.alarm);
}

// All elements, as dark as their values; drawn once, since there may be many.
function drawElements(pen, memory, layout) {
  const {cell, tall, inset, count, maps} = layout, tones = tonesOf(memory);
  pen.textAlign = "left";
  pen.fillStyle = theme.muted;
  for (const map of maps) if (map.label) pen.fillText(map.label, map.x, map.y - 8);
  for (let element = 0; element < count; ++element) {
    const {x, y} = cellOf(layout, element);
    pen.fillStyle = theme.cell;
    pen.fillRect(x, y, cell - inset, tall - inset);
    if (!tones) continue;
    pen.globalAlpha = tones(element);
    pen.fillStyle = theme.tone;
    pen.fillRect(x, y, cell - inset, tall - inset);
    pen.globalAlpha = 1;
  }
}

// How dark an input's element is, by its value: 0 for the least, 0.5 for the largest.
function tonesOf(memory) {
  if (!memory.values) return null;
  const isNumber = (v) => typeof v === "number" || typeof v === "boolean";
  memory.range ??= memory.values.filter(isNumber).map(Number).reduce(([low, high], v) =>
    [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
  const [low, high] = memory.range;
  return (element) => {  // an infinity is as dark as the largest number, NaN as light as the least
    const value = memory.values[element];
    if (!isNumber(value)) return value === "inf" ? 0.5 : 0;
    return high > low ? 0.5 * (Number(value) - low) / (high - low) : 0;
  };
}

function light(pen, layout, element, kind, lane, hovered) {
  const {x, y} = cellOf(layout, element), {cell, tall, inset} = layout;
  pen.fillStyle = theme[kind];
  pen.fillRect(x, y, cell - inset, tall - inset);
  if (kind !== "read" && cell > 8 && tall > 8) {  // in grey too: a store has a corner cut off
    pen.fillStyle = theme.panel;
    pen.beginPath();
    pen.moveTo(x + cell - inset, y);
    pen.lineTo(x + cell - inset, y + 5);
    pen.lineTo(x + cell - inset - 5, y);
    pen.fill();
  }
  if (cell >= 14 && tall >= 12) {
    pen.fillStyle = theme[`on-${kind}`];
    pen.fillText(lane, x + cell / 2 - inset / 2, y + tall / 2 + 0.5);
  }
  if (hovered) ring(pen, layout, element, theme.ink);
}

function ring(pen, layout, element, colour) {
  if (element < 0 || element >= layout.count) return;
  const {x, y} = cellOf(layout, element);
  pen.strokeStyle = colour;
  pen.lineWidth = 2.5;
  pen.strokeRect(x - 1, y - 1, layout.cell + 1, layout.tall + 1);
}

// A frame around the elements of each sector; it goes on in the next row if the sector does.
function outlineSectors(pen, layout, access) {
  const each = 32 / layout.size;
  pen.strokeStyle = theme.ink;
  pen.lineWidth = layout.cell > 5 ? 1.5 : 1;
  for (const sector of sectorsOf(access).keys()) {
    const end = Math.min((sector + 1) * each, layout.count);
    for (let at = sector * each; at < end; ) {
      const row = Math.floor(at / layout.columns);
      const stop = Math.min(end, (row + 1) * layout.columns);
      const {x, y} = cellOf(layout, at);
      pen.strokeRect(x - 0.5, y - 0.5, (stop - at) * layout.cell, layout.tall);
      at = stop;
    }
  }
}

// ------------------------------------------------------------ close-up: sectors, and passes

const BOX = 15;

function drawSectors(canvas, memory, access, width, hovered) {
  const each = 32 / memory.itemsize, sectors = [...sectorsOf(access).keys()];
  const size = Math.min(BOX * 8 / each, BOX * 2), gap = 14;
  const across = Math.max(1, Math.floor((width + gap) / (each * size + gap)));
  const rows = Math.ceil(sectors.length / across), down = BOX + 20;
  const pen = sized(canvas, width, rows * down + 2);
  const lanes = new Map();
  for (const {lane, offset} of access.lanes)
    for (let b = 0; b < access.bytes; b += memory.itemsize) {
      const element = Math.floor((offset + b) / memory.itemsize);
      lanes.set(element, [...(lanes.get(element) || []), lane]);
    }
  sectors.forEach((sector, i) => {
    const left = (i % across) * (each * size + gap) + 1, top = Math.floor(i / across) * down + 14;
    pen.fillStyle = theme.muted;
    pen.textAlign = "left";
    pen.fillText(say("bytes_from", {n: sector * 32}), left, top - 7);
    pen.textAlign = "center";
    for (let k = 0; k < each; ++k) {
      const who = lanes.get(sector * each + k);
      pen.fillStyle = who ? theme[access.kind] : theme.cell;
      pen.fillRect(left + k * size, top, size - 1, BOX);
      if (!who) continue;
      pen.fillStyle = theme[`on-${access.kind}`];
      if (size > 11)
        pen.fillText(who.length > 1 ? `×${who.length}` : who[0], left + k * size + size / 2, top + 8);
      if (!who.includes(hovered)) continue;
      pen.strokeStyle = theme.ink;
      pen.lineWidth = 2;
      pen.strokeRect(left + k * size, top, size - 1, BOX);
    }
    pen.strokeStyle = theme.ink;
    pen.lineWidth = 1.5;
    pen.strokeRect(left - 0.5, top - 0.5, each * size, BOX + 1);
  });
}

function drawPasses(canvas, access, width, hovered) {
  const passes = passesOf(access), size = Math.floor((width - 26) / 32), left = 26;
  const pen = sized(canvas, width, passes.length * (BOX + 2) + 18);
  pen.fillStyle = theme.muted;
  for (let bank = 0; bank < 32; bank += 4)
    pen.fillText(bank, left + bank * size + size / 2, 7);
  passes.forEach((banks, i) => {
    const top = 16 + i * (BOX + 2);
    pen.fillStyle = theme.muted;
    pen.fillText(i + 1, 10, top + 8);
    banks.forEach((served, bank) => {
      const x = left + bank * size;
      pen.fillStyle = served ? theme[access.kind] : theme.cell;
      pen.fillRect(x, top, size - 1, BOX);
      if (!served) return;
      pen.fillStyle = theme[`on-${access.kind}`];
      const {lanes} = served;
      if (size > 11) pen.fillText(lanes.length > 1 ? `×${lanes.length}` : lanes[0], x + size / 2, top + 8);
      if (!lanes.includes(hovered)) return;
      pen.strokeStyle = theme.ink;
      pen.lineWidth = 2;
      pen.strokeRect(x, top, size - 1, BOX);
    });
  });
}
