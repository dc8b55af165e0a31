// What was recorded, taken apart: the frames of a warp, and what each of them touches.
"use strict";

const KIND = ["line", "warp", "barrier"], ACCESS = ["read", "write", "atomic"];
const WARP = 32, MOST_KEPT = 16;  // bytes of what a lane loads or stores that were recorded

const isActive = (lanes, lane) => (lanes >>> lane) & 1;

function lanesOf(mask) {
  return [...Array(WARP).keys()].filter((lane) => isActive(mask, lane));
}

// An access of a step: who touches which bytes. lanes: [{lane, offset, values}].
function accessOf(launch, [kind, memory, bytes, mask, offsets, values]) {
  const far = Array.isArray(offsets[0]) ? offsets[0] : null;
  const where = launch.memories[memory];
  const kept = Math.min(bytes, MOST_KEPT);
  const each = where.itemsize ? Math.max(1, kept / where.itemsize) : valuesEach(kept);
  const lanes = lanesOf(mask).map((lane, i) => {
    const offset = far ? far[i] : offsets[0] + i * offsets[1];
    return {lane, offset, values: valuesOf(where, values, i, each, offset)};
  });
  return {kind: ACCESS[kind], memory, bytes, mask, lanes};
}

// Of a step; steps that are alike share them.
function accessesOf(launch, number) {
  launch.accesses ??= [];
  return launch.accesses[number] ??= launch.steps[number][3].map((told) => accessOf(launch, told));
}

// Shared memory of 1, 2, 4 or 8 bytes a lane holds a number; of 12 or 16, floats; of 3 or 5, bytes.
const valuesEach = (bytes) => ([1, 2, 4, 8].includes(bytes) ? 1 : bytes % 4 ? bytes : bytes / 4);

function valuesOf(where, values, i, each, offset) {
  if (values.length === 1) return Array(each).fill(values[0]);
  if (values.length) return values.slice(i * each, (i + 1) * each);
  const first = Math.floor(offset / where.itemsize);
  return where.values ? where.values.slice(first, first + each) : [];
}

// A warp's run as frames: a line without memory is one, a line with k accesses is k of them.
function framesOf(launch, run) {
  const frames = [];
  run.forEach((number, step) => {
    const [line, lanes, kind] = launch.steps[number], accesses = accessesOf(launch, number);
    const parts = accesses.length || 1;
    for (let part = 0; part < parts; ++part)
      frames.push({step, line, lanes, kind: KIND[kind], access: accesses[part] || null, part, parts});
  });
  return frames;
}

// ------------------------------------------------------------ what the memory does

// Global memory moves in sectors of 32 bytes. sector -> the lanes that want something of it.
function sectorsOf(access) {
  const found = new Map();
  for (const {lane, offset} of access.lanes)
    for (let s = Math.floor(offset / 32); s <= Math.floor((offset + access.bytes - 1) / 32); ++s)
      found.set(s, [...(found.get(s) || []), lane]);
  return new Map([...found].sort((a, b) => a[0] - b[0]));
}

function bytesOf(access) {
  const bytes = new Set();
  for (const {offset} of access.lanes)
    for (let b = 0; b < access.bytes; ++b) bytes.add(offset + b);
  return bytes.size;
}

// Shared memory: each pass gives one word of each of 32 banks. A pass is bank -> {word, lanes}.
// 8 bytes a lane are served to half a warp after the other, 16 bytes to quarters.
const servedTogether = (bytes) => (bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8);

function passesOf(access) {
  const together = servedTogether(access.bytes);
  const passes = [];
  for (let from = 0; from < WARP; from += together) {
    const banks = Array.from({length: 32}, () => new Map());
    for (const {lane, offset} of access.lanes) {
      if (lane < from || lane >= from + together) continue;
      const last = Math.floor((offset + access.bytes - 1) / 4);
      for (let word = Math.floor(offset / 4); word <= last; ++word) {
        const bank = banks[word % 32];
        bank.set(word, [...(bank.get(word) || []), lane]);
      }
    }
    const deepest = Math.max(...banks.map((bank) => bank.size));
    for (let i = 0; i < deepest; ++i)
      passes.push(banks.map((bank) => [...bank].map(([word, lanes]) => ({word, lanes}))[i] || null));
  }
  return passes;
}

function costOf(launch, access) {
  const shared = launch.memories[access.memory].role === "shared";
  const cost = shared ? passesOf(access).length : sectorsOf(access).size;
  const parts = new Set(access.lanes.map(({lane}) => Math.floor(lane / servedTogether(access.bytes))));
  return {shared, cost, least: shared ? parts.size : Math.ceil(bytesOf(access) / 32)};
}

function shown(value) {
  if (value === null) return "NaN";
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const text = String(value), short = String(Number(value.toPrecision(4)));
  return text.length <= 7 ? text : short.length <= 7 ? short : value.toExponential(1);
}

const whole = (value) => (value === null ? "NaN" : String(value));
