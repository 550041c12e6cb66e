/** What the page asks of the console: which campaigns there are, and where the robot listens. */

/** @typedef {{ name: string, language: string | null, fields: string[] }} Campaign */

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
async function asked(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** @returns {Promise<Campaign[]>} */
export async function campaigns() {
  return (await asked("/api/voice")).campaigns;
}

/** The address of the door, with what opens it once. @returns {Promise<string>} */
export async function door() {
  return (await asked("/api/voice/tickets", { method: "POST" })).url;
}
