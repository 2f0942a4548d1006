// One image, as large as the screen allows; volumes scroll in three planes.
"use strict";

class Closer {
  constructor(state) {
    this.state = state;
    this.dialog = element("closer");
    this.stage = this.dialog.querySelector(".stage");
    this.viewer = null;
    element("closer-close").addEventListener("click", () => this.dialog.close());
    element("closer-back").addEventListener("click", () => this.go(-1));
    element("closer-next").addEventListener("click", () => this.go(1));
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    window.addEventListener("resize", onceAFrame(() => this.fit()));
  }

  async open(wall, place) {
    Object.assign(this, { wall, place });
    if (!this.dialog.open) this.dialog.showModal();
    await this.show();
  }

  go(steps) {
    const next = this.place + steps;
    if (next < 0 || next >= this.wall.samples.length) return;
    this.place = next;
    this.show();
  }

  async show() {
    const { wall, place } = this;
    const sample = wall.samples[place];
    element("closer-title").textContent = `${wall.pane.title}, image ${place + 1} of ${wall.samples.length}`;
    element("closer-back").disabled = place === 0;
    element("closer-next").disabled = place === wall.samples.length - 1;
    const facts = element("closer-facts");
    facts.replaceChildren();
    for (const [name, value] of Object.entries(sample.row)) {
      facts.append(around("div", [make("dt", nameText(name)), make("dd", shown(value))]));
    }
    this.offer(sample);
    this.clear();
    if (wall.pane.dims === 3 && this.state.live) await this.showVolume(sample, place);
    else this.showPicture(sample);
  }

  showPicture(sample) {
    const image = make("img", "", { src: sample.planes ?? sample.tile, alt: rowText(sample.row) || "The image" });
    this.stage.replaceChildren(image);
  }

  async showVolume(sample, place) {
    const wait = make("p", "Fetching the volume …", { className: "wait" });
    this.stage.replaceChildren(wait);
    let pixels;
    try {
      pixels = await this.wall.source.volume(this.wall.setting, place);
    } catch (error) {
      wait.textContent = error.message;
      return;
    }
    if (!this.dialog.open || this.place !== place) return;
    const canvas = make("canvas", "", { tabIndex: 0 });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Three planes; arrow up and down scroll, P changes the large plane");
    this.stage.replaceChildren(around("div", [canvas], { className: "frame" }));
    const image = { shape: this.wall.pane.shape, spacing_mm: this.wall.pane.spacing_mm };
    const viewer = (await niivueViewer(canvas, image).catch(() => null)) ?? new PlanesViewer(canvas, image);
    if (this.place !== place || !canvas.isConnected) return;
    this.viewer = viewer;
    this.fit();
    await viewer.open(pixels);
    canvas.dataset.ready = "yes";
    const at = (event) => ({ x: event.offsetX, y: event.offsetY });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); viewer.scroll(event.deltaY < 0 ? 1 : -1, at(event)); }, { passive: false });
    canvas.addEventListener("click", (event) => viewer.turn(at(event)));
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (this.viewer && width && height) this.viewer.resize(width, height);
  }

  offer(sample) {
    const links = this.state.downloads.map((kind) => {
      const address = this.wall.source.file(this.wall.setting, this.place, kind);
      return make("a", { png: "PNG", nifti: "NIfTI", dicom: "DICOM" }[kind], { href: address, download: "", className: "button" });
    });
    if (!this.state.live) {
      const end = sample.tile.slice(11, sample.tile.indexOf(";"));
      links.push(make("a", "Save", { href: sample.planes ?? sample.tile, download: `image-${this.place}.${end}`, className: "button" }));
    }
    element("closer-files").replaceChildren(...links);
  }

  key(event) {
    const { viewer } = this;
    const keys = {
      ArrowLeft: () => this.go(-1),
      ArrowRight: () => this.go(1),
      ...(viewer && { ArrowUp: () => viewer.scroll(1), ArrowDown: () => viewer.scroll(-1), p: () => viewer.turn() }),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }

  clear() {
    if (this.viewer?.nv) this.viewer.nv.gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.viewer = null;
    this.stage.replaceChildren();
  }

  leave() {
    this.clear();
    this.wall.list.children[this.place]?.querySelector("button").focus();
  }
}
