// All put together: facts, tables, and the sections in their order.
"use strict";

function showLayers(layers) {
  const sum = (key) => layers.reduce((all, layer) => all + layer[key], 0);
  const parameters = sum("parameters"), connections = sum("connections");
  const bar = (share) => make("span", {class: "bar-box"},
    make("span", {class: "bar", style: `width: ${Math.round(66 * share)}px`}));
  const shared = (n, of) => (n ? make("td", {}, percent(n / of), bar(n / of)) : make("td"));
  const some = (n) => (n ? counted(n) : "");
  const row = (layer, kind) => make("tr", {class: kind}, make("td", {}, layer.name),
    make("td", {class: "left"}, layer.output), make("td", {class: "left"}, layer.filters),
    ...cells(some(layer.neurons), some(layer.parameters)), shared(layer.parameters, parameters),
    ...cells(some(layer.connections), some(2 * layer.connections)), shared(layer.connections, connections));
  const total = {name: say("total"), output: "", filters: "", neurons: sum("neurons"), parameters, connections};
  const columns = "layer output filters neurons parameters share connections flops flops_share";
  const heads = columns.split(" ").map((head) => say(`head_${head}`));
  const rows = layers.map((layer) => row(layer, ""));
  return [help("layers_help"), tableOf("wide layers", heads, [...rows, row(total, "total")])];
}

function showSettings({original, rows, network}) {
  const settings = rows.map(({name, value, original: usual}) => make("tr", {class: usual === null ? "" : "differs"},
    make("td", {}, make("code", {}, name)), ...cells(value, usual ?? "")));
  const heads = [say("head_setting"), say("head_here"), say("head_original", {original})];
  const made = [tableOf("said", heads, settings)];
  if (network === null) return made;
  if (!network.length) return [...made, make("p", {class: "help"}, say("network_same", {original}))];
  const points = network.map((p) => make("tr", {lang: "en"}, ...cells(p.name, p.value, p.original),
    make("td", {class: "long"}, p.effect), make("td", {class: "long"}, p.source)));
  const pointHeads = ["", say("head_here"), say("head_original", {original}), say("head_effect"), say("head_source")];
  return [...made, make("h3", {}, say("network_differs")), tableOf("said", pointHeads, points)];
}

function showFacts({data, best}) {
  const facts = [], parameters = (PAGE.layers ?? []).reduce((all, layer) => all + layer.parameters, 0);
  if (data) facts.push(say("fact_data", {data}));
  if (parameters) facts.push(say("fact_parameters", {n: counted(parameters)}));
  if (best) facts.push(say("fact_best", {error: percent(best.error, 2), epoch: best.epoch}));
  get("facts").append(...facts.map((fact) => make("span", {}, fact)));
}

followTheme(repaintLive);
showFacts(PAGE.facts);
section("curves", say("curves"), showCurves);
section("live", say("live"), showLive);
section("judged", say("judged"), showJudged);
section("filters", say("filters"), showFilters);
section("near", say("near"), showNear);
section("layers", say("layers"), showLayers);
section("settings", say("settings", {original: PAGE.settings?.original ?? ""}), showSettings);

let resized = 0;
addEventListener("resize", () => {  // once the window has its new size
  clearTimeout(resized);
  resized = setTimeout(() => seen.values && showSheets(), 150);
});
