// One image after the other: shows it, runs the clock, takes an answer, tells it in practice.
"use strict";

const BETWEEN_MS = 250;
const TOO_EARLY_MS = 200;

class Reading {
  constructor(driver, texts, stage) {
    this.driver = driver;
    this.texts = texts;
    this.stage = stage;
    this.settings = driver.data.settings;
    this.root = element("reading");
    this.clock = new Clock(this.find(".clock"));
    this.keys = () => {};
    this.extra = this.settings.reasons.length > 0 || stage.marking;
    this.build();
    document.addEventListener("keydown", (event) => this.pressed(event));
    // A button that was clicked lets go of the keys; one that was reached by Tab keeps them.
    this.root.addEventListener("click", (event) => { if (event.detail) document.activeElement.blur(); });
    addEventListener("blur", () => this.left());
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.left(); });
    addEventListener("focus", () => { this.away = false; });
  }

  find(selector) { return this.root.querySelector(selector); }

  /** Make the buttons of this study. */
  build() {
    this.find("#question").textContent = this.texts.question;
    this.words = this.texts.words.map(({ word, label, cap }) => {
      const button = make("button", label, { type: "button", className: "word" });
      button.append(make("kbd", cap));
      button.onclick = () => this.choose({ word });
      return { word, button };
    });
    this.find(".words").append(...this.words.map(({ button }) => button));
    this.marks = [1, 2, 3, 4, 5].map((mark) => {
      const button = make("button", String(mark), { type: "button" });
      const end = { 1: ", guess", 5: ", certain" }[mark] ?? "";
      button.setAttribute("aria-label", `${mark} of 5${end}`);
      button.onclick = () => this.choose({ mark });
      return { mark, button };
    });
    this.find(".marks").append(...this.marks.map(({ button }) => button));
    this.find(".sure").hidden = !this.settings.confidence;
    this.reasons = this.settings.reasons.map((reason) => {
      const button = make("button", reason, { type: "button" });
      button.onclick = () => press(button, button.getAttribute("aria-pressed") !== "true");
      return { reason, button };
    });
    this.find(".reasons").append(...this.reasons.map(({ button }) => button));
    this.find(".why").hidden = !this.extra;
    this.find(".spot").hidden = !this.stage.marking;
    this.find(".next").onclick = () => this.next();
    this.find(".none").onclick = () => this.choose({ word: null });
    Object.assign(this.root.dataset, { sure: this.settings.confidence ? "yes" : "no", extra: this.extra ? "yes" : "no" });
    connectTools(this.root, this.stage, this.texts);
  }

  /** Show one trial and resolve when its answer is stored. */
  async read(trial, place, of) {
    this.reset(trial, place, of);
    showScreen("reading");
    this.stage.hide();
    const shown = await patient(() => this.driver.show(trial.position), () => showScreen("reading"));
    this.open = true;
    const late = shown.remaining_ms !== null && shown.remaining_ms <= 0;
    if (late) this.stage.hide(this.texts.over);
    else await this.stage.show(shown.pixels);
    const { seconds } = this.settings;
    const answered = new Promise((done) => { this.done = done; });
    const clock = { seconds, remaining: shown.remaining_ms, passed: shown.passed_ms };
    this.clock.start({ ...clock, ended: () => this.ended() });
    if (late) this.ended();
    setTimeout(() => this.asks(this.open), TOO_EARLY_MS);  // the key of the image before
    const said = await answered;
    this.open = false;
    this.asks(false);
    this.clock.stop();
    this.clock.place.classList.add("off");
    if (trial.phase !== "practice") this.stage.hide();
    const reply = await patient(() => this.driver.answer(trial.position, said), () => showScreen("reading"));
    if (reply.answer) await this.tell(reply.answer, said.answer, shown.pixels);
    this.stage.hide();
    await pause(BETWEEN_MS);
  }

  /** Say whether an answer is taken now. */
  asks(yes) { this.root.dataset.asks = yes ? "yes" : "no"; }

  reset(trial, place, of) {
    this.said = { word: undefined, mark: null, timedOut: false, ms: 0 };
    this.find(".phase").textContent = trial.phase === "practice" ? "Practice" : this.texts.Thing;
    this.find(".number").textContent = String(place);
    this.find(".of").textContent = `of ${of}`;
    this.find("progress").value = (place - 1) / of;
    this.asking(true);
    for (const { button } of [...this.words, ...this.marks, ...this.reasons]) press(button, false);
    this.find(".none").hidden = true;
    this.clock.place.classList.add("off");
    this.away = false;
    this.asks(false);
    this.update();
  }

  /** Show the question, or what follows an answer; both keep their room. */
  asking(yes) {
    this.find(".asking").classList.toggle("off", !yes);
    this.find(".answered").classList.toggle("off", yes);
  }

  /** The time is over: the image goes, the question stays. */
  ended() {
    this.stage.hide(this.texts.over);
    this.find(".none").hidden = false;
    speak("Time is over. Please answer.");
  }

  /** Take a word, a confidence, or both in turn; what was chosen last counts. */
  choose({ word, mark }) {
    if (this.root.dataset.asks !== "yes") return;
    if (word !== undefined) {
      Object.assign(this.said, { word, timedOut: this.clock.over, ms: this.clock.seen() });
      for (const one of this.words) press(one.button, one.word === word);
    }
    if (mark !== undefined) {
      this.said.mark = mark;
      for (const one of this.marks) press(one.button, one.mark === mark);
    }
    this.update();
    if (word === null || (this.complete() && !this.extra)) this.next();
  }

  complete() {
    const sure = this.said.mark !== null || !this.settings.confidence;
    return this.said.word !== undefined && sure;
  }

  update() {
    this.find(".next").hidden = !this.extra;
    this.find(".next").disabled = !this.complete();
  }

  next() {
    const { word, mark, timedOut, ms } = this.said;
    if (!this.open || !(this.complete() || word === null)) return;
    this.open = false;
    const ticked = this.reasons.filter(({ button }) => button.getAttribute("aria-pressed") === "true");
    this.done({
      answer: word,
      confidence: word === null ? null : mark,
      response_ms: ms,
      timed_out: timedOut,
      reasons: ticked.map(({ reason }) => reason),
      click: this.stage.click(),
    });
  }

  /** Tell the right answer, beside the image, without a clock. */
  async tell(truth, said, pixels) {
    if (!this.stage.shown && pixels) await this.stage.show(pixels);
    const label = this.texts.words.find(({ word }) => word === truth).label.toLowerCase();
    const other = this.texts.words.find(({ word }) => word === said)?.label.toLowerCase();
    const verdict = this.texts.truth(label);
    const you = said === truth ? "You were right." : other ? `You said ${other}.` : "You gave no answer.";
    this.find(".verdict").textContent = verdict;
    this.find(".answered .said").textContent = you;
    speak(`${verdict} ${you}`);
    this.asking(false);
    this.telling = true;
    await new Promise((done) => {
      this.find(".seen").onclick = done;
      this.find(".seen").focus({ preventScroll: true });
    });
    this.telling = false;
  }

  left() {
    if (this.open && !this.away) this.driver.lostFocus();
    this.away = true;
  }

  pressed(event) {
    if (this.root.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const slider = event.target.tagName === "INPUT";
    const enter = key === "Enter" && !event.repeat && event.target.tagName !== "BUTTON";
    const move = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[key];
    const word = this.texts.words.find(({ keys }) => keys.includes(key) && !(slider && key.startsWith("Arrow")));
    const digit = /^[1-5]$/.test(key) ? Number(key) : null;
    const act = [
      [word && !event.repeat, () => this.choose({ word: word.word })],
      [digit && this.settings.confidence && !event.repeat, () => this.choose({ mark: digit })],
      [digit && digit < 3 && this.texts.numbered && !event.repeat, () => this.choose({ word: this.texts.words[digit - 1].word })],
      [enter && this.open && this.extra, () => this.next()],
      [enter && this.telling, () => this.find(".seen").click()],
      [key === "w", () => this.stage.setRange(WHOLE_WINDOW)],
      [key === "p" && !event.repeat, () => this.stage.turn()],
      [move && !slider, () => this.stage.scroll(move)],
    ].find(([applies]) => applies);
    if (!act) return;
    event.preventDefault();
    act[1]();
  }
}

function press(button, yes) { button.setAttribute("aria-pressed", String(yes)); }

/** Join the sliders and buttons of the panel with the stage. */
function connectTools(root, stage, texts) {
  const find = (selector) => root.querySelector(selector);
  const [width, level, slice] = [find(".width"), find(".level"), find(".slice")];
  const set = () => stage.setWindow(width.valueAsNumber, level.valueAsNumber);
  for (const slider of [width, level, slice]) {
    slider.addEventListener("pointerup", () => slider.blur());  // arrows answer, or go through slices
  }
  width.oninput = set;
  level.oninput = set;
  find(".reset").onclick = () => stage.setRange(WHOLE_WINDOW);
  find(".slices").hidden = stage.image.dims !== 3;
  slice.oninput = () => stage.scroll(slice.valueAsNumber - stage.viewers[0].slice().at);
  find(".turn").onclick = () => stage.turn();
  stage.changed = () => {
    for (const [input, value] of [[width, stage.windowWidth], [level, stage.windowLevel]]) {
      input.value = String(Math.round(value));
      input.nextElementSibling.textContent = input.value;
    }
    find(".spot").textContent = stage.mark ? "Marked. Click there again to take it back." : texts.spot;
    if (stage.image.dims !== 3 || !stage.viewers) return;
    const { plane, at, of } = stage.viewers[0].slice();
    slice.max = String(of);
    slice.value = String(at);
    slice.nextElementSibling.textContent = `${plane} ${at}/${of}`;
  };
}
