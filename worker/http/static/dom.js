// Text from records is hostile: it reaches the page through textContent and title only. Nodes that stay are kept and
// written to when their text changes, so that a selection, a focus and a screen reader's place survive the seconds.
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const NUMBER = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const SMALL = new Intl.NumberFormat("en", {maximumFractionDigits: 1});
const own = (object, key) => Object.hasOwn(object, key) ? object[key] : undefined;
const known = value => typeof value === "number" && value >= 0;
const count = value => known(value) ? NUMBER.format(value) : "–";

function rate(value) {
  if (!known(value)) return "–";
  if (value > 0 && value < 0.1) return "<0.1/s";
  return (value < 10 ? SMALL : NUMBER).format(value) + "/s";
}

// The middle goes: what tells names and conditions apart is as often at their end. The whole text is the title.
const PEN = document.createElement("canvas").getContext("2d");
function fitted(text, width, font) {
  PEN.font = font + " " + getComputedStyle(document.body).fontFamily;
  const letters = [...text];
  let fits = text, most = Math.min(letters.length, 200);
  while (most > 3 && PEN.measureText(fits).width > width) {
    most--;
    fits = letters.slice(0, most >> 1).join("") + "…" + letters.slice((most >> 1) - most).join("");
  }
  return fits;
}

function duration(s) {
  if (!known(s)) return "–";
  if (s < 10) return (Number.isInteger(s) ? s : s.toFixed(1)) + " s";
  const days = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, minutes = Math.floor(s / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${Math.floor(s % 60)} s` : `${Math.floor(s)} s`;
}

function size(bytes) {
  if (bytes < 1024) return bytes + " B";
  return bytes < 1048576 ? (bytes / 1024).toFixed(0) + " KiB" : (bytes / 1048576).toFixed(1) + " MiB";
}

function make(tag, kind, text) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
}

function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, kind) {
  if (node.getAttribute("class") !== kind) node.setAttribute("class", kind);
}

// Rows of a table body, one for each item, made once and kept: `start` gives a row its cells, `fill` writes them.
function rows(body, items, start, fill, nothing) {
  const kept = body.kept || (body.kept = new Map()), wanted = new Set(items.map(item => item.key));
  for (const [key, row] of kept) if (!wanted.has(key)) { row.remove(); kept.delete(key); }
  items.forEach((item, i) => {
    if (!kept.has(item.key)) kept.set(item.key, start(item));
    const row = kept.get(item.key);
    fill(row, item);
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] || null);
  });
  while (body.children.length > items.length) body.lastElementChild.remove();
  if (!items.length) body.replaceChildren(emptyRow(nothing));
}

function emptyRow(text) {
  const row = make("tr"), cell = make("td", "quiet", text);
  cell.colSpan = 9;
  row.append(cell);
  return row;
}

function row(title, cells, kind) {
  const made = make("tr", kind), head = make("th", "name", title);
  head.scope = "row";
  head.title = title;
  made.append(head, ...cells.map(name => make("td", name)));
  return made;
}
