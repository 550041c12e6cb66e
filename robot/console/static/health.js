// How the robot is: FreeSWITCHes, recognition, database, the loop.

import { chartPlace, lines } from "/static/chart.js";
import { count, h, lasting, plural, took, when, write } from "/static/dom.js";

const KEPT = 300; // looks, one a second

// Kept while the console is open, so that coming back to the page does not begin anew.
const seen = { at: [], lag: [], worst: [], loop: [] };

export function showHealth(place, live) {
  const lagPlace = chartPlace("Time from the end of an utterance to its text, of the last minutes"), loopPlace = chartPlace("How late the loop was, of the last minutes");
  const top = h("ul", { class: "tiles" }), switches = h("section", { class: "card" }), recognition = h("dl", { class: "figures" }), database = h("section", { class: "card" });
  const robot = h("p", { class: "hint" }), loop = h("dl", { class: "figures" });
  place.append(h("div", { class: "title" }, h("h1", {}, "Health")), robot, top,
    h("div", { class: "two" }, switches, database,
      h("section", { class: "card" }, h("h2", {}, "Speech recognition"), recognition, lagPlace),
      h("section", { class: "card" }, h("h2", {}, "Loop of the calls"), loop, loopPlace)));
  const lagChart = lines(lagPlace, ["median", "slowest 5 %"], () => [seen.at, seen.lag, seen.worst], " ms");
  const loopChart = lines(loopPlace, ["latest"], () => [seen.at, seen.loop], " ms");

  const light = (good, yes, no) => h("span", { class: `badge ${good ? "good" : "bad"}` }, good ? yes : no);
  const figures = (pairs) => pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  const tile = (name, good, text) => h("li", { class: good ? "" : "bad" }, h("span", {}, name), h("b", {}, text));

  function draw() {
    const health = live.health;
    if (!health) return;
    const { switches: nodes, recognition: heard, database: stored } = health, up = nodes.filter((node) => node.connected).length;
    write(robot, `${health.robot}, version ${health.version}, for ${lasting((Date.now() - Date.parse(health.started_at)) / 1000)}, since ${when(health.started_at)}`);
    top.replaceChildren(tile("FreeSWITCH", up === nodes.length, `${up} of ${nodes.length} up`), tile("Database", stored.up, stored.up ? "up" : "away"),
      tile("Recognition lag", (heard.lag_ms ?? 0) < 1500 && !heard.hanging, took(heard.lag_ms)), tile("Loop delay", health.loop_delay_ms < 50, took(health.loop_delay_ms)),
      tile("Calls", true, count(health.calls)));
    switches.replaceChildren(h("h2", {}, "FreeSWITCH"), ...nodes.map((node) => h("div", { class: "node" },
      h("p", {}, h("b", {}, node.name), " ", light(node.connected, "up", "away")),
      h("dl", { class: "figures" }, figures([["Calls", count(node.calls)], ["Room for", count(node.free)], ["Links lost", count(node.connections_lost)], ["Events unread", count(node.unread)]])),
      Object.keys(node.gateways).length ? h("p", { class: "gateways" }, Object.entries(node.gateways).map(([name, good]) => h("span", { class: `badge ${good ? "good" : "bad"}` }, `${name} ${good ? "up" : "down"}`))) : h("p", { class: "hint" }, "It has not told its gateways."))));
    recognition.replaceChildren(...figures([["Workers busy", `${heard.busy} of ${heard.workers}`], ["Waiting", count(heard.waiting)], ["Lag, median", took(heard.lag_ms)], ["Slowest 5 %", took(heard.lag_p95_ms)],
      ["Real-time factor", heard.real_time_factor === null ? "–" : heard.real_time_factor.toFixed(2)], ["Failed", count(heard.failed + heard.timed_out)]]));
    if (heard.hanging) recognition.append(...figures([["Hanging", plural(heard.hanging, "worker")]]));
    database.replaceChildren(h("h2", {}, "Database"), h("p", {}, h("code", {}, stored.address), " ", light(stored.up, "up", "away")),
      stored.up ? "" : h("p", { class: "why wait" }, "What happens in calls is kept on the disk; nobody is called until it is back."),
      h("dl", { class: "figures" }, figures([["Last operation", took(stored.last_ms)], ["Waiting", count(stored.waiting_operations)], ["Not written yet", count(stored.waiting_facts)],
        ["Webhooks waiting", health.waiting_webhooks === null ? "–" : count(health.waiting_webhooks)]])));
    loop.replaceChildren(...figures([["Latest, of 5 s", took(health.loop_delay_ms)], ["Audio streams", count(health.open_streams)]]));
  }

  function tick() {
    const health = live.health;
    if (!health || !live.connected) return;
    seen.at.push(Math.floor(Date.now() / 1000));
    seen.lag.push(health.recognition.lag_ms);
    seen.worst.push(health.recognition.lag_p95_ms);
    seen.loop.push(health.loop_delay_ms);
    for (const each of Object.values(seen)) if (each.length > KEPT) each.shift();
    lagChart.setData([seen.at, seen.lag, seen.worst]);
    loopChart.setData([seen.at, seen.loop]);
  }

  draw();
  return { changed: ({ health }) => { if (health.size) draw(); }, tick, gone: () => { lagChart.destroy(); loopChart.destroy(); } };
}
