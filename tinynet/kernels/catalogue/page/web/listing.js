// The text of the kernel, with what each line costs in its margin.
"use strict";

const listing = document.getElementById("listing");

function lineElement(line) {
  return document.getElementById(`L${line}`);
}

// A row's number in its own file: those of included files follow, and begin with 1 again.
function lineNumber(line) {
  return lineElement(line)?.querySelector(".number").textContent ?? "?";
}

// Lanes of 32 that ran it on average; sectors or passes for each request of a warp.
function showCosts(launch) {
  for (const row of listing.querySelectorAll(".row")) {
    for (const name of ["lanes", "read", "write"]) row.querySelector(`.${name}`).replaceChildren();
    row.querySelector(".lanes").removeAttribute("title");
  }
  for (const {line, runs, lanes, branches, parted, passes} of launch.runs) {
    const row = lineElement(line);
    if (!row) continue;
    const bar = document.createElement("span"), cell = row.querySelector(".lanes");
    bar.className = parted ? "bar parted" : "bar";
    bar.style.width = `${Math.max(4, (100 * lanes) / runs / WARP)}%`;
    cell.append(bar);
    cell.title = say("runs_title", {runs, lanes: (lanes / runs).toFixed(1)}) +
      (branches ? ` ${say("parted_title", {branches, parted, passes})}` : "");
  }
  for (const cost of launch.profile) {
    const row = lineElement(cost.line);
    if (!row) continue;
    const cell = row.querySelector(cost.access === "read" ? ".read" : ".write");
    const number = document.createElement("span");
    number.textContent = short(cost.cost / cost.requests) + (cost.space === "shared" ? "p" : "");
    number.className = cost.cost > 1.3 * cost.least ? "dear" : "";
    number.title = say(cost.space === "shared" ? "passes_title" : "sectors_title", {
      access: say(cost.access), requests: cost.requests, cost: cost.cost, least: cost.least,
      lanes: (cost.lanes / cost.requests).toFixed(1),
    });
    cell.append(number);
  }
}

const short = (number) => (number >= 9.95 ? number.toFixed(0) : number.toFixed(1));

// The line that runs; those at which other lanes wait; those of a finding.
function showLines(line, waiting, found) {
  for (const row of listing.querySelectorAll(".now, .waits, .found"))
    row.classList.remove("now", "waits", "found");
  for (const other of waiting) lineElement(other)?.classList.add("waits");
  for (const other of found) lineElement(other)?.classList.add("found");
  const row = lineElement(line);
  if (!row) return;
  row.classList.add("now");
  const top = row.offsetTop, box = listing.getBoundingClientRect();
  const room = Math.min(box.bottom, innerHeight - 70) - box.top;  // below are the controls
  if (room < 100) return;
  if (top < listing.scrollTop + 40 || top > listing.scrollTop + room - 60)
    listing.scrollTop = top - room * 0.4;
}

// ------------------------------------------------------------ the twin beside

// On a wide screen the texts beside stand in the middle; else below.
function placeTwin() {
  const beside = document.querySelector(".beside"), wide = matchMedia("(min-width: 1560px)").matches;
  if (!beside) return;
  const bench = document.querySelector(".bench");
  bench.classList.toggle("three", wide);
  if (wide) bench.insertBefore(beside, get("stage"));
  else document.querySelector(".reading").append(beside);
}

// The function of the same name, in the text beside.
function showTwin(name) {
  for (const text of document.querySelectorAll(".twin pre")) {
    const found = [...text.children].find((line) => line.textContent.startsWith(`def ${name}(`));
    if (found) text.scrollTop = found.offsetTop - text.offsetTop - 8;
  }
}
