/** The WebSocket to the robot: one conversation each. */

/**
 * @typedef {object} Listener
 * @property {() => void} opened
 * @property {(message: import("./conversation.js").Message) => void} received
 * @property {(code: number, opened: boolean) => void} closed not called after `close`
 */

/** What may wait for a slow network: more audio than that is old when it arrives. */
const MOST_WAITING_BYTES = 64000;

export class Connection {
  /** @param {string} url @param {Listener} listener */
  constructor(url, listener) {
    this._socket = new WebSocket(url);
    this._opened = false;
    this._socket.onopen = () => {
      this._opened = true;
      listener.opened();
    };
    this._socket.onmessage = ({ data }) => {
      if (typeof data === "string") listener.received(JSON.parse(data));
    };
    this._socket.onclose = ({ code }) => listener.closed(code, this._opened);
  }

  /** @param {import("./conversation.js").Message} message */
  send(message) {
    if (this._socket.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(message));
  }

  /** @param {ArrayBuffer} audio @param {boolean} live it is of no use when it is late */
  sendAudio(audio, live) {
    if (this._socket.readyState !== WebSocket.OPEN) return;
    if (!live || this._socket.bufferedAmount <= MOST_WAITING_BYTES) this._socket.send(audio);
  }

  close() {
    this._socket.onopen = this._socket.onmessage = this._socket.onclose = null;
    this._socket.close(1000);
  }
}
