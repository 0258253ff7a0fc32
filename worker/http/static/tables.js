// Partitions, dead letters and the last errors.
const PAUSES = {
  backpressure: "too much is in flight: it waits for acknowledgements", retry: "a delivery failed: it is tried again",
  breaker: "too many records failed: the breaker is open", operator: "paused by an operator", quarantine: "a key is held back",
};
let limits = null, errorsShown = "";

function partitions(s) {
  const items = s.partitions.map(p => ({...p, key: p.topic + ":" + p.partition}));
  items.sort((a, b) => a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition);
  rows($("partitions"), items, startPartition, fillPartition, "no partition is assigned");
  const lag = items.reduce((sum, p) => sum + Math.max(0, p.lag), 0), paused = items.filter(p => p.paused.length).length;
  write($("parts-sum"), `${items.length} assigned, ${count(lag)} records behind` + (paused ? `, ${paused} paused` : ""));
}

function startPartition(item) {
  const made = row(item.key, ["n", "n", "", "", "n", "n", "n"]), bar = make("span", "bar");
  bar.append(make("i"));
  made.firstElementChild.replaceChildren(make("span", "topic", item.topic), ":" + item.partition);
  made.children[3].append(bar, make("span"));
  return made;
}

function fillPartition(made, p) {
  const [, lag, behind, flight, paused, oldest, position, committed] = made.children;
  write(lag, count(p.lag));
  write(behind, p.lag > 0 ? duration(p.lag_seconds) : "–");
  write(oldest, p.in_flight ? duration(p.oldest_in_flight_s) : "–");
  write(position, count(p.position));
  write(committed, count(p.committed));
  inFlight(flight, p);
  const reasons = p.paused.join(" ");
  if (paused.dataset.reasons === reasons) return;
  paused.dataset.reasons = reasons;
  paused.replaceChildren(...p.paused.map(pauseBadge));
}

function inFlight(cell, p) {
  const [bar, text] = cell.children;
  const share = limits ? Math.min(1, Math.max(p.in_flight / limits.records, p.in_flight_bytes / limits.bytes)) : 0;
  mark(bar, "bar" + (share >= 1 ? " full" : limits && share > limits.resume_ratio ? " high" : ""));
  bar.firstElementChild.style.width = (share * 100).toFixed(1) + "%";
  write(text, p.in_flight ? `${count(p.in_flight)} · ${size(p.in_flight_bytes)} · ${(share * 100).toFixed(0)} %` : "0");
  if (limits) cell.title = `a partition pauses at ${count(limits.records)} records or ${size(limits.bytes)}`;
}

function pauseBadge(reason) {
  const badge = make("span", "badge warn", reason);
  if (Object.hasOwn(PAUSES, reason)) badge.title = PAUSES[reason];
  return badge;
}

function dead(s) {
  const items = Object.entries(s.dead_letters).map(([key, records]) => ({key, records})).sort((a, b) => b.records - a.records);
  const all = items.reduce((sum, item) => sum + item.records, 0);
  rows($("dead"), items, item => row(item.key, ["n bad", "n quiet"]), (made, item) => {
    write(made.children[1], count(item.records));
    write(made.children[2], (item.records / all * 100).toFixed(0) + " %");
  }, "none");
}

function errors(s) {
  const newest = JSON.stringify(s.last_errors);
  if (newest === errorsShown || $("hold").checked) return; // untouched, so that a reader can select and scroll
  errorsShown = newest;
  const items = [...s.last_errors].reverse().map(errorItem);
  $("errors").replaceChildren(...(items.length ? items : [make("li", "quiet", "none")]));
}

function errorItem(e) {
  const item = make("li"), when = typeof e.time === "number" ? new Date(e.time * 1000) : null, time = make("time", "quiet");
  if (when && !Number.isNaN(when.getTime())) {
    time.textContent = when.toLocaleTimeString([], {hour12: false});
    time.dateTime = time.title = when.toISOString();
  }
  item.append(time, make("b", "bad", String(e.reason ?? "")));
  if (e.state) item.append(make("span", "", "in " + e.state));
  if (e.topic) item.append(make("span", "quiet", `${e.topic}:${e.partition}:${e.offset}`));
  item.append(make("code", "", String(e.message ?? "").slice(0, 2000)));
  return item;
}
