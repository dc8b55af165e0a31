// The learning curves: a chart of the loss and one of the errors, and what happened at which step.
"use strict";

const MARGIN = {left: 46, right: 12, top: 28, bottom: 34}, TALL = 284;
const STEP = 0, LOSS = 1, TOP1 = 2, TOP5 = 3;  // of a point

function showCurves(curves) {
  const charts = make("div", {class: "charts"}), reads = make("p", {class: "reads", "aria-live": "polite"});
  const slider = make("input", {type: "range", min: 0, max: curves.last, "aria-label": say("step"), id: "at"});
  const hasTop5 = [...curves.training, ...curves.validation].some((p) => p[TOP5] > 0);
  const events = [...curves.changes.map((c) => ({...c, kind: "change"})),
    ...curves.doctor.map((d) => ({...d, kind: "doctor"}))].sort((a, b) => a.step - b.step);
  const kinds = [["loss", [[LOSS, ""]], 1], ["error", [[TOP1, ""], ...(hasTop5 ? [[TOP5, "top5"]] : [])], 100]];
  let drawn = [];

  function draw() {
    const room = charts.clientWidth;
    drawn = kinds.map(([name, columns, times]) => chartOf(curves, name, columns, times, events, room));
    charts.replaceChildren(...drawn.map(({svg}) => svg));
    for (const {svg, stepAt} of drawn)
      svg.addEventListener("pointermove", (event) => go(stepAt(event.clientX - svg.getBoundingClientRect().left)));
    go(Number(slider.value));
  }
  function go(step) {
    step = Math.max(0, Math.min(curves.last, Math.round(step)));
    slider.value = step;
    const points = ["training", "validation"].map((name) => [name, nearest(curves[name], step)]);
    for (const {mark} of drawn) mark(step, points);
    const where = curves.steps_per_epoch
      ? say("at_epoch", {step: counted(step), epoch: (step / curves.steps_per_epoch).toFixed(2)})
      : say("at_step", {step: counted(step)});
    reads.replaceChildren(where, ...points.filter(([, p]) => p).flatMap(([name, p]) => [make("br"), say("reads", {
      name: say(name), loss: p[LOSS].toFixed(4), top1: percent(p[TOP1]), top5: percent(p[TOP5])})]));
  }
  slider.value = curves.last;
  slider.addEventListener("input", () => go(Number(slider.value)));
  addEventListener("resize", draw);
  queueMicrotask(draw);
  const swatch = {training: "--swatch: var(--write)", validation: "--swatch: var(--read)"};
  const key = (name, dash) => make("span", {style: swatch[name] + (dash ? "; --dash: dashed" : "")},
    hasTop5 ? `${say(name)}, ${say(dash ? "top5" : "top1")}` : say(name));
  const keys = ["training", "validation"].flatMap((n) => [key(n), ...(hasTop5 ? [key(n, true)] : [])]);
  const legend = make("div", {class: "key"}, ...keys);
  return [help("curves_help"), legend, charts, slider, reads, ...listed(events, go, () => drawn)];
}

function nearest(points, step) {
  const far = (p) => Math.abs(p[STEP] - step);
  return points.reduce((best, p) => (!best || far(p) < far(best) ? p : best), null);
}

function chartOf(curves, name, columns, times, events, room) {
  const wide = innerWidth > 900 ? (room - 24) / 2 : room, width = Math.max(200, wide - 2);
  const all = [...curves.training, ...curves.validation];
  const most = name === "error" ? 100 : 1.05 * Math.max(...all.map((p) => p[LOSS]), 1e-9);
  const last = Math.max(1, curves.last);
  const x = (step) => MARGIN.left + (width - MARGIN.left - MARGIN.right) * step / last;
  const y = (value) => TALL - MARGIN.bottom - (TALL - MARGIN.top - MARGIN.bottom) * value / most;
  const upright = (step) => ({x1: x(step), x2: x(step), y1: MARGIN.top, y2: TALL - MARGIN.bottom});
  const svg = make("svg", {viewBox: `0 0 ${width} ${TALL}`, height: TALL, role: "img", "aria-label": say(name)});
  for (const value of ticks(most, 5)) {
    svg.append(make("line", {class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value)}),
      make("text", {x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end"}, String(value)));
  }
  const unit = curves.steps_per_epoch || 1;
  for (const value of ticks(last / unit, 6).filter((v) => curves.steps_per_epoch || Number.isInteger(v)))
    svg.append(make("text", {x: x(value * unit), y: TALL - 18, "text-anchor": "middle"}, String(value)));
  const unitName = say(curves.steps_per_epoch ? "epoch" : "step");
  svg.append(make("text", {x: width - MARGIN.right, y: TALL - 4, "text-anchor": "end"}, unitName),
    make("text", {x: 8, y: 17}, say(name)));
  events.forEach(({step, kind}, i) => {
    if (kind === "change" && step === 0) return;
    svg.append(make("line", {class: `event ${kind}`, "data-event": i, ...upright(step)}));
  });
  for (const set of ["training", "validation"])
    for (const [column, kind] of columns) {
      const points = curves[set].map((p) => [x(p[STEP]), y(times * p[column])]);
      const d = points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
      svg.append(make("path", {class: `curve ${set} ${kind}`, d}));
      if (set === "validation" || points.length === 1)
        for (const [cx, cy] of points) svg.append(make("circle", {class: set, cx, cy, r: 3}));
    }
  const marks = make("g");
  svg.append(marks);
  return {
    svg,
    stepAt(px) {
      const at = px * width / svg.getBoundingClientRect().width - MARGIN.left;
      return last * at / (width - MARGIN.left - MARGIN.right);
    },
    mark(step, points) {
      const here = make("line", {class: "here", ...upright(step)});
      const dots = points.filter(([, p]) => p).flatMap(([set, p]) => columns.map(([column]) =>
        make("circle", {class: set, cx: x(p[STEP]), cy: y(times * p[column]), r: 5})));
      marks.replaceChildren(here, ...dots);
    },
  };
}

// Round numbers from 0 to `most`, about `count` of them.
function ticks(most, count) {
  const raw = most / count, power = 10 ** Math.floor(Math.log10(raw));
  const apart = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= raw);
  return Array.from({length: Math.floor(most / apart + 1e-9) + 1}, (_, i) => Number((i * apart).toPrecision(6)));
}

function listed(events, go, drawn) {
  const items = events.map((event, i) => {
    const button = make("button", {type: "button"}, say("at_step", {step: counted(event.step)}));
    const item = make("li", {class: event.kind}, button, ...told(event));
    button.addEventListener("click", () => go(event.step));
    const light = (on) => drawn().forEach(({svg}) =>
      svg.querySelector(`[data-event="${i}"]`)?.classList.toggle("lit", on));
    for (const [name, on] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      item.addEventListener(name, () => light(on));
    return item;
  });
  const heading = make("h3", {}, say("events"));
  return [heading, items.length ? make("ul", {class: "events"}, ...items) : help("no_events")];
}

function told(event) {
  if (event.kind === "doctor") return [`${say("doctor")}: `, make("span", {lang: "en"}, event.text)];
  const parts = [];
  if (event.lr) {
    const rates = Object.entries(event.lr).map(([group, rate]) => `${group} ${rate}`).join(", ");
    parts.push(say(event.step ? "rate_set" : "began", {rates}));
  }
  if (event.colour_noise !== undefined) parts.push(say("noise_set", {noise: event.colour_noise}));
  return [parts.join("; "), ...(event.why ? [" – ", make("span", {lang: "en"}, event.why)] : [])];
}
