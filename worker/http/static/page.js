"use strict";
// Text from records is hostile: it reaches the page through textContent only.
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const number = new Intl.NumberFormat("en", {maximumFractionDigits: 1});
const show = value => value === null || value === undefined || value < 0 ? "–" : number.format(value);

function make(tag, text, kind) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
}
function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const short = (text, length) => text.length > length ? text.slice(0, length - 1) + "…" : text;

const GOOD = {running: "good", starting: "warn", paused: "warn", draining: "warn", halted: "bad", stopped: "bad"};
function header(s) {
  $("name").textContent = s.name;
  document.title = s.name + " · " + s.state;
  if ($("state").textContent !== s.state) $("state").textContent = s.state;
  $("state").className = "badge " + (GOOD[s.state] || "quiet");
  $("guarantee").textContent = s.guarantee;
  $("machine").textContent = `${s.machine.name} ${s.machine.version} (${short(s.machine.digest, 13)})`;
  $("uptime").textContent = "up " + duration(s.uptime_s);
}
function duration(s) {
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${Math.floor(s % 60)} s` : `${Math.floor(s)} s`;
}
function tiles(s) {
  $("tiles").replaceChildren(...Object.keys(s.totals).map(name => {
    const tile = make("div", undefined, "tile");
    const bad = name === "dead_lettered" && s.rates[name] > 0;
    tile.append(make("span", name.replace("_", " "), "quiet"), make("b", show(s.rates[name]) + " /s", bad ? "bad" : ""),
      make("span", show(s.totals[name]) + " in all", "quiet"));
    return tile;
  }));
}
let fullest = 1; // the threshold is not part of the status: bars are drawn against the fullest partition seen
function partitions(s) {
  for (const p of s.partitions) fullest = Math.max(fullest, p.in_flight);
  const rows = s.partitions.map(p => {
    const row = make("tr"), flight = make("td"), bar = make("meter", undefined, "bar");
    bar.min = 0; bar.max = fullest; bar.value = p.in_flight;
    bar.setAttribute("aria-label", "in flight");
    flight.append(bar, document.createTextNode(show(p.in_flight)));
    row.append(make("td", p.topic + ":" + p.partition), make("td", show(p.lag), "n"), make("td", show(p.lag_seconds), "n"),
      make("td", show(p.position), "n"), make("td", show(p.committed), "n"), flight, make("td", show(p.oldest_in_flight_s), "n"),
      make("td", p.paused.join(", "), "warn"));
    return row;
  });
  $("partitions").replaceChildren(...(rows.length ? rows : [emptyRow("no partition is assigned", 8)]));
}
function emptyRow(text, span) {
  const row = make("tr"), cell = make("td", text, "quiet");
  cell.colSpan = span;
  row.append(cell);
  return row;
}
function dead(s) {
  const rows = Object.entries(s.dead_letters).sort((a, b) => b[1] - a[1]).map(([reason, count]) => {
    const row = make("tr");
    row.append(make("td", reason), make("td", show(count), "n bad"));
    return row;
  });
  $("dead").replaceChildren(...(rows.length ? rows : [emptyRow("none", 2)]));
}
let errorsShown = "";
function errors(s) {
  const key = JSON.stringify(s.last_errors);
  if (key === errorsShown) return; // untouched, so that a reader can select and scroll
  errorsShown = key;
  const items = [...s.last_errors].reverse().map(e => {
    const item = make("li");
    const when = typeof e.time === "number" ? new Date(e.time * 1000).toISOString().slice(11, 19) : String(e.time ?? "");
    item.append(make("span", `${when} `, "quiet"), make("b", String(e.reason ?? ""), "bad"),
      make("span", ` ${e.state ? "in " + e.state + " " : ""}${e.topic ?? ""}:${e.partition ?? ""}:${e.offset ?? ""}`, "quiet"),
      make("code", short(String(e.message ?? ""), 2000)));
    return item;
  });
  $("errors").replaceChildren(...(items.length ? items : [make("li", "none", "quiet")]));
}

// The graph: layers by distance from the start, then a few passes that put each state near its neighbours.
const WIDE = 150, HIGH = 46, GAP_X = 130, GAP_Y = 26, PAD = 44;
let graph = null, digest = null, asking = false, before = new Map();
function layers(g) {
  const depth = new Map(), next = new Map();
  for (const a of g.arcs) next.set(a.from, [...(next.get(a.from) || []), a.to]);
  const queue = g.states.filter(s => s.is_start).map(s => s.name);
  queue.forEach(name => depth.set(name, 0));
  for (let i = 0; i < queue.length; i++)
    for (const to of next.get(queue[i]) || []) if (!depth.has(to)) { depth.set(to, depth.get(queue[i]) + 1); queue.push(to); }
  const result = [];
  for (const s of g.states) {
    const d = depth.get(s.name) ?? 0;
    while (result.length <= d) result.push([]);
    result[d].push(s.name);
  }
  return result.filter(layer => layer.length);
}
function place(g) {
  const columns = layers(g), tallest = Math.max(1, ...columns.map(c => c.length)), at = new Map();
  const settle = () => columns.forEach((column, x) => column.forEach((name, i) => at.set(name, {
    x: PAD + x * (WIDE + GAP_X), y: PAD + (i + (tallest - column.length) / 2) * (HIGH + GAP_Y), layer: x})));
  settle();
  for (let pass = 0; pass < 4; pass++) {
    for (const column of columns) {
      const wish = name => {
        const ys = g.arcs.filter(a => a.from !== a.to && (a.from === name || a.to === name)).map(a => at.get(a.from === name ? a.to : a.from)).filter(Boolean).map(p => p.y);
        return ys.length ? ys.reduce((sum, y) => sum + y, 0) / ys.length : at.get(name).y;
      };
      const wishes = new Map(column.map(name => [name, wish(name)]));
      column.sort((a, b) => wishes.get(a) - wishes.get(b));
    }
    settle();
  }
  return {at, width: 2 * PAD + columns.length * (WIDE + GAP_X) - GAP_X, height: 2 * PAD + tallest * (HIGH + GAP_Y) - GAP_Y};
}
function curve(from, to) {
  if (from === to) {
    const x = from.x + WIDE / 2, y = from.y;
    return {path: `M${x - 18} ${y} C${x - 30} ${y - 34} ${x + 30} ${y - 34} ${x + 18} ${y}`, x, y: y - 28};
  }
  if (to.layer > from.layer) {
    const x1 = from.x + WIDE, y1 = from.y + HIGH / 2, x2 = to.x, y2 = to.y + HIGH / 2, bend = (x2 - x1) / 2;
    // An arc over several layers bows out, so that it does not run through the states between.
    const bow = to.layer - from.layer > 1 ? -(HIGH + GAP_Y) * 0.8 : 0;
    return {path: `M${x1} ${y1} C${x1 + bend} ${y1 + bow} ${x2 - bend} ${y2 + bow} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 + bow * 0.75 - 4};
  }
  const x1 = from.x + WIDE / 2, y1 = from.y + HIGH, x2 = to.x + WIDE / 2 + 12, y2 = to.y + HIGH, low = Math.max(y1, y2) + 34;
  if (to.layer === from.layer) {
    const down = to.y > from.y, a = down ? y1 : from.y, b = down ? to.y : y2;
    return {path: `M${x1} ${a} C${x1 + 40} ${(a + b) / 2} ${x1 + 40} ${(a + b) / 2} ${x2} ${b}`, x: x1 + 36, y: (a + b) / 2};
  }
  return {path: `M${x1} ${y1} C${x1} ${low} ${x2} ${low} ${x2} ${y2}`, x: (x1 + x2) / 2, y: low - 8};
}
function machine(s) {
  if (s.machine.digest !== digest && !asking) {
    asking = true;
    fetch("graph").then(r => r.json()).then(a => { graph = a.graph; digest = a.digest; before = new Map(); }).catch(() => {}).finally(() => { asking = false; });
  }
  if (!graph || !graph.states || !graph.states.length) return;
  const {at, width, height} = place(graph), counts = new Map(s.arcs.map(a => [a.from + "\0" + a.to, a.count]));
  const svg = draw("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Machine graph with record counts"});
  const marker = draw("marker", {id: "tip", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 9, markerHeight: 9, orient: "auto", markerUnits: "userSpaceOnUse"});
  marker.append(draw("path", {d: "M0 0 L8 4 L0 8 z"}));
  svg.append(marker);
  const pairs = new Map();
  for (const a of graph.arcs) pairs.set(a.from + "\0" + a.to, [...(pairs.get(a.from + "\0" + a.to) || []), a.label || ""]);
  const texts = [];
  for (const [pair, labels] of pairs) {
    const [from, to] = pair.split("\0").map(name => at.get(name));
    if (!from || !to) continue;
    const c = curve(from, to), count = counts.get(pair) || 0, label = labels.filter(Boolean).join(" | ");
    const arc = draw("path", {d: c.path, "marker-end": "url(#tip)", class: count > (before.get(pair) ?? count) ? "arc hot" : "arc"});
    arc.append(draw("title", {}, `${pair.replace("\0", " → ")}: ${count}${label ? " · " + label : ""}`));
    svg.append(arc);
    texts.push(draw("text", {x: c.x, y: c.y, class: "label"}, (label ? short(label, 16) + " · " : "") + show(count)));
  }
  before = counts;
  for (const state of graph.states) {
    const p = at.get(state.name), kind = state.is_end ? (["error", "drop"].includes(state.outcome) ? state.outcome : "end") : "";
    const node = draw("g", {class: `node ${kind} ${state.is_start ? "start" : ""}`});
    node.append(draw("rect", {x: p.x, y: p.y, width: WIDE, height: HIGH, rx: 7}), draw("text", {x: p.x + WIDE / 2, y: p.y + 19}, short(state.name, 20)),
      draw("text", {x: p.x + WIDE / 2, y: p.y + 36, class: "count"}, show(s.states[state.name] || 0)), draw("title", {}, state.name));
    svg.append(node);
  }
  svg.append(...texts);
  $("graph").replaceChildren(svg);
}

const source = new EventSource("events");
source.onmessage = event => {
  const s = JSON.parse(event.data);
  for (const part of [header, tiles, machine, partitions, dead, errors]) part(s);
};
source.onerror = () => { $("state").textContent = "unreachable"; $("state").className = "badge bad"; };
