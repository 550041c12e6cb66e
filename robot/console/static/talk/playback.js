/** What the robot says, played without a gap as it comes in, and silent at once when it is not to be heard any more. */

import { fromPcm, loudness } from "./pcm.js";
import { Resampler } from "./resampler.js";

/** How far ahead of the first sound its audio must be, so that the next piece is there in time. */
const LEAD_S = 0.08;

/** @param {string} text base64 of L16 @returns {Int16Array} */
export function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Int16Array(bytes.buffer);
}

export class Playback {
  /** @param {BaseAudioContext} context */
  constructor(context) {
    this._context = context;
    this._analyser = new AnalyserNode(context, { fftSize: 1024 });
    this._analyser.connect(context.destination);
    this._window = new Float32Array(this._analyser.fftSize);
    /** @type {Set<AudioBufferSourceNode>} */
    this._queue = new Set();
    /** @type {Resampler | null} */
    this._resampler = null;
    this._rate = 0;
    this._next = 0; // when the next piece begins, in samples of the context
    this._whole = true; // nothing is missing of what was begun
    this.gaps = 0; // times that a piece came too late
  }

  /** @returns {number} seconds until all that has come is played */
  get aheadS() {
    return Math.max(0, this._next / this._context.sampleRate - this._context.currentTime);
  }

  /** @returns {number} dB below full scale of what sounds now */
  get level() {
    this._analyser.getFloatTimeDomainData(this._window);
    return loudness(this._window);
  }

  /** @param {Int16Array} pcm @param {number} rate Hz */
  play(pcm, rate) {
    const { sampleRate, currentTime } = this._context;
    const silent = this._next <= currentTime * sampleRate;
    // What the filter still holds of the last phrase would sound before this one.
    if (silent && this._whole) this._resampler?.reset();
    const samples = this._resampled(fromPcm(pcm), rate);
    if (samples.length === 0) return;
    if (silent) {
      this.gaps += this._whole ? 0 : 1;
      this._next = Math.ceil((currentTime + LEAD_S) * sampleRate);
    }
    const buffer = new AudioBuffer({ length: samples.length, sampleRate });
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this._context, { buffer });
    source.onended = () => this._queue.delete(source);
    source.connect(this._analyser);
    source.start(this._next / sampleRate);
    this._queue.add(source);
    this._next += samples.length;
    this._whole = false;
  }

  /** The phrase has come to its end: what follows may come later and is not late then. */
  pause() {
    this._whole = true;
  }

  /** Silence now. */
  clear() {
    for (const source of this._queue) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this._queue.clear();
    this._resampler?.reset();
    this._next = 0;
    this._whole = true;
  }

  /**
   * The browser would resample each piece by itself, with a click at each seam.
   * @param {Float32Array<ArrayBuffer>} samples @param {number} rate @returns {Float32Array<ArrayBuffer>}
   */
  _resampled(samples, rate) {
    if (this._resampler === null || this._rate !== rate) {
      this._resampler = new Resampler(rate, this._context.sampleRate);
      this._rate = rate;
    }
    return this._resampler.process(samples);
  }
}
