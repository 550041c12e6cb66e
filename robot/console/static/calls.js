// Calls that were made, the newest first; and a call to one number now.

import { address, ask } from "/static/api.js";
import { badge, button, clock, form, h, notice, when, words } from "/static/dom.js";
import { go } from "/static/main.js";

const OUTCOMES = ["completed", "interested", "not_interested", "callback", "transferred", "do_not_call", "voicemail", "voicemail_left",
  "no_answer", "busy", "rejected", "invalid_number", "unreachable", "no_speech", "hung_up", "failed", "unknown"];

export function showCalls(place) {
  place.className = "wide";
  const asked = new URLSearchParams(location.search), body = h("tbody"), empty = h("p", { class: "empty" }, "Looking …");
  const campaign = h("select", { name: "campaign", "aria-label": "Campaign" }, h("option", { value: "" }, "All campaigns"));
  const outcome = h("select", { name: "outcome", "aria-label": "Outcome" }, h("option", { value: "" }, "All outcomes"),
    OUTCOMES.map((name) => h("option", { value: name }, words(name))));
  const since = h("input", { type: "date", name: "since", "aria-label": "From this day on" });
  const until = h("input", { type: "date", name: "until", "aria-label": "Up to this day" });
  const more = button("Show more", () => load(false), { hidden: true });
  const fields = { campaign, outcome, since, until };
  let next = null;

  const table = h("table", { class: "rows calls" }, h("caption", { class: "unseen" }, "Calls, the newest first"),
    h("thead", {}, h("tr", {}, ["Began", "Number", "Campaign", "Outcome", "Picked up", "Talk", "Hangup cause"].map((name) => h("th", { scope: "col" }, name)))), body);
  place.append(h("div", { class: "title" }, h("h1", {}, "Calls"), h("div", { class: "filters" }, Object.values(fields)),
    h("div", { class: "buttons" }, button("Call a number", order, { class: "primary" }))), table, empty, h("p", { class: "more" }, more));

  async function load(anew) {
    const query = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
    if (anew) history.replaceState(null, "", address("/calls", query));
    const page = await ask("GET", address("/api/calls", { ...query, cursor: anew ? null : next }));
    next = page.next;
    const rows = page.calls.map(row);
    if (anew) body.replaceChildren(...rows);
    else body.append(...rows);
    more.hidden = !next;
    table.hidden = !body.children.length;
    empty.hidden = !table.hidden;
    empty.textContent = "No calls.";
  }

  function row(call) {
    const outcome = call.outcome === null ? h("span", { class: "badge strong" }, "goes on") : badge(call.outcome);
    return h("tr", {}, h("td", { class: "began" }, when(call.created_at)),
      h("th", { scope: "row" }, h("a", { href: `/calls/${call.uuid}` }, call.number ?? "withheld"), call.direction === "incoming" ? h("span", { class: "note" }, " called in") : ""),
      h("td", {}, call.campaign ?? "none"), h("td", {}, outcome), h("td", {}, call.amd ?? ""),
      h("td", { class: "time" }, call.talk_ms === null ? "" : clock(call.talk_ms / 1000)), h("td", { class: "note" }, words(call.hangup_cause ?? "").toLowerCase()));
  }

  async function order() {
    const { files } = await ask("GET", "/api/campaigns");
    const key = crypto.randomUUID?.() ?? String(Math.random()); // pressed twice it is the same call
    const dialog = h("dialog", { onclose: () => dialog.remove() }, h("h2", {}, "Call a number now"),
      form({ class: "fields" }, async (given) => {
        const answer = await fetch("/api/calls", { method: "POST", body: JSON.stringify(given), headers: { "content-type": "application/json", "idempotency-key": key } });
        const told = await answer.json();
        if (!answer.ok) throw new Error(told.detail);
        dialog.close();
        notice("It is being placed.");
        go(`/calls/${told.uuid}`);
      }, h("label", { class: "long" }, "Number", h("input", { name: "number", type: "tel", required: true, autocomplete: "off", placeholder: "+33140000001" })),
      h("label", { class: "long" }, "Campaign", h("select", { name: "campaign", required: true }, files.map((name) => h("option", {}, name)))),
      h("p", { class: "hint" }, "At once, whatever the hours are there. Numbers on the do-not-call list are not called."),
      h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, "Call"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  async function begin() {
    const { campaigns } = await ask("GET", "/api/campaigns");
    campaign.append(...campaigns.map(({ name }) => h("option", { value: name }, name)));
    for (const [name, field] of Object.entries(fields)) {
      field.value = asked.get(name) ?? "";
      field.addEventListener("change", () => load(true).catch((error) => notice(error.message, true)));
    }
    await load(true);
  }

  begin().catch((error) => { empty.textContent = error.message; });
}
