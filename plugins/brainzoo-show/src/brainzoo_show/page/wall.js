// One pane: a wall of samples that fills while they are drawn, and what is known of the model.
"use strict";

const FIRST = { 2: 24, 3: 8 };

class Wall {
  constructor(pane, number, source, open) {
    Object.assign(this, { pane, number, source, open });
    this.samples = [];
    this.count = FIRST[pane.dims];
    this.stop = new AbortController();
    this.list = make("ol", "", { className: "wall" });
    this.list.setAttribute("aria-label", `Images of ${pane.title}`);
    this.status = make("p", "", { className: "status" });
    this.status.setAttribute("role", "status");
    this.more = make("button", "Draw more", { type: "button", className: "more" });
    if (pane.total !== null || !(source instanceof LiveSource)) this.more.textContent = "Show more";
    this.more.addEventListener("click", () => this.grow());
    this.list.addEventListener("keydown", (event) => this.move(event));
    this.root = around("section", [this.heading(), this.list, around("div", [this.status, this.more], { className: "under" }), this.about()], { className: "pane" });
    this.root.setAttribute("aria-labelledby", `title-${number}`);
  }

  heading() {
    const kinds = { model: "Model", real: this.pane.people ? "Real images" : "Simulated images", synthetic: "Synthetic images" };
    return around("div", [
      make("h1", this.pane.title, { id: `title-${this.number}` }),
      make("p", [kinds[this.pane.kind], ...this.pane.facts.slice(0, 2).map(([, text]) => text)].join(" · "), { className: "sub" }),
    ], { className: "heading" });
  }

  /** Ask for samples of a setting; what was asked for before is given up. */
  async show(setting) {
    this.setting = setting;
    this.count = FIRST[this.pane.dims];
    await this.fetch(0, this.count);
  }

  async grow() {
    const start = this.samples.length;
    this.count = start + FIRST[this.pane.dims];
    await this.fetch(start, FIRST[this.pane.dims]);
    this.list.children[start]?.querySelector("button").focus();
  }

  async fetch(start, count) {
    this.stop.abort();
    const stop = this.stop = new AbortController();
    this.root.setAttribute("aria-busy", "true");
    this.root.classList.toggle("fresh", start === 0);
    const began = performance.now();
    let came = 0;
    try {
      await this.source.wall(this.setting, start, count, (sample) => {
        if (stop.signal.aborted) return;
        this.put(sample, start + came);
        came += 1;
      }, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) return;
      this.status.textContent = error instanceof TypeError ? "The server is gone: start brainzoo show again." : error.message;
      this.root.removeAttribute("aria-busy");
      this.root.classList.add("failed");
      return;
    }
    if (stop.signal.aborted) return;
    this.cut(start + came);
    this.root.classList.remove("fresh", "failed");
    this.root.removeAttribute("aria-busy");
    const seconds = (performance.now() - began) / 1000;
    const all = came < count || this.samples.length === this.pane.total;
    this.more.hidden = all;
    const drawn = this.pane.kind === "model" && this.source instanceof LiveSource;
    const how = drawn ? `drawn in ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s` : "";
    this.status.textContent = this.samples.length ? `${this.samples.length} images${how && start === 0 ? `, ${how}` : ""}` : "No image is like that.";
  }

  /** Put a sample in its place; a tile that is there already only changes its picture. */
  put(sample, place) {
    this.samples[place] = sample;
    const text = rowText(sample.row);
    let tile = this.list.children[place];
    if (!tile) {
      const [rows, columns] = this.pane.dims === 2 ? this.pane.shape : [this.pane.shape[1], this.pane.shape[0]];
      const [rowMm, columnMm] = this.pane.dims === 2 ? this.pane.spacing_mm : [this.pane.spacing_mm[1], this.pane.spacing_mm[0]];
      const button = make("button", "", { type: "button" });
      const image = make("img", "", { decoding: "async" });
      image.style.aspectRatio = `${columns * columnMm} / ${rows * rowMm}`;
      button.append(image, make("span", "", { className: "caption" }));
      button.addEventListener("click", () => this.open(this, place));
      tile = around("li", [button]);
      this.list.append(tile);
    }
    const image = tile.querySelector("img");
    image.src = sample.tile;
    image.alt = `Image ${place + 1}${text ? `: ${text}` : ""}`;
    tile.querySelector(".caption").textContent = text;
    tile.querySelector(".caption").setAttribute("aria-hidden", "true");
    tile.classList.add("new");
  }

  cut(count) {
    this.samples.length = count;
    while (this.list.children.length > count) this.list.lastChild.remove();
  }

  /** Arrows go from tile to tile. */
  move(event) {
    const tiles = [...this.list.querySelectorAll("button")];
    const at = tiles.indexOf(document.activeElement);
    const across = getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -at, End: tiles.length - 1 - at };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    tiles[Math.min(tiles.length - 1, Math.max(0, at + steps[event.key]))].focus();
  }

  about() {
    const { facts, figures } = this.pane;
    const list = make("dl");
    for (const [name, text] of facts) list.append(make("dt", nameText(name)), make("dd", text));
    const parts = [list];
    if (figures) {
      const sentences = [...figures.sentences, figures.privacy].map((text) => make("li", text));
      parts.unshift(around("ul", sentences, { className: "figures" }));
      const head = around("tr", ["Evaluator", "Figure", "Value (95 % interval)", "Real people"].map((text) => make("th", text, { scope: "col" })));
      const rows = figures.rows.map((row) => around("tr", row.map((text, i) => make(i === 1 ? "th" : "td", text, i === 1 ? { scope: "row" } : {}))));
      const table = around("div", [around("table", [around("thead", [head]), around("tbody", rows)])], { className: "scroll", tabIndex: 0 });
      table.setAttribute("role", "region");
      table.setAttribute("aria-label", `Every figure of ${this.pane.title}`);
      parts.push(around("details", [make("summary", "Every figure"), table]));
    }
    const title = figures ? "How good it is" : "About these images";
    return around("div", [make("h2", title), ...parts], { className: "about" });
  }
}
