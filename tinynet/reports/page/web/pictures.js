// Mistakes, confusion, filters, neighbours.
"use strict";

const NUMBERS = 20;  // classes of a confusion matrix in whose cells there is room for numbers

function picture(source, alt) {
  return make("img", {src: source, alt, loading: "lazy"});
}

// ------------------------------------------------------------ what it gets wrong

function showJudged(judged) {
  const {classes, counts, totals} = judged;
  const sums = [say("judged_sum", {wrong: counted(judged.wrong), images: counted(judged.images)})];
  if (classes.length < judged.of) sums.push(say("judged_most", {shown: classes.length, of: counted(judged.of)}));
  const heads = [make("th"), ...classes.map((name) => make("th", {title: name}, named(short(name))))];
  const rows = counts.map((row, i) => {
    const all = Math.max(1, totals[i]);
    return make("tr", {}, make("th", {title: classes[i]}, named(short(classes[i]))), ...row.map((n, k) => {
      const share = Math.sqrt(n / all);  // or a few mistakes would look like none
      const title = say("cell", {truth: short(classes[i]), said: short(classes[k]), n});
      const kind = `${i === k ? "right" : ""} ${share > 0.55 ? "dark" : ""}`;
      return make("td", {class: kind, title}, make("i", {style: `--share: ${(0.92 * share).toFixed(3)}`}),
        n && classes.length <= NUMBERS ? make("b", {}, counted(n)) : null);
    }));
  });
  const head = make("thead", {}, make("tr", {}, ...heads));
  const matrix = make("table", {class: "confusion"}, head, make("tbody", {}, ...rows));
  const pictures = judged.mistakes.map((m) => make("figure", {title: m.name}, picture(m.picture, m.name),
    make("figcaption", {}, say("taken", {truth: short(m.truth), said: short(m.said), p: percent(m.probability)}))));
  return [
    make("p", {class: "help"}, sums.join(" ")),
    make("h3", {}, say("confusion")), make("div", {class: "scroll", tabindex: 0}, matrix),
    make("h3", {}, say("mistakes")),
    pictures.length ? make("div", {class: "pictures"}, ...pictures) : make("p", {}, say("no_mistakes")),
  ];
}

function showNear(near) {
  const figure = (one, first) => {
    const other = one.class !== first.class;
    return make("figure", {}, picture(one.picture, one.class),
      make("figcaption", {class: other ? "other" : ""}, other ? "≠ " : "", named(short(one.class))));
  };
  const rows = near.map((first) =>
    make("div", {class: "row", tabindex: 0}, ...[first, ...first.near].map((one) => figure(one, first))));
  return [help("near_help"), ...rows];
}

// ------------------------------------------------------------ first-layer filters

function showFilters(filters) {
  const {count, kh, kw, towers, steps} = filters, each = count / towers;
  const across = Math.ceil(each / Math.ceil(each / 8)), down = Math.ceil(each / across);
  const parts = [...Array(towers).keys()].map(() => ({title: make("h3"), canvas: make("canvas")}));
  const range = {type: "range", min: 0, max: steps.length - 1};
  const slider = make("input", {...range, id: "filters_at", "aria-label": say("checkpoint")});
  const output = make("output");
  const pixels = steps.map(({pixels}) => bytesOf(pixels));
  function go(at) {
    const {step, scores} = steps[at];
    const before = say(filters.began_here ? "before_training" : "as_it_came");
    output.textContent = step ? say("after_step", {n: counted(step)}) : before;
    parts.forEach(({title, canvas}, tower) => {
      const values = {tower: "ab"[tower], n: each, score: scores[tower].toFixed(2)};
      title.textContent = say(towers > 1 ? "tower_score" : "one_tower_score", values);
      canvas.width = across * (kw + 1) - 1;
      canvas.height = down * (kh + 1) - 1;
      const pen = canvas.getContext("2d");
      for (let i = 0; i < each; ++i) {
        const picture = pen.createImageData(kw, kh), first = (tower * each + i) * kh * kw * 3;
        for (let p = 0; p < kh * kw; ++p) {
          for (let c = 0; c < 3; ++c) picture.data[4 * p + c] = pixels[at][first + 3 * p + c];
          picture.data[4 * p + 3] = 255;
        }
        pen.putImageData(picture, (i % across) * (kw + 1), Math.floor(i / across) * (kh + 1));
      }
    });
  }
  slider.value = steps.length - 1;
  slider.addEventListener("input", () => go(Number(slider.value)));
  go(steps.length - 1);
  return [
    help("filters_help"), make("label", {class: "slide"}, slider, output),
    make("div", {class: "towers"}, ...parts.map(({title, canvas}) => make("div", {}, title, canvas))),
  ];
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
