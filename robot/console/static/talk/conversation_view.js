/** What was said, on the page: one element for each say, made anew when it changes. */

import { heardOf } from "./conversation.js";

/**
 * @typedef {import("./conversation.js").Say} Say
 * @typedef {import("./conversation.js").Phrase} Phrase
 * @typedef {import("./conversation.js").Speech} Speech
 * @typedef {import("./conversation.js").Times} Times
 */

/** @type {[Exclude<keyof Times, "turn">, string, string][]} */
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

/** @param {Say} say @param {(phrase: Phrase) => number} playedMs @returns {HTMLElement} */
function made(say, playedMs) {
  if (say.speaker === "robot") return robot(say, playedMs);
  const said = element("p", say.over ? "" : "partial", say.text);
  return element("li", "said person", element("h3", "", "You"), said);
}

/** @param {Speech} speech @param {(phrase: Phrase) => number} playedMs @returns {HTMLElement} */
function robot(speech, playedMs) {
  const said = element("p", "");
  for (const phrase of speech.phrases) {
    const [heard, unheard] = heardOf(phrase, playedMs(phrase));
    said.append(heard, ...(unheard === "" ? [] : [element("span", "unheard", unheard)]), " ");
  }
  if (speech.phrases.length === 0) said.append(element("span", "partial", speech.draft));
  const head = element("h3", "", "Robot");
  if (speech.phrases.some((phrase) => phrase.interrupted)) head.append(" ", element("span", "tag", "interrupted"));
  if (speech.afterMs !== null) {
    const chip = element("span", "tag", `after ${seconds(speech.afterMs)}`);
    chip.title = COLUMNS[3][2];
    head.append(" ", chip);
  }
  return element("li", "said robot", head, said);
}

export class ConversationView {
  /** @param {HTMLElement} list @param {HTMLTableElement} table of latencies */
  constructor(list, table) {
    this._list = list;
    this._table = table;
    /** @type {Map<number, HTMLElement>} */
    this._says = new Map();
    /** @type {Map<number, HTMLElement>} */
    this._rows = new Map();
    /** @type {WeakMap<Phrase, number>} when each came, which is when it sounds */
    this._begun = new WeakMap();
    /** @type {Speech | null} whose last phrase sounds */
    this._sounding = null;
    this._shown = ""; // of that phrase, as heard
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
    this._says.clear();
    this._sounding = null;
    this._rows.clear();
  }

  /** @param {Say} say */
  show(say) {
    if (say.speaker === "person" && say.text === "") {
      this._says.get(say.number)?.remove();
      this._says.delete(say.number);
    } else {
      this._place(this._says, say.number, made(say, (phrase) => this._playedMs(phrase)), this._list);
    }
    if (say.speaker === "robot" && say.phrases.at(-1)?.playedMs === null) this._sounding = say;
  }

  /** The words that sound by now are shown as heard. To be called often. */
  tick() {
    const phrase = this._sounding?.phrases.at(-1);
    if (this._sounding === null || phrase?.playedMs !== null) return;
    const [heard] = heardOf(phrase, this._playedMs(phrase));
    if (heard === this._shown) return;
    this._shown = heard;
    this.show(this._sounding);
  }

  /** @param {Phrase} phrase @returns {number} */
  _playedMs(phrase) {
    const begun = this._begun.get(phrase) ?? performance.now();
    this._begun.set(phrase, begun);
    return performance.now() - begun;
  }

  /** @param {Times} times */
  showTimes(times) {
    const cells = COLUMNS.map(([time]) => element("td", "", seconds(times[time])));
    const row = element("tr", "", element("th", "", String(times.turn)), ...cells);
    this._place(this._rows, times.turn, row, this._table.tBodies[0]);
  }

  /** Something that neither side said. @param {string} text */
  note(text) {
    this._follow(() => this._list.append(element("li", "note", text)));
  }

  /** @param {Map<number, HTMLElement>} known @param {number} number @param {HTMLElement} element @param {HTMLElement} parent */
  _place(known, number, element, parent) {
    const old = known.get(number);
    known.set(number, element);
    this._follow(() => (old === undefined ? parent.append(element) : old.replaceWith(element)));
  }

  /** The end stays in sight, unless somebody has scrolled away from it to read. @param {() => void} change */
  _follow(change) {
    const box = this._list;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    change();
    if (atEnd) box.scrollTop = box.scrollHeight;
  }
}
