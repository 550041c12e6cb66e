/**
 * Changes the sample rate of a stream of audio, block by block, without a seam between blocks. Pure.
 *
 * A windowed sinc, one set of taps for each position that an output sample can have between two input samples. What
 * the lower of the two rates cannot hold is taken out before: nothing folds back into what is heard.
 */

/** Zero crossings of the sinc on each side. At 16 kHz they make a delay of 2 ms. */
const CROSSINGS = 32;
/** Kaiser window: 90 dB of stop band. */
const BETA = 9;
/** Middle of the transition band as a share of the lower rate's half: it must end where folding begins. */
const CUTOFF = 0.91;

/** @param {number} a @param {number} b @returns {number} */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Modified Bessel function of the first kind, order 0. @param {number} x @returns {number} */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** @param {number} x @returns {number} */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * @param {number} phases @param {number} half taps on each side @param {number} cutoff as a share of the input's half rate
 * @returns {Float32Array[]} taps of each phase; each adds up to 1, so that silence and speech stay as loud as they are
 */
function design(phases, half, cutoff) {
  return Array.from({ length: phases }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * half }, (_unused, tap) => {
      const at = tap - half + 1 - phase / phases;
      const inside = Math.max(0, 1 - (at / half) ** 2);
      return sinc(cutoff * at) * bessel(BETA * Math.sqrt(inside));
    });
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return Float32Array.from(taps, (tap) => tap / sum);
  });
}

export class Resampler {
  /** @param {number} from Hz, of what comes in @param {number} to Hz, of what goes out */
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    this._up = to / divisor;
    this._down = from / divisor;
    const cutoff = Math.min(1, to / from) * (from === to ? 1 : CUTOFF);
    this._half = Math.ceil(CROSSINGS / cutoff);
    this._phases = from === to ? null : design(this._up, this._half, cutoff);
    /** What of the input is still needed: silence before the beginning. @type {Float32Array} */
    this._rest = new Float32Array(2 * this._half - 1);
    /** Of the next output sample in `_rest`, in steps of 1 / up. @type {number} */
    this._position = (this._half - 1) * this._up;
  }

  /** Forget what came before: the next block begins a new stream. */
  reset() {
    this._rest = new Float32Array(2 * this._half - 1);
    this._position = (this._half - 1) * this._up;
  }

  /**
   * @param {Float32Array<ArrayBuffer>} block
   * @returns {Float32Array<ArrayBuffer>} all that is known of the output by now: some is known only after the next block
   */
  process(block) {
    if (this._phases === null) return block;
    const input = new Float32Array(this._rest.length + block.length);
    input.set(this._rest);
    input.set(block, this._rest.length);
    const last = (input.length - this._half) * this._up; // exclusive
    const output = new Float32Array(Math.max(0, Math.ceil((last - this._position) / this._down)));
    for (let index = 0; index < output.length; index += 1, this._position += this._down) {
      const begin = Math.floor(this._position / this._up) - this._half + 1;
      const taps = this._phases[this._position % this._up];
      let sample = 0;
      for (let tap = 0; tap < taps.length; tap += 1) sample += taps[tap] * input[begin + tap];
      output[index] = sample;
    }
    const keepFrom = Math.min(input.length, Math.floor(this._position / this._up) - this._half + 1);
    this._rest = input.slice(keepFrom);
    this._position -= keepFrom * this._up;
    return output;
  }
}
