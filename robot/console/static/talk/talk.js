/** The page on which people try a campaign: its controls, and what they show. */

import { Conversation, timesOf } from "./conversation.js";
import { ConversationView, element, seconds } from "./conversation_view.js";
import { means, microphones } from "./microphone.js";
import { showNav } from "../nav.js";
import { consoleProblem, problem } from "./problems.js";
import { Session } from "./session.js";
import { campaigns, door } from "./voice_api.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
const byId = (id) => /** @type {T} */ (document.getElementById(id));

/** @type {Record<string, [string, string]>} what a state is called, and what can be done in it */
const STATES = {
  idle: ["Ready", "Press the button and allow the microphone."],
  asking: ["Microphone …", "Your browser asks whether this page may use it."],
  connecting: ["Connecting …", ""],
  capturing: ["Listening", "Say something. A pause ends it."],
  thinking: ["Thinking …", ""],
  responding: ["Speaking", "Talk over it to interrupt."],
  complete: ["Speaking", ""],
  over: ["Over", "Press the button to start again."],
};
const PUSH_TO_TALK = "Press I talk, speak, and press it again. This browser sends what you said as a whole.";
const STILL_THINKING = "Still thinking: the robot's machine or its model is slow. Esc ends it.";
const LONG_THINKING_MS = 4000;
/** The quietest that a meter shows, dB below full scale. */
const METER_FLOOR_DB = -60;

const page = byId("talk");
const view = new ConversationView(byId("transcript"), byId("times"));
/** @type {Session | null} */
let session = null;
let conversation = new Conversation();
let begunAt = 0;
/** @type {string | null} */
let shownProblem = null;
let outcome = "";
let thinking = 0; // the timer of who waits

/** @returns {boolean} */
const talking = () => session !== null && session.state !== "over";

/** @param {string} text for who does not see the page */
function announce(text) {
  byId("announcement").textContent = text;
}

/** @param {import("./problems.js").Problem | null} told */
function showProblem(told) {
  const box = byId("problem");
  shownProblem = told?.code ?? null;
  box.hidden = told === null;
  if (told === null) return;
  box.replaceChildren(element("b", "", told.title), ...(told.remedy === "" ? [] : [element("p", "", told.remedy)]));
  if (told.again) {
    const again = element("button", "", "Start again");
    again.addEventListener("click", () => void start());
    again.hidden = talking();
    box.append(again);
  }
  box.scrollIntoView({ block: "nearest" });
}

/** @param {string} state */
function showState(state) {
  page.dataset.state = state;
  page.classList.toggle("talking", talking());
  const [name, hint] = STATES[state];
  const over = begunAt === 0 ? "Not connected" : outcome === "" ? name : `${name}: ${outcome}`;
  byId("state").textContent = state === "over" ? over : name;
  byId("hint").textContent = talking() && session?.pushToTalk ? PUSH_TO_TALK : hint;
  window.clearTimeout(thinking);
  if (state === "thinking") {
    thinking = window.setTimeout(() => { byId("hint").textContent = STILL_THINKING; }, LONG_THINKING_MS);
  }
  const active = talking();
  byId("main-name").textContent = active ? "Hang up" : "Start talking";
  byId("order").toggleAttribute("inert", active);
  const done = byId("done");
  const pushToTalk = session?.pushToTalk === true;
  done.toggleAttribute("disabled", !(pushToTalk ? active : state === "capturing"));
  done.firstChild?.replaceWith(pushToTalk && !session?.recording ? "I talk " : "I’m done ");
  byId("cancel").toggleAttribute("disabled", !active);
}

/** @param {import("./session.js").State} state */
function entered(state) {
  showState(state);
  if (state === "capturing" || state === "responding") begunAt ||= performance.now();
  if (state === "over") {
    announce(`The conversation is over. ${outcome}`);
    byId("problem").querySelector("button")?.removeAttribute("hidden");
    if (document.activeElement === byId("stage")) byId("main").focus({ preventScroll: true });
  }
}

/** @param {import("./conversation.js").Message} message */
function received(message) {
  const say = conversation.receive(message);
  if (say !== null) {
    byId("empty").hidden = true;
    view.show(say);
  }
  if (message.type === "metrics") {
    view.showTimes(timesOf(message));
    byId("latency").hidden = false;
    const median = conversation.medianReplyMs;
    byId("median").textContent = median === null ? "" : `replies after ${seconds(median)} (median)`;
  }
  if (message.type === "info" && ["not_done", "nothing_heard"].includes(message.code)) view.note(message.message);
  if (message.type === "done" && !message.goes_on) outcome = (message.outcome ?? "").replaceAll("_", " ");
}

async function start() {
  const form = /** @type {HTMLFormElement} */ (byId("order"));
  if (talking() || !form.reportValidity()) return;
  showProblem(null);
  conversation = new Conversation();
  view.clear();
  byId("latency").hidden = true;
  begunAt = 0;
  outcome = "";
  byId("clock").textContent = "";
  const fields = Object.fromEntries([...form.querySelectorAll("input")].map(({ name, value }) => [name, value]));
  const campaign = /** @type {HTMLSelectElement} */ (byId("campaign")).value || null;
  const device = /** @type {HTMLSelectElement} */ (byId("device")).value;
  const begun = (session = new Session({ door, device, campaign, fields }, {
    entered: (state) => { if (session === begun) entered(state); },
    received: (message) => { if (session === begun) received(message); },
    failed: (told) => { if (session === begun) showProblem(told); },
    mended: (code) => { if (session === begun && code === shownProblem) showProblem(null); },
  }));
  showState("asking");
  // Space is "I'm done" from now on, and would press the button that was pressed.
  byId("stage").focus({ preventScroll: true });
  await begun.begin();
  await showMicrophones();
}

/** I have said it; or, where utterances are recorded whole, I begin to. */
async function speak() {
  await session?.talk();
  if (talking()) showState(/** @type {Session} */ (session).state);
}

async function showMicrophones() {
  const known = await microphones();
  const select = /** @type {HTMLSelectElement} */ (byId("device"));
  const chosen = select.value;
  select.replaceChildren(...known.map(({ id, name }) => new Option(name, id, false, id === chosen)));
  byId("microphone-choice").hidden = known.length < 2;
}

/** @param {import("./voice_api.js").Campaign[]} all */
function showCampaigns(all) {
  const select = /** @type {HTMLSelectElement} */ (byId("campaign"));
  const wanted = new URLSearchParams(location.search).get("campaign");
  select.replaceChildren(...all.map(({ name, language }) => {
    return new Option(language ? `${name} (${language})` : name, name, false, name === wanted);
  }));
  const showFields = () => {
    const fields = all.find(({ name }) => name === select.value)?.fields ?? [];
    byId("fields").replaceChildren(...fields.map((name) => {
      const input = /** @type {HTMLInputElement} */ (element("input", ""));
      Object.assign(input, { name, id: `field-${name}`, autocomplete: "off", maxLength: 200, required: true });
      const label = /** @type {HTMLLabelElement} */ (element("label", "", name.replaceAll("_", " ")));
      label.htmlFor = input.id;
      return element("div", "field", label, input);
    }));
  };
  select.addEventListener("change", showFields);
  showFields();
}

/** @param {string} id @param {number} db */
function showLevel(id, db) {
  const bar = byId(id);
  const share = Math.max(0, 1 - db / METER_FLOOR_DB);
  bar.dataset.db = db.toFixed(1);
  bar.style.setProperty("--level", Math.min(1, share).toFixed(3));
}

function animate() {
  const { microphone, robot } = session?.levels ?? { microphone: -100, robot: -100 };
  showLevel("microphone-level", talking() ? microphone : -100);
  showLevel("robot-level", talking() ? robot : -100);
  const loud = session?.state === "responding" ? robot : microphone;
  byId("main").style.setProperty("--level", String(talking() ? Math.min(1, Math.max(0, 1 - loud / METER_FLOOR_DB)) : 0));
  if (talking() && begunAt > 0) {
    const passed = Math.floor((performance.now() - begunAt) / 1000);
    byId("clock").textContent = `${Math.floor(passed / 60)}:${String(passed % 60).padStart(2, "0")}`;
  }
  if (talking()) view.tick();
  requestAnimationFrame(animate);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && talking()) session?.cancel();
  // Space is also the key of what has the focus.
  if (event.key === " " && !target.closest("button, select, input, a, [tabindex='0']")) {
    event.preventDefault();
    void (talking() ? speak() : start());
  }
}

byId("main").addEventListener("click", () => void (talking() ? session?.cancel() : start()));
byId("done").addEventListener("click", () => void speak());
byId("cancel").addEventListener("click", () => session?.cancel());
byId("order").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", pressed);
window.addEventListener("pagehide", () => session?.cancel());
navigator.mediaDevices?.addEventListener("devicechange", () => void showMicrophones());

const way = means();
if (way === "insecure_context" || way === "unsupported") {
  showProblem(problem(way));
  byId("main").toggleAttribute("disabled", true);
}
showNav(byId("nav"));
animate();
void showMicrophones();
campaigns().then(showCampaigns, (error) => showProblem(consoleProblem(error)));
