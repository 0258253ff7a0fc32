// One stream of events, made anew whenever it ends; the page says when it has no news and forgets nothing meanwhile.
const SILENT_MS = 6000, GIVEN_UP_MS = 20000, AGAIN_MS = 2000;
let source = null, heard = Date.now(), started = Date.now(), lost = false, asking = "", status = null;

function connect() {
  if (source) source.close();
  started = Date.now();
  asking = "";
  source = new EventSource("events");
  source.onmessage = event => news(JSON.parse(event.data));
  source.addEventListener("page", event => more(JSON.parse(event.data)));
  source.onerror = () => {
    showLost();
    asking = "";
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS); // refused: the browser itself gives up
  };
}

function news(s) {
  heard = Date.now();
  if (lost) showFound();
  status = s;
  ask(s.machine.digest);
  for (const part of [header, tiles, partitions, dead, errors]) part(s);
}

function more(page) {
  notices(page);
  if (page.sample) remember([page.sample]);
  if (status) flow(status, page);
}

// Once for each connection and machine: the drawing, the limits and the minutes before.
function ask(digest) {
  if (asking === digest) return;
  asking = digest;
  fetch("graph").then(answer => answer.json()).then(answer => {
    limits = answer.limits || null;
    remember(answer.history || []);
    if (!drawing || drawing.digest !== answer.digest) build(answer);
  }).catch(() => { asking = ""; });
}

function showLost() {
  if (!lost) write($("state"), "connection lost");
  lost = true;
  mark($("state"), "badge bad");
  document.body.classList.add("stale");
  document.title = "connection lost · " + $("name").textContent;
  write($("lost"), `No answer from the worker since ${new Date(heard).toLocaleTimeString([], {hour12: false})}; the numbers are from then. Trying again.`);
  $("lost").hidden = false;
}

function showFound() {
  lost = false;
  document.body.classList.remove("stale");
  $("lost").hidden = true;
}

setInterval(() => {
  const silent = Date.now() - Math.max(heard, started);
  if (Date.now() - heard > SILENT_MS) showLost();
  if (silent > GIVEN_UP_MS) connect(); // an end that no packet told of
}, 1000);
connect();
