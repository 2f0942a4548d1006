// The settings: what is asked of all panes, and each model's own options.
"use strict";

const ANY = "";
const MOST_SEED = 1e9;

/** Return the columns of all panes, each with the widest range and every level. */
function columnsOf(panes) {
  const found = new Map();
  for (const { columns } of panes) {
    for (const { name, levels, low, high } of columns) {
      const old = found.get(name);
      if (!old) found.set(name, { name, levels: [...levels], low, high });
      else if (levels.length) old.levels = [...new Set([...old.levels, ...levels])];
      else { old.low = Math.min(old.low, low); old.high = Math.max(old.high, high); }
    }
  }
  return [...found.values()];
}

class Controls {
  /** `changed` is called at every move. */
  constructor(form, state, changed) {
    this.form = form;
    this.state = state;
    this.changed = onceAFrame(changed);
    this.condition = {};
    this.sampling = state.panes.map(() => ({}));
    this.seed = state.seed;
    this.channel = 0;
    this.labels = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    this.build();
  }

  /** Return what is asked of one pane: only what it knows, within its own range. */
  setting(number) {
    const pane = this.state.panes[number];
    const condition = {};
    for (const { name, levels, low, high } of pane.columns) {
      const value = this.condition[name];
      if (value === undefined) continue;
      if (!levels.length) condition[name] = Math.min(high, Math.max(low, value));
      else if (levels.includes(value)) condition[name] = value;
    }
    const { seed, channel, labels } = this;
    return { seed, condition, sampling: this.sampling[number], channel, labels };
  }

  build() {
    const { panes } = this.state;
    const columns = columnsOf(panes);
    if (columns.length) {
      this.form.append(around("fieldset", [
        make("legend", "Who"),
        ...columns.map((column) => (column.levels.length ? this.choice(column) : this.slider(column))),
      ]));
    }
    panes.forEach((pane, number) => {
      if (!pane.options.length) return;
      const title = panes.length > 1 ? `How ${pane.title} draws` : "How it draws";
      const fields = pane.options.map((option) => this.option(option, number));
      this.form.append(around("fieldset", [make("legend", title), ...fields]));
    });
    this.form.append(around("fieldset", [make("legend", "Which"), ...this.others(panes)]));
  }

  /** A slider with a button that leaves the value open. */
  slider({ name, low, high }) {
    const step = high - low > 10 ? 1 : (high - low) / 100;
    const input = make("input", "", { type: "range", id: `c-${name}`, min: low, max: high, step });
    input.value = (low + high) / 2;
    const output = make("output", "", { htmlFor: `c-${name}` });
    const any = make("button", "Any", { type: "button", className: "any" });
    any.setAttribute("aria-label", `Any ${name}`);
    const show = (open) => {
      any.setAttribute("aria-pressed", String(open));
      input.classList.toggle("open", open);
      output.textContent = open ? "" : shown(Number(input.value));
      input.setAttribute("aria-valuetext", open ? "any" : output.textContent);
    };
    input.addEventListener("input", () => { this.condition[name] = Number(input.value); show(false); this.changed(); });
    any.addEventListener("click", () => { delete this.condition[name]; show(true); this.changed(); });
    show(true);
    const ends = around("span", [make("span", shown(low)), make("span", shown(high))], { className: "ends" });
    ends.setAttribute("aria-hidden", "true");
    return around("div", [
      around("div", [make("label", nameText(name), { htmlFor: input.id }), output, any], { className: "head" }),
      input, ends,
    ], { className: "field" });
  }

  choice({ name, levels }) {
    const radios = [ANY, ...levels].map((level) => {
      const input = make("input", "", { type: "radio", name: `c-${name}`, value: level, checked: level === ANY });
      input.addEventListener("change", () => {
        if (level === ANY) delete this.condition[name];
        else this.condition[name] = level;
        this.changed();
      });
      return around("label", [input, make("span", level || "Any")]);
    });
    const group = around("div", radios, { className: "choices" });
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", nameText(name));
    return around("div", [make("p", nameText(name), { className: "name" }), group], { className: "field" });
  }

  option({ name, help, kind, whole, choices, minimum, maximum, value }, number) {
    const id = `o-${number}-${name}`;
    const set = (chosen) => { this.sampling[number] = { ...this.sampling[number], [name]: chosen }; this.changed(); };
    let input;
    const output = make("output", "", { htmlFor: id });
    if (kind === "choice") {
      input = around("select", choices.map((one) => make("option", one, { value: one, selected: one === value })), { id });
      input.addEventListener("change", () => set(input.value));
    } else if (kind === "flag") {
      input = make("input", "", { id, type: "checkbox", checked: value });
      input.addEventListener("change", () => set(input.checked));
    } else if (!whole && minimum !== null && maximum !== null && maximum - minimum <= 2) {
      input = make("input", "", { id, type: "range", min: minimum, max: maximum, step: 0.01 });
      input.value = value;
      output.textContent = shown(value);
      input.addEventListener("input", () => { output.textContent = shown(Number(input.value)); set(Number(input.value)); });
    } else {
      input = make("input", "", { id, type: "number", min: minimum ?? "", max: maximum ?? "", step: whole ? 1 : "any", value });
      input.addEventListener("change", () => { if (input.value !== "" && input.checkValidity()) set(Number(input.value)); });
    }
    input.setAttribute("aria-describedby", `${id}-help`);
    return around("div", [
      around("div", [make("label", nameText(name), { htmlFor: id }), output], { className: "head" }),
      input, make("p", help, { className: "help", id: `${id}-help` }),
    ], { className: "field" });
  }

  others(panes) {
    const fields = [];
    if (this.state.live) {
      const input = make("input", "", { type: "number", id: "seed", min: 0, step: 1, value: this.seed });
      const set = (seed) => { this.seed = seed; input.value = seed; this.changed(); };
      input.addEventListener("change", () => set(Math.max(0, Math.floor(Number(input.value)) || 0)));
      const other = make("button", "Others", { type: "button", id: "others" });
      other.append(" ", make("kbd", "N"));
      other.addEventListener("click", () => set(Math.floor(Math.random() * MOST_SEED)));
      fields.push(around("div", [
        make("label", "Seed", { htmlFor: "seed" }), around("div", [input, other], { className: "row" }),
      ], { className: "field" }));
    } else {
      fields.push(make("p", `Seed ${this.seed}; drawn beforehand.`, { className: "help" }));
    }
    const channels = [...new Set(panes.flatMap((pane) => pane.channels))];
    if (this.state.live && channels.length > 1) {
      const select = around("select", panes[0].channels.map((name, i) => make("option", name, { value: i })), { id: "channel" });
      select.addEventListener("change", () => { this.channel = Number(select.value); this.changed(); });
      fields.push(around("div", [make("label", "Contrast", { htmlFor: "channel" }), select], { className: "field" }));
    }
    if (this.state.live && panes.some((pane) => pane.labels.length)) {
      const box = make("input", "", { type: "checkbox", id: "labels" });
      box.addEventListener("change", () => { this.labels = box.checked; this.changed(); });
      fields.push(around("div", [around("div", [box, make("label", "Colour the label map", { htmlFor: "labels" })], { className: "row" })], { className: "field" }));
    }
    return fields;
  }
}
