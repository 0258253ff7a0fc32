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

// The graph: layers by longest way from the start (arcs that close a loop aside), a slot in every layer that a long arc
// crosses, and a few passes that put each slot near its neighbours.
const WIDE = 150, HIGH = 46, GAP_X = 130, GAP_Y = 42, PAD = 40;
let graph = null, digest = null, asking = false, before = new Map();
function layers(g) {
  const next = new Map(g.states.map(s => [s.name, []])), seen = new Map(), order = [];
  for (const a of g.arcs) if (next.has(a.from) && next.has(a.to) && a.from !== a.to) next.get(a.from).push(a.to);
  const forward = new Map(g.states.map(s => [s.name, []]));
  const roots = [...g.states].sort((a, b) => Number(b.is_start) - Number(a.is_start));
  for (const root of roots) {
    if (seen.has(root.name)) continue;
    const stack = [[root.name, 0]]; // depth first with a stack of its own: a machine may be deeper than the call stack
    seen.set(root.name, "open");
    while (stack.length) {
      const top = stack[stack.length - 1], to = next.get(top[0])[top[1]++];
      if (to === undefined) { seen.set(top[0], "done"); order.push(top[0]); stack.pop(); continue; }
      if (seen.get(to) !== "open") forward.get(top[0]).push(to);
      if (!seen.has(to)) { seen.set(to, "open"); stack.push([to, 0]); }
    }
  }
  const depth = new Map(order.map(name => [name, 0]));
  for (const name of order.reverse()) for (const to of forward.get(name)) depth.set(to, Math.max(depth.get(to), depth.get(name) + 1));
  return depth;
}
function slots(g, depth) {
  const columns = [], links = [], ways = new Map();
  const put = (layer, id) => { while (columns.length <= layer) columns.push([]); columns[layer].push(id); };
  for (const s of g.states) put(depth.get(s.name), s.name);
  for (const a of g.arcs) {
    const key = a.from + "\0" + a.to;
    if (ways.has(key) || !depth.has(a.from) || !depth.has(a.to)) continue;
    const way = [a.from];
    for (let layer = depth.get(a.from) + 1; layer < depth.get(a.to); layer++) { way.push(key + "\0" + layer); put(layer, way[way.length - 1]); }
    way.push(a.to);
    ways.set(key, way);
    for (let i = 1; i < way.length; i++) if (way[i] !== way[i - 1]) links.push([way[i - 1], way[i]]);
  }
  return {columns, links, ways};
}
function place(g) {
  const {columns, links, ways} = slots(g, layers(g)), near = new Map(), at = new Map();
  for (const [a, b] of links) { near.set(a, [...(near.get(a) || []), b]); near.set(b, [...(near.get(b) || []), a]); }
  const tallest = Math.max(1, ...columns.map(c => c.length));
  const settle = () => columns.forEach((column, layer) => column.forEach((id, i) => at.set(id, {
    layer, x: PAD + layer * (WIDE + GAP_X), y: PAD + (i + (tallest - column.length) / 2) * (HIGH + GAP_Y)})));
  settle();
  for (let pass = 0; pass < 6; pass++) for (const column of columns) {
    const wish = new Map(column.map(id => {
      const ys = (near.get(id) || []).map(other => at.get(other).y);
      return [id, ys.length ? ys.reduce((sum, y) => sum + y, 0) / ys.length : at.get(id).y];
    }));
    column.sort((a, b) => wish.get(a) - wish.get(b));
    settle();
  }
  const floor = (from, to) => Math.max(...columns.slice(from, to + 1).flat().map(id => at.get(id).y)) + HIGH;
  return {at, ways, floor, width: 2 * PAD + columns.length * (WIDE + GAP_X) - GAP_X, height: 2 * PAD + 20 + tallest * (HIGH + GAP_Y) - GAP_Y};
}
function curve(way, {at, floor}) {
  const from = at.get(way[0]), to = at.get(way[way.length - 1]);
  if (from === to) {
    const x = from.x + WIDE / 2, y = from.y;
    return {path: `M${x - 18} ${y} C${x - 30} ${y - 34} ${x + 30} ${y - 34} ${x + 18} ${y}`, x, y: y - 29};
  }
  if (to.layer <= from.layer) { // back: under everything between
    const x1 = from.x + WIDE * 0.4, x2 = to.x + WIDE * 0.6, low = floor(to.layer, from.layer) + 14;
    return {path: `M${x1} ${from.y + HIGH} C${x1} ${low + 14} ${x2} ${low + 14} ${x2} ${to.y + HIGH}`, x: (x1 + x2) / 2, y: (from.y + to.y + 2 * HIGH) / 8 + (low + 14) * 0.75 + 4};
  }
  let path = `M${from.x + WIDE} ${from.y + HIGH / 2}`, x = from.x + WIDE, y = from.y + HIGH / 2, label = null;
  for (const id of way.slice(1)) {
    const p = at.get(id), y2 = p.y + HIGH / 2, bend = (p.x - x) / 2;
    path += ` C${x + bend} ${y} ${p.x - bend} ${y2} ${p.x} ${y2}`;
    label = label || (way.length > 2 ? {x: p.x + WIDE / 2, y: y2 - 5} : {x: (x + p.x) / 2, y: (y + y2) / 2 - 4});
    if (p !== to) path += ` L${p.x + WIDE} ${y2}`;
    x = p.x + WIDE; y = y2;
  }
  return {path, ...label};
}
function machine(s) {
  if (s.machine.digest !== digest && !asking) {
    asking = true;
    fetch("graph").then(r => r.json()).then(a => { graph = a.graph; digest = a.digest; before = new Map(); machine(s); }).catch(() => {}).finally(() => { asking = false; });
  }
  if (!graph || !graph.states || !graph.states.length) return;
  const layout = place(graph), {at, width, height} = layout, counts = new Map(s.arcs.map(a => [a.from + "\0" + a.to, a.count]));
  const svg = draw("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Machine graph with record counts"});
  const marker = draw("marker", {id: "tip", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 9, markerHeight: 9, orient: "auto", markerUnits: "userSpaceOnUse"});
  marker.append(draw("path", {d: "M0 0 L8 4 L0 8 z"}));
  svg.append(marker);
  const pairs = new Map();
  for (const a of graph.arcs) pairs.set(a.from + "\0" + a.to, [...(pairs.get(a.from + "\0" + a.to) || []), a.label || ""]);
  const texts = [];
  for (const [pair, labels] of pairs) {
    if (!layout.ways.has(pair)) continue;
    const c = curve(layout.ways.get(pair), layout), count = counts.get(pair) || 0, label = labels.filter(Boolean).join(" | ");
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
