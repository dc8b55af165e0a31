// The warp: its 32 lanes, its way through time beside the other warps of its block, the grid.
"use strict";

// ------------------------------------------------------------ lanes

// A lane is active; or it waits for others and goes on at a later frame; or it has ended; or there
// is no such thread. Of one that waits, the line where it goes on.
function laneStates(frames, at, threads) {
  const {lanes} = frames[at], waiting = {};
  let left = ~lanes;  // those that have not been met again
  for (let i = at + 1; i < frames.length && left; ++i) {
    for (const lane of lanesOf(frames[i].lanes & left)) waiting[lane] = frames[i].line;
    left &= ~frames[i].lanes;
  }
  return Array.from({length: WARP}, (_, lane) => {
    if (lane >= threads) return {state: "none"};
    if (isActive(lanes, lane)) return {state: "on"};
    return lane in waiting ? {state: "waits", line: waiting[lane]} : {state: "ended"};
  });
}

function showLanes(box, frame, states, firstThread, block) {
  const {access} = frame;
  const values = new Map((access ? access.lanes : []).map((l) => [l.lane, l.values]));
  box.replaceChildren(...states.map(({state, line}, lane) => {
    const cell = document.createElement("div");
    const touches = state === "on" && access && isActive(access.mask, lane);
    cell.className = `lane ${state} ${touches ? access.kind : ""}`;
    cell.dataset.lane = lane;
    const number = document.createElement("span"), value = document.createElement("span");
    number.className = "n";
    number.textContent = lane;
    value.className = "v";
    if (touches) value.textContent = (values.get(lane) || []).map(shown).join(" ");
    else if (state === "waits") value.textContent = `→ ${lineNumber(line)}`;
    else if (state === "ended") value.textContent = "–";
    cell.append(number, value);
    cell.title = say("lane_title", {
      thread: threadOf(firstThread + lane, block),
      state: say(`state_${state}`, {line: lineNumber(line)}),
    }) + (touches ? ` · ${(values.get(lane) || []).map(whole).join(", ")}` : "");
    return cell;
  }));
}

function threadOf(number, [x, y]) {
  return `(${number % x}, ${Math.floor(number / x) % y}, ${Math.floor(number / (x * y))})`;
}

// ------------------------------------------------------------ timeline

// The frames of each warp, cut where the block meets at a barrier: there all of them begin anew.
function phasesOf(runs) {
  const cut = runs.map((frames) => {
    const phases = [[]];
    frames.forEach((frame, i) => {
      if (frame.kind === "barrier" && frame.part === 0) phases.push([]);
      phases[phases.length - 1].push(i);
    });
    return phases;
  });
  const count = Math.max(...cut.map((phases) => phases.length));
  const starts = [0];
  for (let p = 0; p < count; ++p)
    starts.push(starts[p] + Math.max(...cut.map((phases) => (phases[p] || []).length)));
  const places = cut.map((phases) => phases.flatMap((own, p) => own.map((_, i) => starts[p] + i)));
  return {places, barriers: starts.slice(1, -1), length: starts[count]};
}

// A frame is a bar, as high as the share of lanes that run it. A dark mark: where we are. The bars
// are drawn once for a block, since there may be many.
function drawTimeline(canvas, runs, phases, current, at, width) {
  const many = runs.length > 12, tall = many ? 5 : runs.length > 3 ? 15 : 22;
  const row = tall + (many ? 2 : 4), left = 52;
  const height = runs.length * row + 4, unit = (width - left - 2) / phases.length;
  const key = [width, devicePixelRatio, theme.paper].join();
  if (phases.key !== key) {
    phases.key = key;
    phases.bars = document.createElement("canvas");
    drawBars(sized(phases.bars, width, height), runs, phases, {tall, row, left, unit, width});
  }
  const pen = sized(canvas, width, height);
  pen.drawImage(phases.bars, 0, 0, width, height);
  pen.textAlign = "left";
  runs.forEach((frames, i) => {
    if (many && i !== current && (i % 4 || Math.abs(i - current) < 2)) return;  // no room for all
    pen.fillStyle = i === current ? theme.ink : theme.muted;
    pen.font = `${i === current ? "bold " : ""}11px system-ui, sans-serif`;
    pen.fillText(say("warp_n", {n: frames.warp}), 0, Math.max(7, i * row + 2 + tall / 2));
  });
  const x = left + (phases.places[current][at] + 0.5) * unit;
  pen.strokeStyle = theme.ink;
  pen.lineWidth = 2;
  pen.strokeRect(x - Math.max(unit, 4) / 2 - 0.5, current * row + 1, Math.max(unit, 4) + 1, tall + 2);
  return {left, unit, row};
}

function drawBars(pen, runs, phases, {tall, row, left, unit, width}) {
  runs.forEach((frames, i) => {
    const top = i * row + 2;
    pen.fillStyle = theme.cell;
    pen.fillRect(left, top, width - left - 2, tall);
    frames.forEach((frame, at) => {
      const high = Math.max(1.5, (tall * lanesOf(frame.lanes).length) / WARP);
      pen.fillStyle = frame.access ? theme[frame.access.kind] : theme.step;
      const x = left + phases.places[i][at] * unit;
      pen.fillRect(x, top + tall - high, Math.max(unit - (unit > 4 ? 0.7 : 0), 0.6), high);
    });
  });
  for (const barrier of phases.barriers) {
    const x = left + barrier * unit;
    pen.fillStyle = theme.panel;
    pen.fillRect(x - 2, 0, 5, runs.length * row);
    pen.fillStyle = theme.ink;
    pen.fillRect(x - 0.5, 0, 1.5, runs.length * row);
  }
}

// ------------------------------------------------------------ grid

// Every block of the launch, small; those recorded are filled, each warp a stripe. Of a grid with
// too many blocks to draw, a box stands for `each` of them that follow each other.
function drawGrid(canvas, launch, recorded, block, warp, width) {
  const [gx, gy, gz] = launch.grid, warps = Math.ceil(launch.block.reduce((a, b) => a * b) / WARP);
  const most = Math.floor(width / 7), whole = gx <= most && gy * gz <= 20, total = gx * gy * gz;
  const each = whole ? 1 : Math.ceil(total / (most * 8)), count = Math.ceil(total / each);
  const columns = whole ? gx : Math.min(count, most), rows = Math.ceil(count / columns);
  const size = Math.max(4, Math.min(40, Math.floor(width / columns) - 3));
  const tall = Math.max(4, Math.min(rows > 4 ? 10 : 26, warps * 6));
  const pen = sized(canvas, columns * (size + 3) + 2, rows * (tall + 3) + 1);
  canvas.title = each > 1 ? say("grid_boxes", {total, each}) : say("grid_blocks", {total});
  const boxes = [];
  for (let i = 0; i < count; ++i) {
    const x = (i % columns) * (size + 3) + 1, y = Math.floor(i / columns) * (tall + 3) + 1;
    const here = block >= i * each && block < (i + 1) * each;
    pen.fillStyle = theme.cell;
    pen.fillRect(x, y, size, tall);
    const known = Array.from({length: each}, (_, k) => i * each + k).find((b) => recorded.has(b));
    if (known !== undefined && each > 1) {
      pen.fillStyle = theme.muted;
      pen.fillRect(x, y, size, tall);
    }
    for (const w of each > 1 ? [] : recorded.get(known) || []) {
      pen.fillStyle = here && w === warp ? theme.ink : theme.muted;
      const high = tall / warps;
      pen.fillRect(x, y + w * high, size, Math.max(1, high - (high > 3 ? 1 : 0)));
    }
    if (here) {
      pen.strokeStyle = theme.ink;
      pen.lineWidth = 1.5;
      pen.strokeRect(x - 0.5, y - 0.5, size + 1, tall + 1);
    }
    boxes.push({number: known, x, y, size, tall});
  }
  return boxes;
}
