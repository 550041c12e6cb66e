/** What the page asks of the console: which campaigns there are, and where the robot listens. */

/** @typedef {{ name: string, language: string | null, fields: string[] }} Campaign */

/** The console says no. `message` is for people, "" when it gave no reason. */
export class Refusal extends Error {
  /** @param {number} status @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Raises Refusal, and TypeError when nobody answers. @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function asked(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  throw new Refusal(response.status, told.detail ?? "");
}

/** @returns {Promise<Campaign[]>} */
export async function campaigns() {
  return (await asked("/api/voice")).campaigns;
}

/** The address of the door, with what opens it once. @returns {Promise<string>} */
export async function door() {
  return (await asked("/api/voice/tickets", { method: "POST" })).url;
}
