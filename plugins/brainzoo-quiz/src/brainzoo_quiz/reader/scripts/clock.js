// How long an image has been seen, and when its time is over.
"use strict";

const TICK_MS = 100;

/** Resolve when the browser has shown what was drawn: after two animation frames. */
function twoFrames() {
  return new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
}

function pause(ms) {
  return new Promise((done) => { setTimeout(done, ms); });
}

/**
 * Counts from when the image was visible. `remaining` is null where nothing hurries. The larger of
 * two clocks counts: one that sleeps with the computer, and one that can be set back.
 */
class Clock {
  constructor(place) {
    this.place = place;
    this.timer = 0;
    this.over = false;
  }

  start({ seconds, remaining, passed, ended }) {
    this.stop();
    this.passed = passed;
    this.began = { real: performance.now(), wall: Date.now() };
    this.over = remaining !== null && remaining <= 0;
    this.place.hidden = remaining === null;
    if (remaining === null) return;
    this.place.classList.remove("off");
    const tick = () => {
      const left = Math.max(0, remaining - this.run());
      this.draw(left, seconds * 1000);
      if (left > 0) return;
      clearInterval(this.timer);
      if (this.over) return;
      this.over = true;
      ended();
    };
    if (!this.over) this.timer = setInterval(tick, TICK_MS);
    tick();
  }

  stop() {
    clearInterval(this.timer);
  }

  /** Return milliseconds since the image was first shown, over reloads. */
  seen() { return Math.round(this.passed + this.run()); }

  run() {
    const { real, wall } = this.began;
    return Math.max(0, performance.now() - real, Date.now() - wall);
  }

  draw(left, whole) {
    const hand = this.place.querySelector(".hand");
    hand.style.strokeDashoffset = String(100 * (1 - left / whole));
    const text = String(Math.ceil(left / 1000));
    const digits = this.place.querySelector(".digits");
    if (digits.textContent !== text) digits.textContent = text;
  }
}
