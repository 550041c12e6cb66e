/** What was said, on the page: one element for each turn, made anew when it changes. */

import { heardOf } from "./conversation.js";

/** @typedef {import("./conversation.js").Turn} Turn @typedef {import("./conversation.js").Times} Times */

/** @type {[keyof Times, string, string][]} */
const COLUMNS = [
  ["firstPartial", "First words", "From the beginning of what you said to the first words on this page"],
  ["transcript", "Text", "From the end of what you said to its whole text"],
  ["firstToken", "Model", "From the end of what you said to the first word of a language model"],
  ["firstAudio", "Reply", "From the end of what you said to the first sound of the reply"],
  ["reply", "All said", "From the end of what you said to the end of the reply"],
];

/** @param {number | null} ms @returns {string} */
export function seconds(ms) {
  return ms === null ? "–" : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * @param {string} tag @param {string} className @param {...(Node | string)} children @returns {HTMLElement}
 */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** @param {Turn} turn @returns {HTMLElement} */
function person(turn) {
  const said = element("p", turn.heardAll ? "" : "partial", turn.heard === "" ? "(nothing was understood)" : turn.heard);
  return element("div", "said person", element("h3", "", "You"), said);
}

/** @param {Turn} turn @returns {HTMLElement} */
function robot(turn) {
  const said = element("p", "");
  for (const phrase of turn.phrases) {
    const [heard, unheard] = heardOf(phrase);
    said.append(heard, ...(unheard === "" ? [] : [element("s", "", unheard)]), " ");
  }
  if (turn.draft !== "") said.append(element("span", "partial", turn.draft));
  const head = element("h3", "", "Robot");
  if (turn.phrases.some((phrase) => phrase.interrupted)) head.append(" ", element("span", "tag", "interrupted"));
  if (turn.times !== null && turn.times.firstAudio !== null) {
    const chip = element("span", "tag", `after ${seconds(turn.times.firstAudio)}`);
    chip.title = COLUMNS[3][2];
    head.append(" ", chip);
  }
  return element("div", "said robot", head, said);
}

export class ConversationView {
  /** @param {HTMLElement} list @param {HTMLTableElement} table of latencies */
  constructor(list, table) {
    this._list = list;
    this._table = table;
    /** @type {Map<number, HTMLElement>} */
    this._turns = new Map();
    /** @type {Map<number, HTMLElement>} */
    this._rows = new Map();
    const names = COLUMNS.map(([, name, title]) => {
      const cell = element("th", "", name);
      cell.title = title;
      return cell;
    });
    table.tHead?.replaceChildren(element("tr", "", element("th", "", "Turn"), ...names));
  }

  clear() {
    this._list.replaceChildren();
    this._table.tBodies[0].replaceChildren();
    this._turns.clear();
    this._rows.clear();
  }

  /** @param {Turn} turn */
  show(turn) {
    const made = element("li", "turn");
    if (turn.heard !== "" || turn.heardAll) made.append(person(turn));
    if (turn.phrases.length > 0 || turn.draft !== "") made.append(robot(turn));
    this._place(this._turns, turn.number, made, this._list);
    if (turn.times !== null) {
      const cells = COLUMNS.map(([time]) => element("td", "", seconds(/** @type {Times} */ (turn.times)[time])));
      const row = element("tr", "", element("th", "", String(turn.number)), ...cells);
      this._place(this._rows, turn.number, row, this._table.tBodies[0]);
    }
  }

  /** Something that neither side said. @param {string} text */
  note(text) {
    this._follow(() => this._list.append(element("li", "note", text)));
  }

  /** @param {Map<number, HTMLElement>} known @param {number} number @param {HTMLElement} made @param {HTMLElement} parent */
  _place(known, number, made, parent) {
    const old = known.get(number);
    known.set(number, made);
    this._follow(() => (old === undefined ? parent.append(made) : old.replaceWith(made)));
  }

  /** The end stays in sight, unless somebody has scrolled away from it to read. @param {() => void} change */
  _follow(change) {
    const box = this._list;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    change();
    if (atEnd) box.scrollTop = box.scrollHeight;
  }
}
