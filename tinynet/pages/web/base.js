// What every page begins with: its data, its words, and the colours of base.css for its canvases.
"use strict";

const PAGE = JSON.parse(document.getElementById("recorded").textContent);
const WORDS = PAGE.words;
const get = (id) => document.getElementById(id);

// say("lanes_n", {n: 3}): the words of the page, with numbers put into them; of "lanes_n_1" if n is 1.
function say(key, values = {}) {
  const word = (values.n === 1 && WORDS[`${key}_1`]) || WORDS[key];
  return word.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const theme = {};  // the colours of base.css, as they are now

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "panel", "ink", "muted", "rule", "cell", "tone", "step", "read", "write", "atomic",
                      "on-read", "on-write", "on-atomic", "trail-read", "trail-write", "alarm"])
    theme[name] = style.getPropertyValue(`--${name}`).trim();
}

// Calls `render` whenever the colours change: by the button, or by the system.
function followTheme(render) {
  const changed = () => (readTheme(), render());
  get("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  readTheme();
}

// A canvas of this size in CSS pixels, sharp on any screen.
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  return pen;
}
