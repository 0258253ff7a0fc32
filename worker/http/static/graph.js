// The machine's graph: places come from the worker, built once for a machine, then only numbers and colours change.
const FAILING = new Set(["error"]);
let drawing = null; // {digest, nodes, arcs, plane, width, height}

function build(answer) {
  const {layout, graph} = answer, plane = make("div", "plane");
  plane.style.width = layout.width + "px";
  plane.style.height = layout.height + "px";
  plane.setAttribute("aria-hidden", "true");
  const wires = draw("svg", {width: layout.width, height: layout.height});
  wires.append(tips());
  plane.append(wires);
  const outcomes = new Map(graph.states.map(state => [state.name, state.is_end ? state.outcome || "output" : ""]));
  const arcs = layout.arcs.map(arc => wire(arc, FAILING.has(outcomes.get(arc.to)), wires, plane));
  const nodes = graph.states.map(state => node(state, layout.states[state.name], outcomes.get(state.name), plane));
  $("graph").replaceChildren(plane);
  drawing = {digest: answer.digest, nodes, arcs, plane, width: layout.width, height: layout.height};
  fit();
  const first = graph.states.find(state => state.is_start);
  if (first) $("graph").scrollTop = layout.states[first.name][1] - $("graph").clientHeight / 2;
}

function tips() {
  const defs = draw("defs", {});
  for (const kind of ["", "hot", "failing"]) {
    const marker = draw("marker", {id: "tip" + kind, viewBox: "0 0 7 8", refX: 0.5, refY: 4, markerWidth: 7, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse"});
    marker.append(draw("path", {d: "M0 0 L7 4 L0 8 z", class: "tip " + kind}));
    defs.append(marker);
  }
  return defs;
}

function placed(made, [x, y, width, height], plane) {
  Object.assign(made.style, {left: x + "px", top: y + "px", width: width + "px", height: height + "px"});
  plane.append(made);
  return made;
}

function wire(arc, failing, wires, plane) {
  const path = draw("path", {d: arc.path, class: "line"}), label = make("div", "label"), when = arc.labels.join(" | ");
  if (when) label.append(make("span", "", fitted(when, arc.box[2] - 10, "11.5px")));
  label.append(make("span"));
  wires.append(path);
  placed(label, arc.box, plane);
  return {...arc, key: arc.from + "\0" + arc.to, when, failing, line: path, label, number: label.lastElementChild};
}

function node(state, box, outcome, plane) {
  const made = placed(make("div", "node"), box, plane);
  made.append(make("b", "", fitted(state.name, box[2] - 20, "600 14px")), make("span", "quiet"), make("span", "bad"));
  return {name: state.name, kind: `node ${outcome}${state.is_start ? " start" : ""}`, outcome, box: made};
}

// A graph a little too wide is made smaller, a much too wide one is scrolled.
function fit() {
  if (!drawing) return;
  const scale = Math.min(1, Math.max(0.75, $("graph").clientWidth / drawing.width));
  drawing.plane.style.transform = `scale(${scale})`;
  drawing.plane.style.marginLeft = scale < 1 ? "0" : "auto";
  drawing.plane.style.marginRight = scale < 1 ? drawing.width * (scale - 1) + "px" : "auto";
  drawing.plane.style.marginBottom = drawing.height * (scale - 1) + "px";
}

function flow(s, more) {
  if (!drawing || drawing.digest !== s.machine.digest) return;
  const rates = new Map(more.arcs.map(a => [a.from + "\0" + a.to, a.rate])), counts = new Map(s.arcs.map(a => [a.from + "\0" + a.to, a.count]));
  for (const arc of drawing.arcs) arcNumbers(arc, counts.get(arc.key) || 0, rates.get(arc.key) || 0);
  for (const each of drawing.nodes) nodeNumbers(each, own(s.states, each.name) || 0, own(more.states, each.name) || 0, own(more.failures, each.name));
  if ($("numbers").open) flows();
}

function arcNumbers(arc, total, now) {
  const failing = arc.failing && total > 0, kind = now > 0 ? failing ? "failing" : "hot" : "";
  arc.total = total;
  arc.rate = now;
  mark(arc.line, "line" + (arc.back ? " back" : "") + (now > 0 ? " hot" : "") + (failing ? " failing" : ""));
  arc.line.setAttribute("marker-end", `url(#tip${kind || (failing ? "failing" : "")})`);
  write(arc.number, total ? `${count(total)} · ${rate(now)}` : "0");
  mark(arc.number, failing ? "bad" : now > 0 ? "hot" : "");
  arc.label.title = `${arc.from} → ${arc.to}${arc.when ? ", when " + arc.when : ""}: ${arc.number.textContent}`;
}

function nodeNumbers(each, total, now, failures) {
  const [, numbers, failing] = each.box.children, isError = each.outcome === "error";
  each.total = total;
  each.rate = now;
  each.failed = failures ? failures.count : 0;
  write(numbers, `${count(total)} · ${rate(now)}`);
  write(failing, each.failed && !isError ? `✕ ${count(each.failed)} failed · ${rate(failures.rate)}` : "");
  mark(each.box, each.kind + (each.failed && !isError ? " failing" : ""));
  mark(numbers, isError && total ? "bad" : "quiet");
  each.box.title = `${each.name}: ${numbers.textContent} ${failing.textContent}`;
}

function flows() {
  const items = drawing.nodes.flatMap(each => [{...each, key: "s" + each.name, title: each.name, when: each.outcome && "end: " + each.outcome},
    ...drawing.arcs.filter(arc => arc.from === each.name).map(arc => ({...arc, key: "a" + arc.key, title: "→ " + arc.to, kind: "arc"}))]);
  const start = item => row(item.title, ["name quiet", "n", "n", "n bad"], item.kind === "arc" ? "arc" : "");
  rows($("flows"), items, start, (made, item) => {
    const texts = [item.when || "", count(item.total), rate(item.rate), item.failed ? count(item.failed) : ""];
    texts.forEach((text, i) => write(made.children[i + 1], text));
    made.children[1].title = texts[0];
  }, "no states");
}

addEventListener("resize", fit);
$("numbers").addEventListener("toggle", () => { if (drawing) flows(); });
