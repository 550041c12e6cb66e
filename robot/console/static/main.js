// Which view belongs to which address. A view is a function of (place, live, parts of the address): it draws itself into
// `place`, and gives back what is to be done after changes (`changed`), every second (`tick`) and when it goes (`gone`).

import { Live } from "/static/live.js";
import { showNav } from "/static/nav.js";
import { showCall } from "/static/call.js";
import { showCalls } from "/static/calls.js";
import { showCampaign } from "/static/campaign.js";
import { showCampaigns } from "/static/campaigns.js";
import { showDoNotCall } from "/static/do_not_call.js";
import { showHealth } from "/static/health.js";
import { showLive } from "/static/live_calls.js";

const VIEWS = [
  [/^\/$/, "Live calls", showLive],
  [/^\/campaigns$/, "Campaigns", showCampaigns],
  [/^\/campaigns\/([^/]+)$/, "Campaign", showCampaign],
  [/^\/calls$/, "Calls", showCalls],
  [/^\/calls\/([0-9a-f-]{36})$/, "Call", showCall],
  [/^\/do-not-call$/, "Do not call", showDoNotCall],
  [/^\/health$/, "Health", showHealth],
];

const place = document.getElementById("view"), nav = document.getElementById("nav");
const live = new Live(document.getElementById("standing"));
let view = {};

function show() {
  view.gone?.();
  const [match, title, draw] = VIEWS.map(([pattern, ...rest]) => [location.pathname.match(pattern), ...rest])
    .find(([match]) => match) ?? [[], "Nothing here", nothing];
  document.title = `${title} · robot`;
  showNav(nav);
  place.replaceChildren();
  place.className = "";
  const parts = [...match].slice(1).map(decodeURIComponent);
  live.follow(draw === showCall ? parts[0] : null);
  view = draw(place, live, ...parts) ?? {};
  window.scrollTo(0, 0);
}

function nothing(place) {
  place.append(Object.assign(document.createElement("p"), { className: "empty", textContent: "There is no such page." }));
}

export function go(path) {
  history.pushState(null, "", path);
  show();
  place.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const ours = link.origin === location.origin && VIEWS.some(([pattern]) => pattern.test(link.pathname));
  if (!ours || link.target || link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
addEventListener("popstate", show);
live.shown = (changed) => view.changed?.(changed);
setInterval(() => view.tick?.(), 1000);
show();
