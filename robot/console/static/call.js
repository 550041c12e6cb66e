// One call: as it goes on, word by word; and when it is over, with its timeline, decisions and recording.

import { ask } from "/static/api.js";
import { badge, clock, h, share, took, when, words, write } from "/static/dom.js";
import { timeline } from "/static/timeline.js";

export function showCall(place, live, uuid) {
  let goesOn = null, time = null, follow = true;
  const missing = h("p", { class: "empty" }, "Looking …");
  place.append(missing);

  // -- while it goes on -----------------------------------------------------------------------------------------------

  function drawLive(call) {
    if (!goesOn) {
      const head = h("div", { class: "title" }), facts = h("dl", { class: "facts" }), list = h("ol", { class: "transcript", "aria-live": "polite" });
      goesOn = { head, facts, list, turns: new Map(), saying: null };
      time = h("span", { class: "time" });
      place.replaceChildren(back(), head, h("div", { class: "two uneven" },
        h("section", { class: "card" }, h("h2", {}, "What is said"), list), h("section", { class: "card" }, h("h2", {}, "The call"), facts)));
    }
    goesOn.call = call;
    goesOn.head.replaceChildren(h("h1", {}, call.number ?? "withheld"), badge(call.state), h("span", { class: "badge strong" }, "goes on"), time);
    goesOn.facts.replaceChildren(...pairs([["Campaign", campaignLink(call.campaign)], ["FreeSWITCH", call.node], ["Robot", call.robot], ["Began", when(call.began_at)],
      ["Speaks", call.speaker ?? "nobody"], ["At work", call.active.join(", ") || "–"], ["Barge-ins", String(call.barge_ins)],
      ["Replies", call.latency_ms.map((ms) => took(ms)).join(", ") || "–"]]));
    drawTurns(call);
    tick();
  }

  function drawTurns({ turns, saying, hearing }) {
    const { list } = goesOn;
    const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    const spoken = [...turns.map((turn) => ["turn", turn]), ...(saying ? [["now", { speaker: "robot", text: saying }]] : []),
      ...(hearing ? [["now", { speaker: "callee", text: hearing }]] : [])];
    const drawn = JSON.stringify(spoken);
    if (drawn === goesOn.drawn) return;
    goesOn.drawn = drawn;
    list.replaceChildren(...spoken.map(([how, turn]) => said(turn, how === "now")));
    if (bottom || follow) list.scrollTop = list.scrollHeight;
    follow = false;
  }

  function tick() {
    if (goesOn?.call) write(time, goesOn.call.answered_at ? clock((Date.now() - Date.parse(goesOn.call.answered_at)) / 1000) : "rings");
  }

  // -- when it is over ------------------------------------------------------------------------------------------------

  function drawOver(call) {
    goesOn = null;
    const player = call.recording ? h("audio", { controls: true, preload: "metadata", src: `/api/calls/${uuid}/recording` }) : null;
    const gone = h("p", { class: "hint", hidden: true }, "The recording is not here any more.");
    player?.addEventListener("error", () => { player.hidden = true; gone.hidden = false; });
    const seek = (ms) => { if (player) { player.currentTime = ms / 1000; player.play(); } };
    const picture = timeline(call, seek);
    player?.addEventListener("timeupdate", () => picture.at(player.currentTime * 1000));
    place.replaceChildren(back(), h("div", { class: "title" }, h("h1", {}, call.number ?? "withheld"), call.outcome ? badge(call.outcome) : h("span", { class: "badge strong" }, "goes on")),
      call.error ? h("p", { class: "problem" }, call.error) : "",
      call.turns.length ? h("section", { class: "card" }, h("h2", {}, "Timeline"), picture.element, player ?? "", gone) : "",
      h("div", { class: "two uneven" },
        h("section", { class: "card" }, h("h2", {}, "What was said"), call.turns.length ? h("ol", { class: "transcript" }, call.turns.map((turn) => said(turn, false, seek, player))) : h("p", { class: "hint" }, "Nothing.")),
        h("div", { class: "column" }, h("section", { class: "card" }, h("h2", {}, "The call"), h("dl", { class: "facts" }, pairs(facts(call)))),
          decision(call), answers(call), replies(call))));
  }

  function facts(call) {
    return [["Campaign", campaignLink(call.campaign)], ["Direction", call.direction], ["Began", when(call.created_at)], ["Rang for", call.ring_ms === null ? null : took(call.ring_ms)],
      ["Talk", call.talk_ms === null ? null : clock(call.talk_ms / 1000)], ["Hangup cause", call.hangup_cause], ["Caller id", call.caller_id], ["Gateway", call.gateway],
      ["FreeSWITCH", call.node], ["Transferred to", call.transferred_to], ["Hand-over", call.handover], ["Call again from", call.callback_earliest ? when(call.callback_earliest) : null],
      ["Went wrong", call.faults.map(words).join(", ") || null], ["Recording until", call.recording_expires_at ? when(call.recording_expires_at) : null], ["Id", uuid]];
  }

  function decision(call) {
    if (!call.amd) return null;
    return h("section", { class: "card" }, h("h2", {}, "Who picked up"), h("p", {}, h("b", {}, words(call.amd)), call.amd_confidence === null ? "" : `, ${share(call.amd_confidence)} sure`),
      call.amd_reason ? h("p", { class: "hint" }, call.amd_reason) : "");
  }

  function answers(call) {
    const kept = Object.entries(call.answers);
    return kept.length ? h("section", { class: "card" }, h("h2", {}, "Answers"), h("dl", { class: "facts" }, pairs(kept))) : null;
  }

  function replies(call) {
    if (!call.latencies.length) return null;
    const names = [["Turn", "turn"], ["End", "endpoint_ms"], ["Text", "stt_ms"], ["Model", "llm_ms"], ["Voice", "tts_ms"], ["All", "total_ms"]];
    return h("section", { class: "card" }, h("h2", {}, "How long replies took"), h("div", { class: "scroll", tabindex: 0 }, h("table", { class: "times" },
      h("thead", {}, h("tr", {}, names.map(([name]) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, call.latencies.map((each) => h("tr", {}, names.map(([, key]) => h("td", {}, key === "turn" ? String(each.turn) : took(each[key]))))))),
    ), h("p", { class: "hint" }, "From the callee's last sound: until it was clear that they were done, their text, the model's first phrase, its voice."));
  }

  // -- both -----------------------------------------------------------------------------------------------------------

  function said(turn, now, seek, player) {
    const sure = turn.intent_confidence ?? null;
    const why = turn.intent ? h("p", { class: "why-intent" }, h("span", { class: "tag" }, words(turn.intent)), sure === null ? "" : ` ${share(sure)} sure`, turn.intent_reason ? `: ${turn.intent_reason}` : "") : null;
    const at = now ? h("span", {}, "now") : player ? h("button", { type: "button", class: "plain", "aria-label": `Listen from ${clock(turn.start_ms / 1000)}`, onclick: () => seek(turn.start_ms) }, clock(turn.start_ms / 1000))
      : h("span", {}, clock(turn.start_ms / 1000));
    return h("li", { class: `said ${turn.speaker}${now ? " now" : ""}` },
      h("h3", {}, turn.speaker === "robot" ? "Robot" : "Callee", " ", at, turn.step ? h("span", {}, ` ${turn.step}`) : "", turn.interrupted ? h("span", { class: "tag wait" }, "interrupted") : ""),
      h("p", {}, turn.text), why);
  }

  const back = () => h("p", { class: "back" }, h("a", { href: "/calls" }, "Calls"));
  const campaignLink = (name) => name ? h("a", { href: `/campaigns/${encodeURIComponent(name)}` }, name) : "none";
  const pairs = (all) => all.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));

  async function look(tries = 5) {
    try {
      const call = await ask("GET", `/api/calls/${uuid}`);
      if (live.now.words.has(uuid)) return;
      // The outcome is written a moment after the call is over.
      if (call.outcome === null && tries) setTimeout(() => look(tries - 1), 700);
      drawOver(call);
    } catch (error) {
      if (!goesOn) missing.textContent = error.message;
    }
  }

  function changed({ words: uuids }) {
    if (!uuids.has(uuid)) return;
    const call = live.now.words.get(uuid);
    if (call) drawLive(call);
    else if (goesOn) look();
  }

  look();
  return { changed, tick };
}
