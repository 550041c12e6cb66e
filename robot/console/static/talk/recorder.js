/**
 * For browsers without AudioWorklet: an utterance is recorded whole, from one press of a key to the next, and sent then.
 * Before and after it goes silence, at the pace of the clock, as from a microphone that nobody speaks into.
 */

import { loudness, RATE, toPcm } from "./pcm.js";
import { Resampler } from "./resampler.js";

const SILENCE_MS = 20;
/** Of one message. */
const MOST_SAMPLES = RATE;

/**
 * @param {AudioBuffer} recording @returns {ArrayBuffer[]} in messages of at most 1 s
 */
export function messages(recording) {
  const left = recording.getChannelData(0);
  const resampler = new Resampler(recording.sampleRate, RATE);
  const pcm = toPcm(resampler.process(left));
  const count = Math.ceil(pcm.length / MOST_SAMPLES);
  return Array.from({ length: count }, (_, at) => pcm.slice(at * MOST_SAMPLES, (at + 1) * MOST_SAMPLES).buffer);
}

export class UtteranceRecorder {
  /**
   * @param {AudioContext} context @param {MediaStream} stream @param {(audio: ArrayBuffer) => void} onAudio
   */
  constructor(context, stream, onAudio) {
    this._context = context;
    this._stream = stream;
    this._onAudio = onAudio;
    /** @type {MediaRecorder | null} */
    this._recorder = null;
    this._analyser = context.createAnalyser();
    this._window = new Float32Array(this._analyser.fftSize);
    this._source = context.createMediaStreamSource(stream);
    this._source.connect(this._analyser);
    this._sentUntil = performance.now();
    this._timer = setInterval(() => this._silence(), SILENCE_MS);
  }

  /** @returns {boolean} */
  get recording() {
    return this._recorder !== null;
  }

  /** @returns {number} dB below full scale */
  get level() {
    this._analyser.getFloatTimeDomainData(this._window);
    return loudness(this._window);
  }

  begin() {
    this._recorder = new MediaRecorder(this._stream);
    this._recorder.start();
  }

  /** Send what was recorded. Raises DOMException for a recording that this browser cannot read itself. */
  async finish() {
    const recorder = this._recorder;
    if (recorder === null) return;
    /** @type {Blob} */
    const blob = await new Promise((resolve) => {
      recorder.ondataavailable = ({ data }) => resolve(data);
      recorder.stop();
    });
    this._recorder = null;
    const recording = await this._context.decodeAudioData(await blob.arrayBuffer());
    messages(recording).forEach(this._onAudio);
  }

  close() {
    clearInterval(this._timer);
    if (this._recorder?.state === "recording") this._recorder.stop();
    this._source.disconnect();
  }

  _silence() {
    const now = performance.now();
    const samples = Math.floor(((now - this._sentUntil) * RATE) / 1000);
    this._sentUntil = now;
    this._onAudio(new Int16Array(Math.min(samples, MOST_SAMPLES)).buffer);
  }
}
