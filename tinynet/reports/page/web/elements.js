// Elements: text goes in as text, whatever a class is called.
"use strict";

// make("td", {class: "left"}, "text", element, ...)
function make(tag, attributes = {}, ...inside) {
  const svg = ["svg", "g", "path", "line", "circle", "text"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
  made.append(...inside.filter((each) => each !== null && each !== undefined));
  return made;
}

// A name from the data, which may be written from right to left.
const named = (name) => make("bdi", {}, name);

// "n01440764 tench, Tinca tinca" is "tench".
const short = (name) => name.replace(/^n\d{8} /, "").split(",")[0];

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;
const counted = (n) => Number(n).toLocaleString("en-US");

function tableOf(kind, heads, rows) {
  const head = make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", {}, h))));
  const table = make("table", {class: kind}, head, make("tbody", {}, ...rows));
  return make("div", {class: "scroll", tabindex: 0}, table);
}

const cells = (...values) => values.map((v) => (v instanceof Element ? v : make("td", {}, String(v))));

// A section of the page with what `render(part)` makes of its part; or why there is none.
function section(key, heading, render) {
  const part = PAGE[key]?.why ? null : PAGE[key], why = PAGE.missing[key] ?? PAGE[key]?.why;
  if (!part && !why) return;
  const inside = part ? render(part) : [];
  if (why) inside.push(make("p", {class: "missing"}, say("missing", {why})));
  get("main").append(make("section", {id: key}, make("h2", {}, heading), ...inside));
  get("sections").append(make("a", {href: `#${key}`}, heading));
}

const help = (key) => make("p", {class: "help"}, say(key));
