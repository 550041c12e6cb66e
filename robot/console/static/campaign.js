// One campaign: how it goes, its pace, its outcomes over time, its list.

import { address, ask } from "/static/api.js";
import { figures, orders, outcomes, progress, setBars } from "/static/campaigns.js";
import { chartPlace, stacked } from "/static/chart.js";
import { badge, button, count, form, h, notice, plural, when, why, words } from "/static/dom.js";

const PERIODS = [["24 hours", 1], ["7 days", 7], ["30 days", 30], ["All", null]];
const MOST_SERIES = 6;

export function showCampaign(place, live, name) {
  const path = `/api/campaigns/${encodeURIComponent(name)}`;
  const head = h("header", { class: "title" }), now = h("section", { class: "card" });
  const over = chartPlace("Calls by outcome and time"), period = h("div", { class: "choice", role: "group", "aria-label": "Time" });
  const none = h("p", { class: "empty", hidden: true }, "No calls in this time.");
  const pace = h("section", { class: "card" }), about = h("div");
  let chart = null;
  place.append(h("p", { class: "back" }, h("a", { href: "/campaigns" }, "Campaigns")), head,
    h("div", { class: "two" }, h("div", { class: "column" }, now, pace), h("div", { class: "column" },
      h("section", { class: "card" }, h("div", { class: "title small" }, h("h2", {}, "Outcomes over time"), period), over, none),
      h("section", { class: "card" }, h("h2", {}, "Its list"), importing(), h("h2", {}, "Reports"),
        h("p", { class: "links" }, link("Report", address(`${path}/report`, { format: "html" })),
          link("Counts as CSV", address(`${path}/report`, { format: "csv" })), link("Calls as CSV", address(`${path}/export`, { format: "csv" })),
          link("Calls as JSON lines", address(`${path}/export`, { format: "jsonl" }))),
        h("p", {}, h("a", { href: address("/calls", { campaign: name }) }, "Look through its calls"))))),
    h("section", { class: "card" }, h("h2", {}, "Why people are called, or not"),
      h("div", { class: "buttons" }, button("Who would be called now?", explain), button("Check the campaign", check)), about));

  function link(text, href) { return h("a", { href, target: "_blank", rel: "noopener" }, text); }

  function draw() {
    const campaign = live.campaigns.get(name);
    document.title = `${name} · robot`;
    const focused = document.activeElement?.closest("header") === head ? [...head.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    const known = campaign ?? { name, state: "stopped" };
    head.replaceChildren(h("h1", {}, name), campaign ? badge(campaign.state) : "", h("div", { class: "buttons" }, campaign || live.known ? orders(known) : []));
    head.querySelectorAll("button")[focused]?.focus();
    if (!campaign) {
      now.replaceChildren(h("p", { class: "empty" }, live.known ? "Nobody is on its list yet: import people, and start it." : "Looking …"));
      return;
    }
    now.replaceChildren(h("h2", {}, "Now"), why(campaign), progress(campaign), figures(campaign), outcomes(campaign.outcomes, 20));
    setBars(now);
  }

  async function drawOutcomes(days) {
    for (const each of period.children) each.setAttribute("aria-pressed", String(each.textContent === PERIODS.find(([, value]) => value === days)[0]));
    const since = days === null ? null : new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 16);
    const told = await ask("GET", address(`${path}/outcomes`, { since, zone: "UTC" })).catch(() => ({ times: [], counts: {} }));
    const sum = (counts) => counts.reduce((all, value) => all + value, 0);
    const ranked = Object.entries(told.counts).sort(([, a], [, b]) => sum(b) - sum(a));
    const series = ranked.slice(0, ranked.length > MOST_SERIES ? MOST_SERIES - 1 : MOST_SERIES).map(([each, counts]) => [words(each), counts]);
    const rest = ranked.slice(series.length).map(([, counts]) => counts);
    if (rest.length) series.push(["others", told.times.map((_, at) => rest.reduce((all, counts) => all + counts[at], 0))]);
    chart?.destroy();
    none.hidden = told.times.length > 0;
    over.hidden = !told.times.length;
    chart = told.times.length ? stacked(over, told.times, series, told.bucket_s) : null;
  }

  async function drawPace() {
    const told = await ask("GET", `${path}/pace`).catch(() => null);
    if (!told) {
      pace.replaceChildren(h("h2", {}, "Pace"), h("p", { class: "hint" }, "As campaign.toml says. It can be changed here when the campaign has a list."));
      return;
    }
    const field = (key, label, step) => h("label", {}, label, h("input", {
      name: key, type: "number", min: step, step: key === "max_calls" ? 1 : "any", inputmode: "decimal", value: told.changed[key],
      placeholder: told.written?.[key] ?? "no limit",
    }));
    const number = (text) => text === "" ? null : Number(text);
    pace.replaceChildren(h("h2", {}, "Pace"), form({ class: "fields" }, async (given) => {
      await ask("PATCH", `${path}/pace`, { calls_per_s: number(given.calls_per_s), max_calls: number(given.max_calls) });
      notice(`${name} has this pace within a second.`);
      await drawPace();
    }, field("calls_per_s", "Calls a second", 0.01), field("max_calls", "Calls at a time", 1), h("button", { class: "primary" }, "Change the pace")),
    h("p", { class: "hint" }, "Empty: as campaign.toml says, which is shown in grey."));
  }

  function importing() {
    return form({ class: "fields" }, async (given, element) => {
      const query = { duplicates: given.duplicates };
      const told = await ask("POST", address(`${path}/contacts`, query), given.file);
      notice(`${count(told.added)} of ${plural(told.rows, "row")} added${told.updated ? `, ${count(told.updated)} updated` : ""}${told.rejected ? `, ${count(told.rejected)} rejected` : ""}.`);
      element.querySelector("output")?.remove();
      if (told.rejected_csv) {
        const url = URL.createObjectURL(new Blob([told.rejected_csv], { type: "text/csv" }));
        element.append(h("output", {}, h("a", { href: url, download: "rejected.csv" }, `${plural(told.rejected, "row")} to correct (CSV)`)));
      }
    }, h("label", { class: "long" }, "Import people from a CSV file", h("input", { type: "file", name: "file", accept: ".csv,text/csv,text/plain", required: true })),
    h("label", { class: "long" }, "Who is known already", h("select", { name: "duplicates" },
      h("option", { value: "skip" }, "stays as they are"), h("option", { value: "update" }, "gets the file's fields"), h("option", { value: "reject" }, "is rejected"))),
    h("button", {}, "Import"));
  }

  async function explain() {
    const told = await ask("GET", `${path}/explain`);
    about.replaceChildren(h("p", {}, h("b", {}, plural(told.would_be_called.length, "contact")), ` would be called now; ${count(told.due)} are due.`),
      table(["Contacts", "Not called now", "The first of them from"], told.others.map((each) => [count(each.contacts), each.reason, when(each.earliest)])));
  }

  async function check() {
    const told = await ask("POST", `${path}/check`);
    const problems = [...told.problems.map((each) => ["wrong", each]), ...told.warnings.map((each) => ["look again", each])];
    about.replaceChildren(h("p", {}, told.good ? "The campaign can be used." : "The campaign cannot be used as it is."),
      problems.length ? table(["", "Where", "What"], problems.map(([how, each]) => [how, `${each.key || each.file}${each.line ? `, line ${each.line}` : ""}`, each.message])) : "",
      table(["Step", "What is said", "Length"], told.prompts.map((each) => [each.step, each.text, each.length_s === null ? "in the call" : `${each.length_s} s`])));
  }

  function table(names, rows) {
    return h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, names.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
  }

  period.append(...PERIODS.map(([text, days]) => button(text, () => drawOutcomes(days))));
  draw();
  drawPace();
  drawOutcomes(1);
  const again = setInterval(() => drawOutcomes(PERIODS.find(([text]) => period.querySelector("[aria-pressed=true]")?.textContent === text)?.[1] ?? null), 60_000);
  return {
    changed: ({ campaigns }) => { if (campaigns.has(name) || !live.campaigns.has(name)) draw(); },
    gone: () => { clearInterval(again); chart?.destroy(); },
  };
}
