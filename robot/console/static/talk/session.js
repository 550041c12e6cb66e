/** One conversation: the microphone to the robot, what the robot says to the loudspeaker, what both said to the page. */

import { Connection } from "./connection.js";
import { ask, means, Microphone } from "./microphone.js";
import { decoded, Playback } from "./playback.js";
import { connectionProblem, consoleProblem, microphoneProblem, problem, serverProblem } from "./problems.js";
import { UtteranceRecorder } from "./recorder.js";

/**
 * @typedef {"asking" | "connecting" | "capturing" | "thinking" | "responding" | "complete" | "over"} State
 * @typedef {{ door: () => Promise<string>, device: string, campaign: string | null,
 *   fields: Record<string, string> }} Order door: asks for the address of the robot, which is good for one conversation
 * @typedef {object} Listener
 * @property {(state: State) => void} entered
 * @property {(message: import("./conversation.js").Message) => void} received all that the robot sends
 * @property {(problem: import("./problems.js").Problem) => void} failed
 * @property {(code: string) => void} mended a problem that was told is none any more
 */

/** A microphone that is not muted hears at least its own noise, unless it has a gate: then it is loud once somebody speaks. */
const SILENT_DB = -95;
const SILENT_MS = 4000;
/** So often the voice may be late before somebody wants to know why. */
const MANY_GAPS = 3;
const LOOK_MS = 250;

export class Session {
  /** @param {Order} order @param {Listener} listener */
  constructor(order, listener) {
    this._order = order;
    this._listener = listener;
    /** @type {State} */
    this.state = "asking";
    /** @type {MediaStream | null} */
    this._stream = null;
    /** @type {Microphone | UtteranceRecorder | null} */
    this._microphone = null;
    /** @type {Playback | null} */
    this._playback = null;
    /** @type {Connection | null} */
    this._connection = null;
    /** @type {AudioContext | null} */
    this._context = null;
    this._ending = false; // the robot has said all that it had to say
    this._complaint = ""; // of the robot, until it understands again
    this._stutters = false;
    this._heard = false; // anything from the microphone
    this._silentMs = 0; // of the person's own time
    this._watch = 0;
  }

  /** @returns {{ microphone: number, robot: number }} dB below full scale, now */
  get levels() {
    return { microphone: this._microphone?.level ?? -100, robot: this._playback?.level ?? -100 };
  }

  /** @returns {boolean} this browser sends what was said when told so, by `talk` */
  get pushToTalk() {
    return this._microphone instanceof UtteranceRecorder;
  }

  /** @returns {boolean} */
  get recording() {
    return this._microphone instanceof UtteranceRecorder && this._microphone.recording;
  }

  /** To be called from a click or a key: only then may a page make sound. */
  async begin() {
    const way = means();
    if (way === "insecure_context" || way === "unsupported") return this._fail(problem(way));
    const context = (this._context = new AudioContext({ latencyHint: "interactive" }));
    void context.resume();
    try {
      const stream = (this._stream = await ask(this._order.device));
      if (this.state === "over") return this._release();
      stream.getTracks().forEach((track) => (track.onended = () => this._fail(problem("microphone_ended"))));
      this._playback = new Playback(context);
      const send = (/** @type {ArrayBuffer} */ audio) => this._hear(audio);
      this._microphone = (way === "worklet" ? await this._openMicrophone(context, stream, send) : null)
        ?? new UtteranceRecorder(context, stream, send);
    } catch (error) {
      return this._fail(microphoneProblem(error));
    }
    if (this._is("over")) return this._release();
    this._enter("connecting");
    this._watch = window.setInterval(() => this._look(), LOOK_MS);
    try {
      const url = await this._order.door();
      if (!this._is("over")) this._connect(url);
    } catch (error) {
      this._fail(consoleProblem(error));
    }
  }

  /**
   * @param {AudioContext} context @param {MediaStream} stream @param {(audio: ArrayBuffer) => void} send
   * @returns {Promise<Microphone | null>} null: this browser has worklets, and cannot load ours
   */
  async _openMicrophone(context, stream, send) {
    try {
      return await Microphone.open(context, stream, send);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return null;
      throw error;
    }
  }

  /** Do not wait for silence: what was said is all. In a browser that records whole utterances: begin one, or send it. */
  async talk() {
    if (this._microphone instanceof UtteranceRecorder) {
      if (!this._microphone.recording) return this._microphone.begin();
      try {
        await this._microphone.finish();
      } catch {
        return this._listener.failed(problem("recording_failed"));
      }
    }
    if (this.state === "capturing") this._connection?.send({ type: "stop" });
  }

  /** End it, at once. */
  cancel() {
    this._connection?.send({ type: "cancel" });
    this._over();
  }

  /** @param {string} url */
  _connect(url) {
    const { campaign, fields } = this._order;
    const start = { type: "start", sample_rate: 16000, fields, ...(campaign === null ? {} : { campaign }) };
    this._connection = new Connection(url, {
      opened: () => this._connection?.send(start),
      received: (message) => this._receive(message),
      closed: (code, opened) => {
        if (!this._ending) this._fail(connectionProblem(code, opened));
      },
    });
  }

  /** @param {ArrayBuffer} audio */
  _hear(audio) {
    // Before its first state the robot has not begun, and audio would be a mistake.
    if (this._ending || ["asking", "connecting", "over"].includes(this.state)) return;
    this._connection?.sendAudio(audio, !this.pushToTalk);
  }

  /** @param {import("./conversation.js").Message} message */
  _receive(message) {
    if (this.state === "over") return;
    if (message.type === "tts_chunk") this._playback?.play(decoded(message.audio), message.sample_rate);
    if (message.type === "tts_phrase_done") {
      if (message.interrupted) this._playback?.clear();
      else this._playback?.pause();
    }
    if (message.type === "final_transcript" && message.text !== "") this._listener.mended(this._complaint);
    this._listener.received(message);
    if (message.type === "state" && message.state !== "idle") this._enter(message.state);
    if (message.type === "error" && !this._ending) {
      const told = serverProblem(/** @type {any} */ (message));
      // Before the first state there is nothing that could go on.
      if (message.recoverable && this.state !== "connecting") {
        this._complaint = told.code;
        this._listener.failed(told);
      } else {
        this._fail(told);
      }
    }
    if (message.type === "done" && !message.goes_on) {
      this._ending = true;
      window.setTimeout(() => this._over(), (this._playback?.aheadS ?? 0) * 1000 + 200);
    }
  }

  _look() {
    if (!this._stutters && (this._playback?.gaps ?? 0) >= MANY_GAPS) {
      this._stutters = true;
      this._listener.failed(problem("stutters"));
    }
    if (!this._heard) this._listen();
  }

  /** Has the microphone ever been heard? It is missed when somebody should be speaking. */
  _listen() {
    this._heard = (this._microphone?.level ?? -100) >= SILENT_DB;
    if (this._heard) this._listener.mended("microphone_silent");
    else if (this.state === "capturing" && (this._silentMs += LOOK_MS) === SILENT_MS) {
      this._listener.failed(problem("microphone_silent"));
    }
  }

  /** @param {State} state */
  _enter(state) {
    this.state = state;
    this._listener.entered(state);
  }

  /** A wait may have changed it. @param {State} state @returns {boolean} */
  _is(state) {
    return this.state === state;
  }

  /** @param {import("./problems.js").Problem} told */
  _fail(told) {
    if (this.state === "over") return;
    this._listener.failed(told);
    this._over();
  }

  _over() {
    if (this.state === "over") return;
    this._release();
    this._enter("over");
  }

  /** May be called again: what was waited for may have come since. */
  _release() {
    window.clearInterval(this._watch);
    this._connection?.close();
    this._microphone?.close();
    this._stream?.getTracks().forEach((track) => track.stop());
    this._playback?.clear();
    void this._context?.close();
    this._connection = this._microphone = this._stream = this._playback = this._context = null;
  }
}
