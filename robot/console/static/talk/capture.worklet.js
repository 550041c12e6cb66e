/** Runs on the audio thread: the microphone at the machine's rate in, frames of 20 ms at 16 kHz out. */

import { Framer, RATE, toPcm } from "./pcm.js";
import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = new Resampler(sampleRate, RATE);
    this._framer = new Framer();
    this._mono = new Float32Array(128);
  }

  /** @param {Float32Array<ArrayBuffer>[][]} inputs @returns {boolean} */
  process([channels]) {
    if (channels.length > 0) {
      this._framer.push(this._resampler.process(this._mixed(channels)), (frame) => {
        const pcm = toPcm(frame);
        this.port.postMessage(pcm.buffer, [pcm.buffer]);
      });
    }
    return true;
  }

  /** @param {Float32Array<ArrayBuffer>[]} channels @returns {Float32Array<ArrayBuffer>} */
  _mixed(channels) {
    if (channels.length === 1) return channels[0];
    if (this._mono.length !== channels[0].length) this._mono = new Float32Array(channels[0].length);
    this._mono.forEach((_, at) => {
      this._mono[at] = channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length;
    });
    return this._mono;
  }
}

registerProcessor("capture", Capture);
