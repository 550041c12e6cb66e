// The do-not-call list: who is on it, whether a number is, adding and taking off.

import { address, ask } from "/static/api.js";
import { button, form, h, notice, plural, sure, when } from "/static/dom.js";

export function showDoNotCall(place) {
  const body = h("tbody"), empty = h("p", { class: "empty" }, "Looking …"), more = button("Show more", load, { hidden: true }), answer = h("output");
  const table = h("table", { class: "rows entries" }, h("caption", { class: "unseen" }, "Entries"),
    h("thead", {}, h("tr", {}, ["Number", "For", "Since", "By", "Note", ""].map((name) => h("th", { scope: "col" }, name)))), body);
  let after = 0;
  place.append(h("div", { class: "title" }, h("h1", {}, "Do not call")),
    h("p", { class: "hint lead" }, "Nobody on this list is called. It counts at once: each attempt looks here right before it is dialled."),
    h("div", { class: "two" },
      h("section", { class: "card" }, h("h2", {}, "Is a number on it?"), form({ class: "fields" }, look,
        h("label", { class: "long" }, "Number", h("input", { name: "number", type: "tel", required: true, autocomplete: "off", placeholder: "+33140000001" })), h("button", {}, "Look")), answer),
      h("section", { class: "card" }, h("h2", {}, "Put on the list"), form({ class: "fields" }, add,
        h("label", { class: "long" }, "Number, or how numbers begin, like +331*", h("input", { name: "number", type: "tel", required: true, autocomplete: "off" })),
        h("label", { class: "long" }, "Why, for those who ask later", h("input", { name: "note", maxlength: 500 })), h("button", { class: "primary" }, "Add")),
      form({ class: "fields" }, importFile, h("label", { class: "long" }, "Or a file: CSV, or one number a line", h("input", { type: "file", name: "file", required: true, accept: ".csv,.txt,text/*" })), h("button", {}, "Import")))),
    table, empty, h("p", { class: "more" }, more));

  async function load() {
    const entries = await ask("GET", address("/api/do-not-call", { after, limit: 100 }));
    after = entries.at(-1)?.id ?? after;
    body.append(...entries.map(row));
    more.hidden = entries.length < 100;
    table.hidden = !body.children.length;
    empty.hidden = !table.hidden;
    empty.textContent = "The list is empty.";
  }

  async function again() {
    after = 0;
    body.replaceChildren();
    await load();
  }

  function row(entry) {
    const what = entry.number ?? entry.pattern;
    return h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, entry.campaign ?? "all campaigns"), h("td", {}, when(entry.added_at)),
      h("td", {}, entry.attempt_uuid ? h("a", { href: `/calls/${entry.attempt_uuid}` }, entry.source) : entry.source), h("td", { class: "note" }, entry.note ?? ""),
      h("td", { class: "figure" }, button("Remove", async () => {
        if (!await sure(`Take ${what} off the list? They may be called again from then on.`, "Take off")) return;
        await ask("DELETE", `/api/do-not-call/${entry.id}`);
        notice(`${what} is off the list.`);
        await again();
      }, { class: "quiet", "aria-label": `Remove ${what}` })));
  }

  async function look({ number }) {
    const { entry } = await ask("POST", "/api/do-not-call/lookup", { number });
    answer.textContent = entry ? `Yes: ${entry.number ?? entry.pattern}, for ${entry.campaign ?? "all campaigns"}, since ${when(entry.added_at)}.` : "No: it may be called.";
  }

  async function add({ number, note }, element) {
    const { added } = await ask("POST", "/api/do-not-call", { numbers: [number], note: note || null });
    notice(added ? "It is on the list." : "It was on the list already.");
    element.reset();
    await again();
  }

  async function importFile({ file }, element) {
    const { added, known, bad } = await ask("POST", "/api/do-not-call/import", file);
    notice(`${plural(added, "number")} new on the list, ${known} there already${bad.length ? `, ${plural(bad.length, "line")} could not be read` : ""}.`);
    element.reset();
    await again();
  }

  load().catch((error) => { empty.textContent = error.message; });
}
