// The header, the notices and the rates with their last minutes.
const STATES = {running: "good", starting: "warn", paused: "warn", draining: "warn", halted: "bad", stopped: "bad"};
const TILES = {consumed: "consumed", produced: "produced", dead_lettered: "dead-lettered", dropped: "dropped", retried: "retried", lag: "lag"};
const SHORTEST = 60, LONGEST = 300; // seconds that a sparkline shows
let samples = [];

function header(s) {
  write($("name"), s.name);
  document.title = `${s.name} · ${s.state}`;
  write($("state"), s.state);
  mark($("state"), "badge " + (own(STATES, s.state) || "quiet"));
  write($("guarantee"), s.guarantee.replaceAll("_", " "));
  write($("machine"), `${s.machine.name} ${s.machine.version}`);
  $("machine").title = "digest " + s.machine.digest;
  write($("uptime"), "up " + duration(Math.floor(s.uptime_s)));
}

function notices(more) {
  const why = [];
  if (more.unready) why.push("not ready: " + more.unready);
  if (more.breaker !== "closed") why.push("the breaker is " + more.breaker.replace("_", " "));
  write($("why"), why.join("; "));
  $("why").hidden = !why.length;
}

// A worker that was started again remembers nothing: what this page saw before stays.
function remember(history) {
  if (history.length) samples = [...samples.filter(each => each.t < history[0].t), ...history];
  while (samples.length && samples[0].t < samples[samples.length - 1].t - LONGEST) samples.shift();
}

function tiles(s) {
  if (!$("tiles").children.length) $("tiles").append(...Object.entries(TILES).map(([name, title]) => tile(name, title)));
  const lag = s.partitions.reduce((sum, p) => sum + Math.max(0, p.lag), 0);
  for (const each of $("tiles").children) {
    const name = each.dataset.name, isLag = name === "lag", values = samples.map(sample => sample[name]);
    const peak = Math.max(isLag ? lag : s.rates[name], ...values);
    mark(each, "tile" + (name === "dead_lettered" && peak > 0 ? " failing" : ""));
    write(each.children[1], isLag ? count(lag) : rate(s.rates[name]));
    spark(each.children[2], values, peak);
    write(each.children[3], isLag ? `peak ${count(peak)}` : `${count(s.totals[name])} in all, peak ${rate(peak)}`);
  }
}

function tile(name, title) {
  const made = make("div", "tile"), box = draw("svg", {class: "spark", viewBox: "0 0 300 34", preserveAspectRatio: "none", "aria-hidden": "true"});
  made.dataset.name = name;
  box.append(draw("path", {class: "under"}), draw("path", {class: "floor", d: "M0 33.5 H300"}), draw("path", {class: "now"}));
  made.append(make("span", "quiet", title), make("b"), box, make("small"));
  return made;
}

function spark(box, values, peak) {
  const last = samples.length ? samples[samples.length - 1].t : 0, height = peak > 0 ? 30 / peak : 0;
  const span = samples.length ? Math.max(SHORTEST, last - samples[0].t) : SHORTEST;
  let line = "", under = "", before = null;
  samples.forEach((sample, i) => {
    const x = (300 * (1 - (last - sample.t) / span)).toFixed(1), y = (33 - values[i] * height).toFixed(1);
    const gap = before === null || sample.t - before > 5;
    if (gap && before !== null) under += ` V33 Z`;
    line += (gap ? " M" : " L") + x + " " + y;
    under += (gap ? ` M${x} 33 L` : " L") + x + " " + y;
    before = sample.t;
  });
  box.children[0].setAttribute("d", under ? under + " V33 Z" : "");
  box.children[2].setAttribute("d", line);
}
