// All put together: which launch, block, warp and frame is shown; keys, slider, clicks.
"use strict";

const now = {launch: 0, block: 0, warp: 0, at: 0, hovered: null, finding: null, playing: null};
let launch, frames, runs, phases, scale, boxes, layouts, figures;

// ------------------------------------------------------------ choosing

function choose({launch: number = now.launch, block, warp, at}) {
  if (launch !== PAGE.launches[number]) {
    launch = PAGE.launches[number];
    now.launch = number;
    layouts = launch.memories.map(() => null);
    newLaunch();
  }
  const recorded = recordedWarps();
  if (!recorded.has(block)) block = recorded.has(now.block) ? now.block : [...recorded.keys()][0];
  const warps = recorded.get(block);
  if (!warps.includes(warp)) warp = warps.includes(now.warp) ? now.warp : warps[0];
  now.block = block;
  now.warp = warp;
  runs = launch.warps.filter((each) => each.block === block).map((each) => {
    each.frames ??= framesOf(launch, each.run);
    each.frames.warp = each.warp;
    return each.frames;
  });
  phases = phasesOf(runs);
  frames = runs[warps.indexOf(warp)];
  fill(get("block"), [...recorded.keys()].map((b) => [b, threadOf(b, launch.grid)]), block);
  fill(get("warp"), warps.map((w) => [w, String(w)]), warp);
  get("slider").max = frames.length - 1;
  go(at ?? Math.max(0, frames.findIndex((frame) => frame.access)));
}

function recordedWarps() {
  const recorded = new Map();
  for (const {block, warp} of launch.warps)
    recorded.set(block, [...(recorded.get(block) || []), warp]);
  return recorded;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  select.value = chosen;
}

function newLaunch() {
  for (const button of get("launches").children)
    button.setAttribute("aria-pressed", String(Number(button.dataset.launch) === now.launch));
  get("call").textContent = launch.call;
  now.finding = null;
  showCosts(launch);
  showFindings();
  showCounts();
  for (const about of document.querySelectorAll(".about"))
    about.hidden = Number(about.dataset.launch) !== now.launch;
  showTwin(launch.title);
  get("key_atomic").hidden = !launch.profile.some(({access}) => access === "atomic");
  figures = launch.memories.map(figureOf);
  const roles = ["in", "in, out", "out", "shared"];
  const rank = ({role, name}) => [roles.indexOf(role), launch.order.indexOf(name)];
  const order = [...launch.memories.keys()].sort((a, b) => {
    const [ra, na] = rank(launch.memories[a]), [rb, nb] = rank(launch.memories[b]);
    return ra - rb || na - nb;
  });
  get("memories").replaceChildren(...order.map((i) => figures[i]));
}

// ------------------------------------------------------------ one frame

function go(at) {
  now.at = Math.max(0, Math.min(frames.length - 1, at));
  render();
}

function render() {
  const frame = frames[now.at], first = now.warp * WARP;
  const threads = launch.block.reduce((a, b) => a * b) - first;
  const states = laneStates(frames, now.at, threads);
  const waiting = new Set(states.filter((s) => s.state === "waits").map((s) => s.line));
  waiting.delete(frame.line);
  showLines(frame.line, waiting, foundLines());
  showLanes(get("lanes"), frame, states, first, launch.block);
  get("step").textContent = say("step_of", {n: now.at + 1, of: frames.length});
  get("slider").value = now.at;
  get("sentence").textContent = sentence(frame, states);
  showCloseUp(frame.access);
  showMemories(frame.access);
  drawAround();
  clearTimeout(now.telling);  // browsers refuse a page that tells of a hundred steps a minute
  now.telling = setTimeout(tellAddress, 400);
}

function sentence(frame, states) {
  const count = (state) => states.filter((s) => s.state === state).length;
  const parts = [say("runs_line", {line: lineNumber(frame.line), n: count("on")})];
  if (count("waits")) parts.push(say("others_wait", {n: count("waits")}));
  const warps = Math.ceil(launch.block.reduce((a, b) => a * b) / WARP);
  if (frame.kind === "barrier") parts.push(say(warps > 1 ? "at_barrier" : "at_barrier_alone", {n: warps}));
  if (frame.kind === "warp") parts.push(say("at_warp"));
  if (!frame.access) return parts.join(" ");
  const {access} = frame, {shared, cost, least} = costOf(launch, access);
  const {name} = launch.memories[access.memory];
  parts.push(say(`does_${access.kind}`, {n: access.lanes.length, bytes: access.bytes, name}));
  const unit = shared ? "passes" : "sectors";
  parts.push(say(cost > least ? `${unit}_more` : `${unit}_least`, {n: cost, least}));
  if (frame.parts > 1) parts.push(say("part_of", {n: frame.part + 1, of: frame.parts}));
  return parts.join(" ");
}

function showCloseUp(access) {
  const canvas = get("closeup"), title = get("closeup_title");
  get("closeup_box").hidden = !access;
  if (!access) return;
  const memory = launch.memories[access.memory], width = get("stage").clientWidth;
  const shared = memory.role === "shared";
  title.textContent = say(shared ? "closeup_banks" : "closeup_sectors", {name: memory.name});
  if (shared) drawPasses(canvas, access, width, now.hovered);
  else drawSectors(canvas, memory, access, width, now.hovered);
}

function drawAround() {
  const width = get("stage").clientWidth, row = runs.indexOf(frames);
  scale = drawTimeline(get("timeline"), runs, phases, row, now.at, width);
  boxes = drawGrid(get("grid"), launch, recordedWarps(), now.block, now.warp, width * 0.6);
}

// ------------------------------------------------------------ keys, slider, clicks

function otherWarp(by) {
  const all = launch.warps, here = all.findIndex((w) => w.block === now.block && w.warp === now.warp);
  const next = all[(here + by + all.length) % all.length];
  choose({block: next.block, warp: next.warp});
}

function play(on) {
  clearInterval(now.playing);
  now.playing = on ? setInterval(() => (now.at + 1 < frames.length ? go(now.at + 1) : play(false)), 350) : null;
  get("play").textContent = say(on ? "pause" : "play");
  get("play").setAttribute("aria-pressed", String(on));
}

const line = (by) => {  // to the next or the last line, whatever its accesses
  let at = now.at;
  do at += by; while (at > 0 && at < frames.length - 1 && frames[at].part);
  go(at);
};
const KEYS = {
  ArrowRight: () => go(now.at + 1), ArrowLeft: () => go(now.at - 1),
  PageDown: () => go(now.at + 20), PageUp: () => go(now.at - 20),
  Home: () => go(0), End: () => go(frames.length - 1),
  ArrowDown: () => otherWarp(1), ArrowUp: () => otherWarp(-1),
  n: () => line(1), p: () => line(-1), " ": () => play(!now.playing),
};

// Whether what has the focus does something with a key itself: scroll, or be pressed.
function isTaken(key, own) {
  if (!own || own.type === "range") return false;
  if (own.tagName === "BUTTON") return key === " ";
  if (own.matches("select, pre, .scroll")) return true;
  return key !== "ArrowLeft" && key !== "ArrowRight";
}

document.addEventListener("keydown", (event) => {
  const own = event.target.closest("select, input, summary, pre, .scroll, .listing, button");
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || isTaken(event.key, own)) return;
  event.preventDefault();
  act();
});
get("slider").addEventListener("input", (event) => go(Number(event.target.value)));
get("back").addEventListener("click", () => go(now.at - 1));
get("on").addEventListener("click", () => go(now.at + 1));
get("play").addEventListener("click", () => play(!now.playing));
get("block").addEventListener("change", (event) => choose({block: Number(event.target.value)}));
get("warp").addEventListener("change", (event) => choose({warp: Number(event.target.value)}));
get("timeline").addEventListener("click", (event) => {
  const row = Math.min(runs.length - 1, Math.floor(event.offsetY / scale.row));
  const place = Math.floor((event.offsetX - scale.left) / scale.unit), places = phases.places[row];
  let at = places.findIndex((p) => p >= place);
  if (at < 0) at = places.length - 1;
  choose({warp: runs[row].warp, at});
});
get("grid").addEventListener("click", (event) => {
  const box = boxes.find(({x, y, size, tall}) => event.offsetX >= x && event.offsetX < x + size + 3 &&
    event.offsetY >= y && event.offsetY < y + tall + 3);
  if (box && recordedWarps().has(box.number)) choose({block: box.number});
});
listing.addEventListener("click", (event) => {  // to the next time that this line is run
  const row = event.target.closest(".row");
  if (!row) return;
  const wanted = Number(row.id.slice(1));
  const order = [...frames.keys()].map((i) => (now.at + 1 + i) % frames.length);
  const at = order.find((i) => frames[i].line === wanted);
  if (at !== undefined) go(at);
});
for (const name of ["mouseover", "focusin"])
  get("lanes").addEventListener(name, (event) => hover(event.target.closest(".lane")?.dataset.lane));
get("lanes").addEventListener("mouseleave", () => hover());

function hover(lane) {
  const hovered = lane === undefined ? null : Number(lane);
  if (hovered === now.hovered) return;
  now.hovered = hovered;
  const {access} = frames[now.at];
  showCloseUp(access);
  showMemories(access);
}

addEventListener("resize", () => (placeTwin(), render()));

// ------------------------------------------------------------ begin

PAGE.launches.forEach(({title}, i) => {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.launch = i;
  button.textContent = title;
  button.addEventListener("click", () => choose({launch: i}));
  get("launches").append(button);
});
get("launches").hidden = PAGE.launches.length < 2;
followTheme(render);
placeTwin();
toAddress();
addEventListener("hashchange", toAddress);

function tellAddress() {
  history.replaceState(null, "", `#${[now.launch, now.block, now.warp, now.at].join(".")}`);
}

// page.html#LAUNCH.BLOCK.WARP.FRAME is a moment, which can be passed on.
function toAddress() {
  const [number, block, warp, at] = location.hash.slice(1).split(".").map(Number);
  choose(location.hash && PAGE.launches[number] ? {launch: number, block, warp, at: at || 0} : {});
}
