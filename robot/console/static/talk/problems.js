/** What can go wrong between a person and the robot, and what to do about it. Pure. */

import { Refusal } from "./voice_api.js";

/**
 * @typedef {{ code: string, title: string, remedy: string, again: boolean }} Problem
 *   remedy: "" where nothing is to be done. again: trying again may help.
 */

/** @type {Record<string, [string, string]>} */
const PROBLEMS = {
  insecure_context: [
    "This page may not use the microphone",
    "Browsers allow it only on https:// and on this machine itself. Open the page as http://localhost, forward the "
      + "port with ssh -L, or put the console behind a web server with a certificate.",
  ],
  unsupported: [
    "This browser cannot record",
    "It has neither AudioWorklet nor MediaRecorder. Use a current Chrome, Edge, Firefox or Safari.",
  ],
  NotAllowedError: [
    "The microphone is blocked",
    "Allow it for this page: the icon left of the address, then Microphone, Allow. If it is allowed there, the "
      + "operating system blocks it: look in its privacy settings. Then start again.",
  ],
  NotFoundError: [
    "No microphone found",
    "Plug one in, or switch the headset on, and start again.",
  ],
  OverconstrainedError: [
    "That microphone is gone",
    "Choose another one and start again.",
  ],
  NotReadableError: [
    "The microphone cannot be opened",
    "Another program may hold it: end other calls and meetings, and start again.",
  ],
  microphone_ended: [
    "The microphone was switched off",
    "It was unplugged, or its permission withdrawn. Plug it in and start again.",
  ],
  microphone_silent: [
    "Nothing comes from the microphone",
    "It may be muted: look for a key on the headset or laptop, and whether the right microphone is chosen.",
  ],
  stutters: [
    "The robot's voice comes late",
    "The network between here and the robot is slow, or the robot's machine has too much to do.",
  ],
  recording_failed: [
    "The recording could not be read",
    "Say it once more. If it happens again, use a current Chrome, Edge, Firefox or Safari.",
  ],
  no_door: [
    "Nobody can talk to this robot now",
    "Its log and `robot doctor` tell more.",
  ],
  unreachable: [
    "The robot does not answer",
    "Is it running, has it as many conversations as it may, may this page talk to it? Its log says who was refused, "
      + "and `robot doctor` what is wrong.",
  ],
  lost: [
    "The connection was lost",
    "The conversation is over. Start a new one when the network is back.",
  ],
  stopping: [
    "The robot is being stopped",
    "Start a new conversation when it is running again.",
  ],
  refused: [
    "The robot does not let this page in",
    "Log in to the console again. Its log says why.",
  ],
};

/** @param {string} code @returns {Problem} */
export function problem(code) {
  const [title, remedy] = PROBLEMS[code] ?? ["Something went wrong", `Start again. The robot's log knows more (${code}).`];
  return { code, title, remedy, again: code !== "unsupported" && code !== "insecure_context" };
}

/** Of what the microphone said. @param {unknown} error @returns {Problem} */
export function microphoneProblem(error) {
  if (error instanceof DOMException) return problem(error.name === "SecurityError" ? "NotAllowedError" : error.name);
  throw error;
}

/** Of what the console said, or that it said nothing. @param {unknown} error @returns {Problem} */
export function consoleProblem(error) {
  if (!(error instanceof Refusal)) return problem("unreachable");
  if (error.status === 401) return problem("refused");
  const told = problem("no_door");
  return error.message === "" ? told : { ...told, remedy: error.message };
}

/** Of how a connection ended. @param {number} code the WebSocket's @param {boolean} opened @returns {Problem} */
export function connectionProblem(code, opened) {
  if (!opened) return problem("unreachable");
  if (code === 1001 || code === 1012) return problem("stopping");
  return problem(code === 1008 ? "refused" : "lost");
}

/** Of an error that the robot sent. @param {{ code: string, message: string, recoverable: boolean }} message @returns {Problem} */
export function serverProblem({ code, message, recoverable }) {
  return { code, title: message, remedy: recoverable ? "" : "The conversation is over. Start a new one.", again: true };
}
