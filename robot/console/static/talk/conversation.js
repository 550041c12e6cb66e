/**
 * A conversation as the messages of the server tell it: what each side said, turn by turn, and how long it took. Pure.
 * The messages are those of docs/websocket-protocol.md.
 */

/**
 * @typedef {{ id: number, text: string, lengthMs: number, playedMs: number | null, interrupted: boolean }} Phrase
 *   playedMs: null while it is being played
 * @typedef {{ speaker: "person", number: number, text: string, over: boolean }} Utterance
 *   text: what is understood of it by now; over: that is all. "" then: there were no words in it.
 * @typedef {{ speaker: "robot", number: number, turn: number, phrases: Phrase[], reply: number | null, draft: string,
 *   afterMs: number | null }} Speech
 *   draft: what a language model writes in its reply of that number. afterMs: how long somebody waited for it.
 * @typedef {Utterance | Speech} Say what one side says until the other one does; number: its place
 * @typedef {{ turn: number, firstPartial: number | null, transcript: number | null, firstToken: number | null,
 *   firstAudio: number | null, reply: number | null }} Times in ms; null: there was no such thing
 * @typedef {{ type: string, [member: string]: any }} Message
 */

/** The next partial: the first `keep` characters of the last one and what is new. @param {string} last
 * @param {number} keep @param {string} text @returns {string} */
export function grown(last, keep, text) {
  return last.slice(0, keep) + text;
}

/**
 * What of a phrase was heard, and what was not or not yet: cut between words, by the share of time.
 * @param {Phrase} phrase @param {number} playedMs as far as is known while it is being played @returns {[string, string]}
 */
export function heardOf(phrase, playedMs) {
  if (phrase.playedMs !== null && !phrase.interrupted) return [phrase.text, ""];
  const words = phrase.text.split(/(?<=\s)/);
  let left = phrase.lengthMs === 0 ? Infinity : (phrase.text.length * (phrase.playedMs ?? playedMs)) / phrase.lengthMs;
  const unheard = words.findIndex((word) => (left -= word.length) < 0);
  if (unheard === -1) return [phrase.text, ""];
  return [words.slice(0, unheard).join(""), words.slice(unheard).join("")];
}

/** @param {Message} message @returns {Times} */
export function timesOf(message) {
  return {
    turn: message.turn,
    firstPartial: message.t_first_partial_ms ?? null,
    transcript: message.t_final_transcript_ms ?? null,
    firstToken: message.t_first_token_ms ?? null,
    firstAudio: message.t_first_audio_ms ?? null,
    reply: message.total_reply_ms ?? null,
  };
}

export class Conversation {
  constructor() {
    /** @type {Say[]} in the order in which they began, which turns need not tell: who interrupts speaks in the robot's */
    this.says = [];
    /** @type {Map<number, Times>} by turn */
    this.times = new Map();
  }

  /** @param {Message} message @returns {Say | null} what it changed of what is said */
  receive(message) {
    switch (message.type) {
      case "partial_transcript":
        return this._heard((text) => grown(text, message.keep, message.text), false);
      case "final_transcript":
        return this._heard(() => message.text, true);
      case "token":
        return this._written(message);
      case "tts_chunk":
        return message.text === undefined ? null : this._began(message);
      case "tts_phrase_done":
        return this._ended(message);
      case "metrics":
        return this._timed(timesOf(message));
      default:
        return null;
    }
  }

  /** @returns {number | null} ms from the end of somebody's words to the reply's first sound, in the middle of all */
  get medianReplyMs() {
    const all = [...this.times.values()].flatMap((times) => times.firstAudio ?? []).sort((a, b) => a - b);
    if (all.length === 0) return null;
    const middle = all.length >> 1;
    return all.length % 2 === 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
  }

  /** @template {Say} S @param {S} say @returns {S} */
  _add(say) {
    this.says.push(say);
    return say;
  }

  /** @param {(text: string) => string} text of what was understood before @param {boolean} over @returns {Say} */
  _heard(text, over) {
    const open = this.says.findLast((say) => say.speaker === "person" && !say.over);
    const say = open?.speaker === "person"
      ? open
      : this._add(/** @type {Utterance} */ ({ speaker: "person", number: this.says.length, text: "", over: false }));
    say.text = text(say.text);
    say.over = over;
    return say;
  }

  /** The robot's say that goes on; another one when somebody has spoken since. @param {number} turn @returns {Speech} */
  _speech(turn) {
    const last = this.says.at(-1);
    if (last?.speaker === "robot" && last.turn === turn) return last;
    const number = this.says.length;
    return this._add({ speaker: "robot", number, turn, phrases: [], reply: null, draft: "", afterMs: null });
  }

  /** @param {Message} message @returns {Say} */
  _written(message) {
    const speech = this._speech(message.turn);
    speech.draft = (message.reply === speech.reply ? speech.draft : "") + message.text;
    speech.reply = message.reply;
    return speech;
  }

  /** @param {Message} message @returns {Say} */
  _began({ turn, phrase: id, text, length_ms: lengthMs }) {
    const speech = this._speech(turn);
    speech.phrases.push({ id, text, lengthMs: lengthMs ?? 0, playedMs: null, interrupted: false });
    return speech;
  }

  /** @param {Message} message @returns {Say | null} */
  _ended(message) {
    for (const say of this.says.toReversed()) {
      const phrase = say.speaker === "robot" && say.phrases.find(({ id }) => id === message.phrase);
      if (!phrase) continue;
      phrase.playedMs = message.played_ms;
      phrase.interrupted = message.interrupted;
      return say;
    }
    return null;
  }

  /** @param {Times} times @returns {Say | null} the reply that somebody waited for */
  _timed(times) {
    this.times.set(times.turn, times);
    const reply = this.says.find(
      (say, at) => say.speaker === "robot" && say.turn === times.turn && this.says[at - 1]?.speaker === "person",
    );
    if (reply?.speaker !== "robot") return null;
    reply.afterMs = times.firstAudio;
    return reply;
  }
}
