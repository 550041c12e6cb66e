// All campaigns: how each goes, why it calls nobody, and what may be ordered now.

import { ask } from "/static/api.js";
import { badge, button, count, h, kind, lasting, notice, plural, share, sure, why, words } from "/static/dom.js";

const MOST_OUTCOMES = 6;

/** The buttons of the orders that its state takes. */
export function orders(campaign) {
  const give = async (order) => notice((await ask("POST", `/api/campaigns/${encodeURIComponent(campaign.name)}/${order}`)).told.join(" "));
  const start = button("Start", () => give("start"), { class: "primary" });
  const pause = button("Pause", () => give("pause"));
  const resume = button("Resume", () => give("resume"), { class: "primary" });
  const drain = button("Drain", async () => {
    if (await sure(`Place no new calls for ${campaign.name}, and stop it when those that go on are over?`, "Drain")) await give("drain");
  }, { class: "quiet" });
  return { stopped: [start], done: [start], running: [pause, drain], paused: [resume, drain], draining: [resume] }[campaign.state];
}

/** How many of the contacts are done, in words and as a bar. */
export function progress({ contacts }) {
  const done = contacts.total ? contacts.done / contacts.total : 0;
  return h("div", { class: "progress" },
    h("div", { class: "bar", role: "progressbar", "aria-label": "Contacts that are done", "aria-valuenow": Math.round(100 * done), "aria-valuemin": 0, "aria-valuemax": 100 },
      h("i", { style: null, "data-share": done.toFixed(4) })),
    h("p", {}, h("b", {}, count(contacts.done)), ` of ${plural(contacts.total, "contact")}`,
      contacts.in_call ? `, ${count(contacts.in_call)} in a call` : ""));
}

/** Bars have their widths by the style's own interface: the page's policy takes no style attributes. */
export function setBars(place) {
  for (const bar of place.querySelectorAll("[data-share]")) bar.style.width = `${100 * bar.dataset.share}%`;
}

export function outcomes(counts, most = MOST_OUTCOMES) {
  const rows = Object.entries(counts), largest = Math.max(1, ...rows.map(([, calls]) => calls));
  const all = rows.reduce((sum, [, calls]) => sum + calls, 0);
  return h("ul", { class: "outcomes" }, rows.slice(0, most).map(([name, calls]) => h("li", {},
    h("span", {}, words(name)), h("div", { class: "bar" }, h("i", { class: kind(name), "data-share": (calls / largest).toFixed(4) })),
    h("b", {}, count(calls)), h("span", { class: "share" }, share(calls / all)))));
}

export function figures(campaign) {
  const pairs = [
    ["Calls now", count(campaign.calls.going_on)], ["Calls so far", count(campaign.calls.ended)],
    ["Answered", share(campaign.answer_rate)], ["A minute", campaign.calls_per_minute.toFixed(campaign.calls_per_minute < 10 ? 1 : 0)],
    ["Time left", lasting(campaign.time_left_s)],
  ];
  return h("dl", { class: "figures" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function showCampaigns(place, live) {
  const list = h("div", { class: "cards" }), empty = h("p", { class: "empty" }, "Looking …");
  const waiting = h("div");
  place.append(h("div", { class: "title" }, h("h1", {}, "Campaigns")), list, waiting, empty);
  const cards = new Map();

  function card(campaign) {
    const path = `/campaigns/${encodeURIComponent(campaign.name)}`;
    return h("article", { class: "card campaign" },
      h("header", {}, h("h2", {}, h("a", { href: path }, campaign.name)), badge(campaign.state), h("div", { class: "buttons" }, orders(campaign))),
      why(campaign), progress(campaign), figures(campaign), outcomes(campaign.outcomes));
  }

  function changed({ campaigns }) {
    for (const name of campaigns) {
      const campaign = live.campaigns.get(name);
      const drawn = campaign ? card(campaign) : null;
      // Somebody may be about to press what would be drawn anew.
      if (drawn && cards.get(name)?.contains(document.activeElement) && document.activeElement.matches("button")) {
        const at = [...cards.get(name).querySelectorAll("button")].indexOf(document.activeElement);
        cards.get(name).replaceWith(drawn);
        drawn.querySelectorAll("button")[at]?.focus();
      } else if (drawn && cards.has(name)) cards.get(name).replaceWith(drawn);
      else if (drawn) list.append(drawn);
      else cards.get(name)?.remove();
      if (drawn) cards.set(name, drawn);
      else cards.delete(name);
    }
    setBars(list);
    if (live.known) empty.textContent = cards.size ? "" : "The database knows no campaign yet.";
  }

  async function look() {
    const { files } = await ask("GET", "/api/campaigns");
    const unknown = files.filter((name) => !live.campaigns.has(name));
    if (!unknown.length) return;
    waiting.replaceChildren(h("h2", {}, "With files here, and nobody on their list yet"), h("ul", { class: "plain" },
      unknown.map((name) => h("li", {}, h("a", { href: `/campaigns/${encodeURIComponent(name)}` }, name)))));
  }

  changed({ campaigns: [...live.campaigns.keys()] });
  look().catch((error) => notice(error.message, true));
  return { changed };
}
