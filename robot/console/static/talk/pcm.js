/** Audio as it goes over the wire: 16-bit little-endian mono at 16 kHz, in frames of 20 ms. Pure. */

export const RATE = 16000;
export const FRAME_SAMPLES = 320;

/** @param {Float32Array} samples -1 to 1; beyond is cut off @returns {Int16Array} */
export function toPcm(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767));
}

/** @param {Int16Array} pcm @returns {Float32Array<ArrayBuffer>} */
export function fromPcm(pcm) {
  return Float32Array.from(pcm, (sample) => sample / 32768);
}

/**
 * @param {Float32Array | Int16Array} samples @param {number} full the amplitude that is 0 dB
 * @returns {number} dB below full scale, -100 for silence
 */
export function loudness(samples, full = 1) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length === 0 ? -100 : Math.max(-100, 10 * Math.log10(sum / samples.length / full ** 2 + 1e-10));
}

/** Cuts a stream into frames. */
export class Framer {
  constructor() {
    this._frame = new Float32Array(FRAME_SAMPLES);
    this._filled = 0;
  }

  /** @param {Float32Array} samples @param {(frame: Float32Array) => void} take is called with each whole frame, kept or copied by then */
  push(samples, take) {
    for (let begin = 0; begin < samples.length; ) {
      const part = samples.subarray(begin, begin + FRAME_SAMPLES - this._filled);
      this._frame.set(part, this._filled);
      this._filled += part.length;
      begin += part.length;
      if (this._filled === FRAME_SAMPLES) {
        take(this._frame);
        this._filled = 0;
      }
    }
  }
}
