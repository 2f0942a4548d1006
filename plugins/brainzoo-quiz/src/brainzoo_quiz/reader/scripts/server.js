// A session that lives on the server. Answers are kept here until the server has them.
"use strict";

/** What the server refused, in its words. `passing`: trying again may help. */
class Refused extends Error {
  constructor(message, hint = "", { passing = false, status = 0 } = {}) {
    super(message);
    this.hint = hint;
    this.passing = passing;
    this.status = status;
  }
}

const NO_NETWORK = [
  "The server does not answer.",
  "Your answers are safe on this device. This page tries again by itself.",
];
const REQUEST_MS = 20000;

class ServerDriver {
  constructor() {
    this.data = null;
    this.csrf = "";
    this.lasting = true;
  }

  async open() {
    const found = await this.call("session");
    this.data = found;
    this.csrf = found.csrf;
    this.notebook = new Notebook(`brainzoo-quiz:${found.session}`);
    this.state = this.notebook.read() ?? { open: null, unsent: [] };
    this.lasting = this.notebook.lasting;
    if (this.state.unsent.length && !found.finished && !found.closed) {
      await this.flush();
      return this.open();
    }
    const opened = this.state.open !== null && this.state.open.position === found.next;
    if (opened) {
      this.state.open.reloads += 1;
      this.keep();
    }
    const { started, finished, closed, next } = found;
    return { started, finished, closed, next: next ?? found.trials.length + 1, opened };
  }

  async start(reader) {
    await this.call("start", { ...reader, consent: true });
  }

  /** The server stores the start before it hands out the token; then the image is fetched. */
  async show(position) {
    await this.flush();
    if (this.state.open?.position !== position) {
      this.state.open = openNote(position);
      this.keep();
    }
    const shown = await this.call("show", { position });
    this.state.open.token = shown.token;
    this.keep();
    const pixels = shown.remaining_ms === 0 ? null : await this.images(shown);
    const remaining = pixels ? shown.remaining_ms : 0;
    const { seconds } = this.data.settings;
    const passed = seconds === null ? since(this.state.open.at) : seconds * 1000 - remaining;
    return { pixels, remaining_ms: remaining, passed_ms: Math.max(0, passed) };
  }

  /** Count that the reader looks elsewhere while an image is open. */
  lostFocus() {
    if (!this.state.open) return;
    this.state.open.lost_focus += 1;
    this.keep();
  }

  async answer(position, said) {
    const { open } = this.state;
    if (open?.position === position) {
      const { token, lost_focus, reloads } = open;
      this.state.unsent.push({ position, token, ...said, lost_focus, reloads });
      this.state.open = null;
      this.keep();
    }
    const reply = await this.flush();
    return { answer: reply?.answer ?? null };
  }

  async finish() {
    await this.flush();
    await this.call("finish", {});
  }

  /** Send what is kept, oldest first; the server stores the first of two. Return the last reply. */
  async flush() {
    let reply = null;
    while (this.state.unsent.length) {
      reply = await this.call("answer", this.state.unsent[0]);
      this.state.unsent.shift();
      this.keep();
    }
    return reply;
  }

  /** Return the images of a trial, or null where their time ended on the way. */
  async images({ token, images }) {
    const places = Array.from({ length: images }, (_, i) => i);
    const load = async (place) => {
      const body = await this.request(`api/image/${token}/${place}`, undefined, "arrayBuffer");
      return new Uint8Array(body);
    };
    try {
      return await Promise.all(places.map(load));
    } catch (error) {
      if (error.status === 410 && this.data.settings.seconds !== null) return null;
      throw error;
    }
  }

  call(name, body) { return this.request(`api/${name}`, body); }

  /** Ask the server; a body makes it a POST. Throws {@link Refused}. */
  async request(address, body, kind = "json") {
    const options = { credentials: "same-origin", cache: "no-store", redirect: "error" };
    if (body !== undefined) {
      options.method = "POST";
      options.headers = { "Content-Type": "application/json", "X-Quiz-CSRF": this.csrf };
      options.body = JSON.stringify(body);
      options.keepalive = true;  // so that it arrives though the tab is closed
    }
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), REQUEST_MS);
    try {
      const response = await fetch(address, { ...options, signal: stop.signal });
      if (response.ok) return await response[kind]();
      const { error } = await response.json().catch(() => ({}));
      throw refusal(response.status, error);
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(...NO_NETWORK, { passing: true });
    } finally {
      clearTimeout(late);
    }
  }

  keep() { this.notebook.write(this.state); }
}

function refusal(status, error) {
  if (status >= 500) return new Refused(...NO_NETWORK, { passing: true, status });
  const message = error?.message ?? `The server refused (${status}).`;
  return new Refused(message, error?.hint ?? "", { passing: status === 429, status });
}
