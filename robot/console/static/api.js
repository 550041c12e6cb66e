// The REST interface. What goes wrong is an Error whose message says what to do.

export async function ask(method, path, body) {
  const sent = body instanceof Blob || body === undefined ? { body } : {
    body: JSON.stringify(body), headers: { "content-type": "application/json" },
  };
  let answer;
  try {
    answer = await fetch(path, { method, ...sent });
  } catch {
    throw new Error("The robot does not answer: it is being restarted, or the network is away.");
  }
  if (answer.status === 401) location.assign("/login");
  if (answer.status === 204) return null;
  const document = await answer.json().catch(() => ({ detail: `The robot answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(document.detail);
  return document;
}

/** An address with the values of `query` that are there. */
export function address(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
