// What happens, as the server tells it: everything once, then what changed. One connection for the page that is shown.

const TOPICS = ["calls", "campaigns", "health", "words"];

export class Live {
  /** `shown` is called at most once a frame after something has changed, with the names that did, by topic. */
  constructor(standing) {
    this.now = Object.fromEntries(TOPICS.map((topic) => [topic, new Map()]));
    this.shown = () => {};
    this.connected = false;
    this.known = false; // a snapshot has come
    this._standing = standing;
    this._changed = null;
    this._source = null;
    this._call = null;
    // A browser has six connections with a robot for all of its windows: those that nobody sees keep none.
    document.addEventListener("visibilitychange", () => {
      this._source?.close();
      this._source = null;
      if (!document.hidden) this.follow(this._call);
    });
  }

  /** call: whose words are wanted, too. */
  follow(call = null) {
    if (this._source && this._call === call) return;
    this._call = call;
    this._source?.close();
    const source = new EventSource(call ? `/api/events?call=${call}` : "/api/events");
    this._source = source;
    source.addEventListener("snapshot", (event) => this._take(JSON.parse(event.data), true));
    source.addEventListener("change", (event) => this._take(JSON.parse(event.data), false));
    source.onopen = () => this._stand(true);
    source.onerror = () => {
      this._stand(false);
      // A browser tries again by itself, but for an answer that is no stream: then somebody has to log in, or it is late.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this._again(source), 3000);
    };
  }

  get calls() { return this.now.calls; }
  get campaigns() { return this.now.campaigns; }
  get health() { return this.now.health.get("robot"); }

  async _again(source) {
    if (source !== this._source) return;
    const answer = await fetch("/api/health").catch(() => null);
    if (answer?.status === 401) location.assign("/login");
    const call = this._call;
    this._source = null;
    this.follow(call);
  }

  _stand(connected) {
    this.connected = connected;
    this._standing.className = connected ? "standing" : "standing away";
    this._standing.textContent = connected ? "" : "No connection. What is shown may be old; trying again.";
  }

  _take(told, everything) {
    const changed = this._changed ?? Object.fromEntries(TOPICS.map((topic) => [topic, new Set()]));
    if (everything) {
      for (const topic of TOPICS) {
        for (const name of this.now[topic].keys()) {
          if (!(told[topic] && name in told[topic])) this._put(topic, name, null, changed);
        }
      }
      this.known = true;
    }
    for (const [topic, named] of Object.entries(told)) {
      for (const [name, news] of Object.entries(named)) this._put(topic, name, news, changed);
    }
    if (!this._changed) requestAnimationFrame(() => {
      const all = this._changed;
      this._changed = null;
      this.shown(all);
    });
    this._changed = changed;
  }

  _put(topic, name, news, changed) {
    if (news === null) this.now[topic].delete(name);
    else this.now[topic].set(name, { ...this.now[topic].get(name), ...news });
    changed[topic].add(name);
  }
}
