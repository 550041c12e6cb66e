/**
 * A conversation as the messages of the server tell it: what each side said, turn by turn, and how long it took. Pure.
 * The messages are those of docs/websocket-protocol.md.
 */

/**
 * @typedef {{ id: number, text: string, lengthMs: number, playedMs: number | null, interrupted: boolean }} Phrase
 *   playedMs: null while it is being played
 * @typedef {{ firstPartial: number | null, transcript: number | null, firstToken: number | null,
 *   firstAudio: number | null, reply: number | null }} Times in ms; null: there was no such thing
 * @typedef {{ number: number, heard: string, heardAll: boolean, draft: string, phrases: Phrase[],
 *   times: Times | null }} Turn
 *   heard: what the person said, by now; heardAll: it is final. draft: what a language model writes and nobody has
 *   spoken yet.
 * @typedef {{ type: string, [member: string]: any }} Message
 */

/** The next partial: the first `keep` characters of the last one and what is new. @param {string} last
 * @param {number} keep @param {string} text @returns {string} */
export function grown(last, keep, text) {
  return last.slice(0, keep) + text;
}

/**
 * What of an interrupted phrase was heard, and what was not: cut between words, by the share of time.
 * @param {Phrase} phrase @returns {[string, string]}
 */
export function heardOf(phrase) {
  if (!phrase.interrupted || phrase.playedMs === null || phrase.lengthMs === 0) return [phrase.text, ""];
  const words = phrase.text.split(/(?<=\s)/);
  let left = (phrase.text.length * phrase.playedMs) / phrase.lengthMs;
  const unheard = words.findIndex((word) => (left -= word.length) < 0);
  if (unheard === -1) return [phrase.text, ""];
  return [words.slice(0, unheard).join(""), words.slice(unheard).join("")];
}

/** @param {Message} message @returns {Times} */
function timesOf(message) {
  return {
    firstPartial: message.t_first_partial_ms ?? null,
    transcript: message.t_final_transcript_ms ?? null,
    firstToken: message.t_first_token_ms ?? null,
    firstAudio: message.t_first_audio_ms ?? null,
    reply: message.total_reply_ms ?? null,
  };
}

export class Conversation {
  constructor() {
    /** @type {Map<number, Turn>} turns in their order; 0 is the robot's first word, before anybody was heard */
    this.turns = new Map();
    /** @type {number} */
    this._reply = 0;
  }

  /** @param {Message} message @returns {Turn | null} the turn that it changed */
  receive(message) {
    switch (message.type) {
      case "partial_transcript":
        return this._heard(message.turn, (turn) => grown(turn.heard, message.keep, message.text), false);
      case "final_transcript":
        return this._heard(message.turn, () => message.text, true);
      case "token":
        return this._written(message);
      case "tts_chunk":
        return message.text === undefined ? null : this._began(message);
      case "tts_phrase_done":
        return this._ended(message);
      case "metrics":
        return this._change(message.turn, (turn) => { turn.times = timesOf(message); });
      default:
        return null;
    }
  }

  /** @returns {number | null} ms from the end of somebody's words to the reply's first sound, in the middle of all */
  get medianReplyMs() {
    const all = [...this.turns.values()].flatMap((turn) => turn.times?.firstAudio ?? []).sort((a, b) => a - b);
    if (all.length === 0) return null;
    const middle = all.length >> 1;
    return all.length % 2 === 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
  }

  /** @param {number} number @param {(turn: Turn) => void} change @returns {Turn} */
  _change(number, change) {
    const turn = this.turns.get(number)
      ?? { number, heard: "", heardAll: false, draft: "", phrases: [], times: null };
    this.turns.set(number, turn);
    change(turn);
    return turn;
  }

  /** @param {number} number @param {(turn: Turn) => string} text @param {boolean} all @returns {Turn} */
  _heard(number, text, all) {
    return this._change(number, (turn) => {
      turn.heard = text(turn);
      turn.heardAll = all;
    });
  }

  /** @param {Message} message @returns {Turn} */
  _written(message) {
    return this._change(message.turn, (turn) => {
      turn.draft = (message.reply === this._reply ? turn.draft : "") + message.text;
      this._reply = message.reply;
    });
  }

  /** @param {Message} message @returns {Turn} */
  _began(message) {
    const { phrase: id, text, length_ms: lengthMs } = message;
    return this._change(message.turn, (turn) => {
      turn.draft = "";
      turn.phrases.push({ id, text, lengthMs: lengthMs ?? 0, playedMs: null, interrupted: false });
    });
  }

  /** @param {Message} message @returns {Turn} */
  _ended(message) {
    return this._change(message.turn, (turn) => {
      const phrase = turn.phrases.find((each) => each.id === message.phrase);
      if (phrase === undefined) return;
      phrase.playedMs = message.played_ms;
      phrase.interrupted = message.interrupted;
    });
  }
}
