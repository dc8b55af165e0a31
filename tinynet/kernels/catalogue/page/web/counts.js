// What check mode has found, and all that profile mode has counted.
"use strict";

const foundLines = () =>
  now.finding ? [now.finding.line, ...now.finding.culprits.map((c) => c.line)] : [];

function foundElements(memory) {
  if (!now.finding) return [];
  const words = (element) => (memory.each ? Math.floor((element * memory.each) / 4) : element);
  return now.finding.culprits.filter((c) => c.memory === memory.name).map((c) => words(c.element));
}

function showFindings() {
  const found = launch.findings, box = get("found");
  const told = found === null ? [] : [found.length ? say("found", {n: found.length}) : say("clean")];
  const title = [...(launch.part ? [say("part_recorded")] : []), ...told].join(" ");
  get("findings").textContent = title;
  get("findings").className = found && found.length ? "bad" : "";
  box.replaceChildren(...(found || []).map((finding) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = finding.text;
    button.addEventListener("click", () => showFinding(finding));
    return button;
  }));
}

// Both lines and the element are lit; and we go to where the first of the two threads does it.
function showFinding(finding) {
  now.finding = finding;
  for (const {block: [x, y, z], thread: [tx, ty, tz], line} of finding.culprits) {
    const number = x + launch.grid[0] * (y + launch.grid[1] * z);
    const thread = tx + launch.block[0] * (ty + launch.block[1] * tz);
    const warp = Math.floor(thread / WARP);
    const run = launch.warps.find((each) => each.block === number && each.warp === warp);
    if (!run) continue;
    run.frames ??= framesOf(launch, run.run);
    const at = run.frames.findIndex((f) => f.line === line && isActive(f.lanes, thread % WARP));
    if (at >= 0) return choose({block: number, warp, at});
  }
  render();
}

// What the launch takes in all, in a line.
function showSums() {
  const add = (rows, name) => rows.reduce((sum, row) => sum + row[name], 0);
  const {runs, profile} = launch, parts = [];
  if (runs.length) {
    const n = (add(runs, "lanes") / Math.max(1, add(runs, "runs"))).toFixed(1);
    parts.push(say("sum_lanes", {lanes: n}));
  }
  for (const space of ["global", "shared"]) {
    const own = profile.filter((row) => row.space === space);
    const cost = add(own, "cost"), least = add(own, "least");
    const [many, few] = [cost, least].map((n) => n.toLocaleString("en"));
    if (own.length) parts.push(say(`sum_${space}`, {cost: many, least: few}));
  }
  get("sums").replaceChildren(...parts.map((text) => {
    const part = document.createElement("span");
    part.textContent = text;
    return part;
  }));
}

function showCounts() {
  showSums();
  const rows = (profile) => profile.map((c) => [
    lineNumber(c.line), `${say(`space_${c.space}`)} · ${say(c.access)}`, c.requests,
    (c.lanes / c.requests).toFixed(1), c.cost, c.least, (c.cost / c.requests).toFixed(2)]);
  const heads = ["head_line", "head_access", "head_requests", "head_lanes", "head_cost", "head_least",
                 "head_each"];
  fillTable(get("costs"), heads, rows(launch.profile));
  fillTable(get("runs"), ["head_line", "head_runs", "head_lanes", "head_branches", "head_parted", "head_passes"],
    launch.runs.map((r) => [lineNumber(r.line), r.runs, (r.lanes / r.runs).toFixed(1), r.branches || "", r.parted || "",
      r.passes || ""]));
  get("larger_box").hidden = !launch.larger;
  if (!launch.larger) return;
  const {layer, reduced, profile} = launch.larger;
  const but = Object.entries(reduced).map(([name, value]) => `${name} ${value}`).join(", ");
  get("larger_title").textContent = say("larger", {layer, but});
  fillTable(get("larger"), heads, rows(profile));
}

function fillTable(table, heads, rows) {
  const head = table.createTHead(), body = table.tBodies[0] || table.createTBody();
  head.replaceChildren();
  body.replaceChildren();
  const top = head.insertRow();
  for (const key of heads) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = say(key);
    top.append(cell);
  }
  for (const row of rows) {
    const line = body.insertRow();
    for (const text of row) line.insertCell().textContent = text;
  }
}

