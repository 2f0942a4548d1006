// A session that lives in this page alone: pixels lie in the page, answers in this browser.
"use strict";

class StaticDriver {
  constructor(data) {
    this.data = data;
    this.notebook = new Notebook(`brainzoo-quiz:${data.session}`);
    this.state = { reader: null, started_at: null, finished_at: null, open: null, answers: [] };
  }

  get lasting() { return this.notebook.lasting; }

  async open() {
    this.state = this.notebook.read() ?? this.state;
    if (this.state.open) {
      this.state.open.reloads += 1;
      this.keep();
    }
    return {
      started: this.state.started_at !== null,
      finished: this.state.finished_at !== null,
      closed: false,
      next: this.state.answers.length + 1,
      opened: this.state.open !== null,
    };
  }

  async start(reader) {
    this.expectLatest();
    this.state.reader = reader;
    this.state.started_at = new Date().toISOString();
    this.keep();
  }

  /** The start is stored before the first pixel is decoded. */
  async show(position) {
    this.expectLatest(position - 1);
    if (this.state.open?.position !== position) {
      this.state.open = openNote(position);
      this.keep();
    }
    const { seconds } = this.data.settings;
    const passed = since(this.state.open.at);
    return {
      pixels: this.pixels(this.data.trials[position - 1].token),
      remaining_ms: seconds === null ? null : Math.max(0, seconds * 1000 - passed),
      passed_ms: passed,
    };
  }

  /** Count that the reader looks elsewhere while an image is open. */
  lostFocus() {
    if (this.state.open && !this.behind()) {
      this.state.open.lost_focus += 1;
      this.keep();
    }
  }

  async answer(position, said) {
    const trial = this.data.trials[position - 1];
    const kept = this.notebook.read();
    if (kept && kept.answers.length >= position) {
      this.state = kept;  // another tab of the same session was first
    } else {
      const { shown_at, lost_focus, reloads } = this.state.open;
      const { token, phase } = trial;
      this.state.answers.push({ position, token, phase, ...said, shown_at, lost_focus, reloads });
      this.state.open = null;
      this.keep();
    }
    return { answer: trial.answer ?? null };
  }

  async finish() {
    this.expectLatest();
    this.state.finished_at = new Date().toISOString();
    this.keep();
  }

  /** Return whether anything was answered. */
  any() { return this.state.answers.length > 0; }

  /** Return the answers file, as brainzoo_quiz.answers reads it. */
  file() {
    const { study, commitment, session, seat } = this.data;
    const content = {
      kind: "brainzoo quiz answers",
      schema: 1,
      study,
      commitment,
      session,
      reader: { id: seat, ...this.state.reader },
      started_at: this.state.started_at,
      finished_at: this.state.finished_at,
      answers: this.state.answers,
    };
    const sealed = { ...content, digest: digest(content) };
    const name = seat.replace(/[^A-Za-z0-9_-]+/g, "-");
    return {
      name: `answers-${name}-${study.slice(0, 8)}.json`,
      text: `${JSON.stringify(sealed, null, 1)}\n`,
      digest: sealed.digest,
    };
  }

  keep() { this.notebook.write(this.state); }

  /** Tell whether another tab of this session went on: what it stored must not be undone. */
  behind() { return progress(this.notebook.read() ?? this.state) > progress(this.state); }

  expectLatest(answered = Infinity) {
    if (!this.behind() && this.state.answers.length <= answered) return;
    throw new Refused("This study went on in another tab.", "Go on there and close this one, or load this page again.");
  }

  pixels(token) {
    return [...document.querySelectorAll(`script[data-token="${token}"]`)].map((element) => {
      const text = atob(element.textContent);
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
      return bytes;
    });
  }
}

/** Return how far a session is: started, answers, finished. */
function progress({ started_at, answers, finished_at }) {
  return answers.length + (started_at !== null) + (finished_at !== null);
}
