// Elements, and how figures are written.

/** An element. `attributes`: `on…` are listeners, `class` and others as in HTML; false and null are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Changes the text only where it differs: a page of 200 calls is not laid out again for nothing. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const NUMBER = new Intl.NumberFormat("en");
export const count = (value) => NUMBER.format(value);
export const share = (value) => value === null ? "–" : `${(100 * value).toFixed(value < 0.0995 && value > 0 ? 1 : 0)} %`;
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const words = (name) => name === null ? "not told" : name.replaceAll("_", " ");

/** 1:05, 1:00:05 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds)), two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function took(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${ms < 10 && ms % 1 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function lasting(seconds) {
  if (seconds === null) return "–";
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "under a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** The time alone today, with its day otherwise. */
export function when(text) {
  if (!text) return "–";
  const at = new Date(text), two = (value) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date().toDateString()) return `${time}:${two(at.getSeconds())}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

const KINDS = {
  good: ["completed", "interested", "transferred", "running", "listening", "active"],
  strong: ["callback", "speaking", "voicemail_left"],
  wait: ["paused", "draining", "processing", "connecting", "not_interested", "hung_up", "no_speech", "ending"],
  bad: ["failed", "do_not_call", "unreachable", "invalid_number", "rejected", "unknown", "error"],
};
/** Which colour a state or an outcome has. */
export const kind = (name) => Object.keys(KINDS).find((each) => KINDS[each].includes(name)) ?? "none";
export const badge = (name) => h("span", { class: `badge ${kind(name)}` }, words(name));

/** Why a campaign calls nobody; commands between ` as what they are. */
export function why(campaign) {
  const { not_calling: waits, state } = campaign;
  if (state !== "running" || !waits) {
    const since = campaign.since ? `${words(state)[0].toUpperCase()}${words(state).slice(1)} since ${when(campaign.since)}` : "It was never started";
    return h("p", { class: "why" }, since, campaign.reason ? `: ${campaign.reason}` : "");
  }
  const told = waits.reason.split("`").map((part, at) => at % 2 ? h("code", {}, part) : part);
  return h("p", { class: "why wait" }, told, waits.until ? `, until ${when(waits.until)}` : "");
}

/** A message that goes by itself. */
export function notice(text, bad = false) {
  const element = h("p", { class: bad ? "notice bad" : "notice" }, text);
  document.getElementById("notices").append(element);
  setTimeout(() => element.remove(), bad ? 12_000 : 6_000);
}

/** A button that does something and tells what went wrong. */
export function button(name, act, attributes = {}) {
  const element = h("button", { type: "button", ...attributes, onclick: async () => {
    element.disabled = true;
    try {
      await act();
    } catch (error) {
      notice(error.message, true);
    }
    element.disabled = false;
  } }, name);
  return element;
}

/** A form whose fields are given to `act` as an object. */
export function form(attributes, act, ...children) {
  return h("form", { ...attributes, onsubmit: async (event) => {
    event.preventDefault();
    const sending = event.target.querySelector("button:not([type])");
    sending.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(event.target)), event.target);
    } catch (error) {
      notice(error.message, true);
    }
    sending.disabled = false;
  } }, ...children);
}

/** Asks before something that cannot be undone. */
export function sure(text, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { onclose: () => { dialog.remove(); resolve(dialog.returnValue === "yes"); } },
      h("form", { method: "dialog" }, h("p", {}, text), h("div", { class: "buttons" },
        h("button", { value: "no", class: "quiet" }, "Cancel"), h("button", { value: "yes", class: "primary" }, yes))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
