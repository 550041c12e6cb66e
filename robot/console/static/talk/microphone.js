/** The microphone as frames of 20 ms at 16 kHz, by way of an AudioWorklet. */

import { loudness } from "./pcm.js";

/** What a person's voice needs: the browser takes the robot's own voice out of it. */
const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** @returns {"worklet" | "recorder" | "insecure_context" | "unsupported"} how this browser can be listened to */
export function means() {
  if (!window.isSecureContext) return "insecure_context";
  if (navigator.mediaDevices?.getUserMedia === undefined) return "unsupported";
  if (typeof AudioWorkletNode === "function") return "worklet";
  return typeof MediaRecorder === "function" ? "recorder" : "unsupported";
}

/**
 * Ask for the microphone. Raises DOMException as getUserMedia does.
 * @param {string} device its id, "" for the usual one @returns {Promise<MediaStream>}
 */
export function ask(device) {
  const chosen = device === "" ? {} : { deviceId: { exact: device } };
  return navigator.mediaDevices.getUserMedia({ audio: { ...WANTED, ...chosen } });
}

/** Those that there are; with names only once one was allowed. @returns {Promise<{ id: string, name: string }[]>} */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId !== "" && label !== "")
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}

/** What a stream brings; whoever asked for the stream ends it. */
export class Microphone {
  /**
   * @param {AudioContext} context @param {MediaStream} stream
   * @param {(frame: ArrayBuffer) => void} onFrame
   * @returns {Promise<Microphone>}
   */
  static async open(context, stream, onFrame) {
    await context.audioWorklet.addModule(new URL("./capture.worklet.js", import.meta.url));
    return new Microphone(context, stream, onFrame);
  }

  /** @param {AudioContext} context @param {MediaStream} stream @param {(frame: ArrayBuffer) => void} onFrame */
  constructor(context, stream, onFrame) {
    this.level = -100; // dB below full scale of the latest frame
    this._source = context.createMediaStreamSource(stream);
    this._node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this._node.port.onmessage = ({ data }) => {
      this.level = loudness(new Int16Array(data), 32768);
      onFrame(data);
    };
    this._source.connect(this._node);
  }

  close() {
    this._node.port.onmessage = null;
    this._source.disconnect();
  }
}
