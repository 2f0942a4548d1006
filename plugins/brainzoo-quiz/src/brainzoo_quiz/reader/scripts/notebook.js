// What this browser keeps of one session: small JSON under one name, in memory where it may not.
"use strict";

/** Keeps one JSON value that outlives the tab. `lasting` says whether it really does. */
class Notebook {
  constructor(name) {
    this.name = name;
    this.memory = null;
    this.lasting = true;
    try {
      const probe = `${name}:probe`;
      localStorage.setItem(probe, "1");
      localStorage.removeItem(probe);
    } catch {
      this.lasting = false;
    }
  }

  read() {
    if (!this.lasting) return this.memory;
    try {
      return JSON.parse(localStorage.getItem(this.name)) ?? this.memory;
    } catch {
      return this.memory;
    }
  }

  write(value) {
    this.memory = value;
    try {
      localStorage.setItem(this.name, JSON.stringify(value));
    } catch {
      this.lasting = false;
    }
  }
}

/** Return milliseconds since a stored moment; a clock that was set back gives no time back. */
function since(at) {
  return Math.abs(Date.now() - at);
}

/** Return a new note of the image that is open. */
function openNote(position) {
  return { position, at: Date.now(), shown_at: new Date().toISOString(), lost_focus: 0, reloads: 0 };
}
