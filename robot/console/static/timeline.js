// A call as a picture: who spoke when, where the robot was interrupted, how long replies took.

import { h, svg, took } from "/static/dom.js";

const HEIGHT = 118, LANE = 30, TOP = 24, LEFT = 54, STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/** `seek(ms)`: somebody chose a moment. Gives the element, and `at(ms)` that moves the line of what is being heard. */
export function timeline(call, seek) {
  const end = Math.max(1000, call.talk_ms ?? 0, ...call.turns.map((turn) => turn.end_ms));
  const width = 1000, room = width - LEFT - 8, x = (ms) => LEFT + room * Math.max(0, Math.min(1, ms / end));
  const y = { robot: TOP, callee: TOP + LANE + 10 };
  const marks = [];
  const step = STEPS.find((seconds) => end / 1000 / seconds <= 12) ?? 1200;
  for (let at = 0; at <= end / 1000; at += step) {
    marks.push(svg("line", { class: "grid", x1: x(at * 1000), x2: x(at * 1000), y1: TOP - 6, y2: HEIGHT - 22 }));
    marks.push(svg("text", { x: x(at * 1000), y: HEIGHT - 6, "text-anchor": "middle" }, `${at >= 60 ? `${Math.floor(at / 60)}:${String(at % 60).padStart(2, "0")}` : `${at} s`}`));
  }
  for (const speaker of ["robot", "callee"]) marks.push(svg("text", { x: LEFT - 8, y: y[speaker] + 20, "text-anchor": "end" }, speaker === "robot" ? "Robot" : "Callee"));
  for (const turn of call.turns) {
    const bar = svg("rect", {
      class: `turn ${turn.speaker}${turn.interrupted ? " interrupted" : ""}`, x: x(turn.start_ms), y: y[turn.speaker], rx: 4,
      width: Math.max(3, x(turn.end_ms) - x(turn.start_ms)), height: LANE,
    }, svg("title", {}, `${turn.speaker}, ${took(turn.start_ms)}: ${turn.text}${turn.interrupted ? " (interrupted)" : ""}`));
    bar.addEventListener("click", (event) => { event.stopPropagation(); seek(turn.start_ms); });
    marks.push(bar);
  }
  for (const latency of call.latencies) {
    const turn = call.turns.find((each) => each.seq === latency.turn);
    if (turn) marks.push(svg("line", { class: "reply", x1: x(turn.end_ms), x2: x(turn.end_ms + latency.total_ms), y1: TOP + LANE + 5, y2: TOP + LANE + 5 },
      svg("title", {}, `reply after ${took(latency.total_ms)}`)));
  }
  for (const barge of call.barge_ins) marks.push(svg("path", { class: "barge", d: `M${x(barge.at_ms)} ${TOP - 4}l-5 -9h10z` },
    svg("title", {}, `barge-in at ${took(barge.at_ms)}, after ${took(barge.speech_ms)} of speech${barge.break_ms === null ? "" : `; silent ${took(barge.break_ms)} later`}`)));
  const heard = svg("line", { class: "heard", x1: LEFT, x2: LEFT, y1: TOP - 8, y2: HEIGHT - 22 });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": "Who spoke when; the transcript below says the same in words" }, ...marks, heard);
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    seek(Math.max(0, ((event.clientX - box.left) / box.width * width - LEFT) / room * end));
  });
  const key = h("p", { class: "key" }, h("i", { class: "robot" }), "robot", h("i", { class: "callee" }), "callee", h("i", { class: "barge" }), "barge-in", h("i", { class: "reply" }), "time to reply");
  return {
    element: h("div", { class: "timeline" }, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Timeline" }, picture), key),
    at: (ms) => { heard.setAttribute("x1", x(ms)); heard.setAttribute("x2", x(ms)); },
  };
}
