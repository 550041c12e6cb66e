// The calls that go on, a row each. Rows are made once and changed where something changed: 200 of them do not stutter.

import { badge, clock, count, h, took, words, write } from "/static/dom.js";

const LINGER_MS = 5000; // a call that is over can still be opened

export function showLive(place, live) {
  place.className = "wide";
  const tiles = Object.fromEntries(["calls", "talking", "callee", "bargeIns", "reply"].map((name) => [name, h("b", {}, "–")]));
  const campaign = h("select", { "aria-label": "Campaign", onchange: filter }, h("option", { value: "" }, "All campaigns"));
  const search = h("input", { type: "search", placeholder: "Number or words", "aria-label": "Number or words", oninput: filter });
  const body = h("tbody");
  const empty = h("p", { class: "empty", hidden: true });
  const head = ["Call", "Campaign", "State", "For", "Last words", "Barge-ins", "Reply"];
  const table = h("table", { class: "rows live" },
    h("caption", { class: "unseen" }, "Calls that go on"),
    h("thead", {}, h("tr", {}, head.map((name, at) => h("th", { scope: "col", class: at > 4 ? "figure" : null }, name)))), body);
  place.append(
    h("div", { class: "title" }, h("h1", {}, "Live calls"), h("div", { class: "filters" }, campaign, search)),
    h("ul", { class: "tiles" },
      tile("Calls", tiles.calls), tile("Answered", tiles.talking), tile("Callee speaks", tiles.callee),
      tile("Barge-ins", tiles.bargeIns), tile("Median reply", tiles.reply)),
    table, empty);
  const rows = new Map();
  let fresh = false; // there is a row that does not tell its time yet

  function tile(name, value) { return h("li", {}, h("span", {}, name), value); }

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows.values()) {
      const call = row.call;
      const text = `${call.number ?? ""} ${call.said ?? ""}`.toLowerCase();
      row.element.hidden = (campaign.value && call.campaign !== campaign.value) || !text.includes(wanted);
    }
    tell();
  }

  function tell() {
    const shown = [...rows.values()].filter((row) => !row.element.hidden).length;
    table.hidden = shown === 0;
    empty.hidden = shown > 0;
    if (!live.known) write(empty, "Looking …");
    else write(empty, rows.size ? "No call is like that." : "Nobody is in a call.");
  }

  function newRow(uuid) {
    const cell = (className) => h("td", { class: className });
    const link = h("a", { href: `/calls/${uuid}` });
    const cells = { campaign: cell("campaign"), state: cell("state"), time: cell("time"), said: cell("said"), barge: cell("figure barge"), reply: cell("figure reply") };
    const element = h("tr", {}, h("th", { scope: "row" }, link), Object.values(cells));
    const who = h("b"), text = h("span");
    cells.said.append(who, text);
    return { element, link, cells, who, text, state: null, call: null };
  }

  function update(uuid) {
    const call = live.calls.get(uuid);
    let row = rows.get(uuid);
    if (!call) {
      if (row && !row.over) {
        row.over = true;
        row.element.classList.add("over");
        row.cells.state.replaceChildren(badge("ended"));
        setTimeout(() => { row.element.remove(); rows.delete(uuid); tell(); }, LINGER_MS);
      }
      return;
    }
    if (!row) {
      row = newRow(uuid);
      rows.set(uuid, row);
      fresh = true;
      body.append(row.element);
    }
    row.call = call;
    write(row.link, call.number ?? "withheld");
    write(row.cells.campaign, call.campaign);
    if (row.state !== call.state) {
      row.state = call.state;
      row.cells.state.replaceChildren(badge(call.state));
    }
    row.element.classList.toggle("callee-speaks", call.speaker === "callee");
    write(row.who, call.said ? (call.said_by === "robot" ? "Robot" : "Callee") : "");
    row.who.classList.toggle("callee", call.said_by === "callee");
    write(row.text, call.said ?? (call.active.length ? `${words(call.active.join(", "))} …` : ""));
    write(row.cells.barge, call.barge_ins ? count(call.barge_ins) : "");
    write(row.cells.reply, call.latency_ms === null ? "" : took(call.latency_ms));
    row.cells.reply.classList.toggle("slow", (call.latency_ms ?? 0) > 1500);
  }

  function figures() {
    const calls = [...live.calls.values()], sum = (what) => calls.reduce((all, call) => all + what(call), 0);
    const replies = calls.map((call) => call.latency_ms).filter((ms) => ms !== null).sort((a, b) => a - b);
    write(tiles.calls, count(calls.length));
    write(tiles.talking, count(sum((call) => call.answered_at ? 1 : 0)));
    write(tiles.callee, count(sum((call) => call.speaker === "callee" ? 1 : 0)));
    write(tiles.bargeIns, count(sum((call) => call.barge_ins)));
    write(tiles.reply, replies.length ? took(replies[replies.length >> 1]) : "–");
    const names = [...new Set(calls.map((call) => call.campaign))].sort();
    if ([...campaign.options].slice(1).map((option) => option.value).join() !== names.join() && document.activeElement !== campaign) {
      const chosen = campaign.value;
      campaign.replaceChildren(campaign.options[0], ...names.map((name) => h("option", { value: name }, name)));
      campaign.value = names.includes(chosen) ? chosen : "";
    }
  }

  function tick() {
    for (const { call, cells, over } of rows.values()) {
      if (!over) write(cells.time, call.answered_at ? clock((Date.now() - Date.parse(call.answered_at)) / 1000) : "rings");
    }
  }

  function changed({ calls }) {
    fresh = false;
    for (const uuid of calls) update(uuid);
    if (fresh) tick();
    figures();
    filter();
  }

  const begun = [...live.calls.keys()].sort((a, b) => Date.parse(live.calls.get(a).began_at) - Date.parse(live.calls.get(b).began_at));
  changed({ calls: begun });
  return { changed, tick };
}
