// The arrays of a launch, each in a figure, with what the warp has touched so far.
"use strict";

function figureOf(memory, i) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption"), canvas = document.createElement("canvas");
  const name = document.createElement("b"), note = document.createElement("span");
  name.textContent = memory.name;
  const shape = memory.shape ? `(${memory.shape.join(", ")})` : say("n_bytes", {n: memory.bytes});
  note.textContent = ` ${shape} ${memory.type} · ${say(`role_${memory.role.replace(", ", "_")}`)}`;
  const status = document.createElement("span");
  status.className = "status";
  caption.append(name, note, status);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${memory.name} ${shape}`);
  canvas.addEventListener("mousemove", (event) => tell(event, i, status));
  canvas.addEventListener("mouseleave", () => { status.textContent = ""; });
  figure.append(caption, canvas);
  return figure;
}

function showMemories(access) {
  const width = get("stage").clientWidth;
  const trail = trailOf();
  launch.memories.forEach((memory, i) => {
    const canvas = figures[i].querySelector("canvas");
    const many = memory.shape && memory.bytes / memory.itemsize > PAGE.most_drawn;
    if (!many && layouts[i]?.width !== width) layouts[i] = layoutOf(memory, width);
    const large = Boolean(many || layouts[i].wide), status = figures[i].querySelector(".status");
    figures[i].classList.toggle("touched", Boolean(access && access.memory === i));
    canvas.hidden = large;
    if (large) return void (status.textContent = say("too_large"));
    if (status.textContent === say("too_large")) status.textContent = "";  // the window has grown
    const own = access && access.memory === i ? access : null;
    drawMemory(canvas, memory, layouts[i], own, trail[i], foundElements(memory), now.hovered);
  });
}

// What this warp has touched up to here: element -> how, and what it left there.
function trailOf() {
  const trail = launch.memories.map(() => new Map());
  trail.values = launch.memories.map(() => new Map());
  for (let i = 0; i < now.at; ++i) {
    const {access} = frames[i];
    if (!access) continue;
    const memory = launch.memories[access.memory], size = memory.itemsize || 4;
    const kept = Math.min(access.bytes, MOST_KEPT);
    for (const {offset, values} of access.lanes)
      for (let b = 0; b < access.bytes; b += size) {
        const element = Math.floor((offset + b) / size), kind = trail[access.memory].get(element);
        if (kind !== "write") trail[access.memory].set(element, access.kind);
        const value = b < kept ? values[Math.floor((b * values.length) / kept)] : "?";
        trail.values[access.memory].set(element, value);
      }
  }
  return trail;
}

function tell(event, i, status) {
  const memory = launch.memories[i], element = elementAt(layouts[i], event.offsetX, event.offsetY);
  if (element === null) return void (status.textContent = "");
  const size = layouts[i].size, {access} = frames[now.at], left = trailOf().values[i].get(element);
  const value = left !== undefined ? left : memory.values ? memory.values[element] : undefined;
  const who = access && access.memory === i
    ? access.lanes.filter((l) => l.offset < (element + 1) * size && l.offset + access.bytes > element * size)
    : [];
  status.textContent = `${memory.name}[${indexOf(memory, element)}]` +
    (value !== undefined ? ` = ${shown(value)}` : "") +
    (who.length ? ` · ${say("lanes_n", {n: who.map((l) => l.lane).join(" ")})}` : "");
}
