// Where images are seen: lays them out as large as the window allows; window by drag; marks.
"use strict";

const PANEL_WIDE = 316;
const PANEL_HIGH = { plain: 240, extra: 300 };
const DRAG_FROM_PX = 4;
const GREYS_PER_PX = 0.5;

/** Return the layout that shows `images` images largest: where the panel is, how they stand. */
function bestLayout(width, height, images, aspect, high) {
  const options = [];
  for (const panel of ["side", "below"]) {
    const [w, h] = panel === "side" ? [width - PANEL_WIDE, height] : [width, height - high];
    for (const way of images > 1 ? ["row", "column"] : ["row"]) {
      const [cw, ch] = way === "row" ? [w / images, h] : [w, h / images];
      options.push({ panel, way, size: Math.min(cw / aspect, ch) });
    }
  }
  return options.reduce((best, option) => (option.size > best.size ? option : best));
}

class Stage {
  constructor(root, data) {
    this.root = root;
    this.place = root.querySelector(".stage");
    this.veil = root.querySelector(".veil");
    this.image = data.image;
    this.marking = data.settings.click && data.image.dims === 2;
    this.high = this.marking || data.settings.reasons.length ? PANEL_HIGH.extra : PANEL_HIGH.plain;
    this.range = WHOLE_WINDOW;
    this.mark = null;
    this.shown = false;
    this.changed = () => {};
    this.frames = [...root.querySelectorAll(".frame")].slice(0, data.design === "2afc" ? 2 : 1);
    this.frames.forEach((frame) => { frame.hidden = false; });
    Object.assign(root.dataset, { images: String(this.frames.length), dims: String(data.image.dims) });
    new ResizeObserver(() => this.arrange()).observe(root);
  }

  /** Make the viewers; volumes are drawn by niivue unless `plain`, or it cannot. */
  async prepare(plain) {
    this.viewers = await Promise.all(this.frames.map((frame) => makeViewer(frame, this.image, plain)));
    this.frames.forEach((frame, i) => this.listen(frame, this.viewers[i]));
    this.arrange();
  }

  arrange() {
    if (!this.viewers || !this.root.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = this.root;
    const whole = this.image.dims === 3 ? { width: 1.5, height: 1 } : this.viewers[0].fit(1e4, 1e4);
    const { panel, way } = bestLayout(width, height, this.frames.length, whole.width / whole.height, this.high);
    Object.assign(this.root.dataset, { panel, way });
    const style = getComputedStyle(this.place);
    const gap = this.frames.length > 1 ? parseFloat(style.columnGap) : 0;
    let [w, h] = [this.place.clientWidth, this.place.clientHeight];
    w -= parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    h -= parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    if (way === "row") w = (w - gap) / this.frames.length;
    else h = (h - gap) / this.frames.length;
    for (const viewer of this.viewers) {
      const size = viewer.fit(Math.max(1, w), Math.max(1, h));
      viewer.resize(size.width, size.height);
    }
    this.drawMark();
  }

  /** Draw images; resolve when they are visible. */
  async show(pixels) {
    this.arrange();
    this.setRange(WHOLE_WINDOW);
    this.setMark(null);
    await Promise.all(this.viewers.map((viewer, i) => viewer.open(pixels[i])));
    this.unveil();
    this.shown = true;
    this.changed();
    await twoFrames();
  }

  /** Take the images away, from memory too, and say why. */
  hide(message = "") {
    this.shown = false;
    for (const viewer of this.viewers) viewer.close();
    this.veil.textContent = message;
    this.place.classList.add("veiled");
  }

  unveil() {
    this.veil.textContent = "";
    this.place.classList.remove("veiled");
  }

  setRange(range) {
    this.range = range;
    if (this.shown) for (const viewer of this.viewers) viewer.setWindow(range);
    this.changed();
  }

  /** Set the window by its width and level, within what eight bits have. */
  setWindow(width, level) {
    const wide = Math.min(510, Math.max(2, Math.round(width)));
    const middle = Math.min(255, Math.max(0, level));
    this.setRange({ low: middle - wide / 2, high: middle + wide / 2 });
  }

  get windowWidth() { return this.range.high - this.range.low; }

  get windowLevel() { return (this.range.high + this.range.low) / 2; }

  scroll(steps, viewer = null, point = null) {
    if (!this.shown || this.image.dims !== 3) return;
    for (const one of viewer ? [viewer] : this.viewers) one.scroll(steps, point);
    this.changed();
  }

  turn(viewer = null, point = null) {
    if (!this.shown || this.image.dims !== 3) return;
    for (const one of viewer ? [viewer] : this.viewers) one.turn(point);
    this.changed();
  }

  listen(frame, viewer) {
    let drag = null;
    const where = (event) => {
      const box = viewer.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width, height: box.height };
    };
    frame.addEventListener("pointerdown", (event) => {
      if (!this.shown || event.button > 0 || !event.isPrimary) return;
      frame.setPointerCapture(event.pointerId);
      const { windowWidth: width, windowLevel: level } = this;
      drag = { x: event.clientX, y: event.clientY, width, level, moved: false };
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (!drag || !event.isPrimary) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      drag.moved ||= Math.hypot(dx, dy) > DRAG_FROM_PX;
      if (!drag.moved || !this.shown) return;
      this.setWindow(drag.width + 2 * GREYS_PER_PX * dx, drag.level + GREYS_PER_PX * dy);
    });
    frame.addEventListener("pointerup", (event) => {
      const clicked = drag && !drag.moved && this.shown;
      drag = null;
      if (!clicked) return;
      if (this.image.dims === 3) this.turn(viewer, where(event));
      else this.clicked(frame, where(event));
    });
    frame.addEventListener("pointercancel", () => { drag = null; });
    frame.addEventListener("dblclick", (event) => {
      event.preventDefault();
      if (this.marking) this.setMark(this.before);  // what the first of the two clicks undid
      this.setRange(WHOLE_WINDOW);
    });
    let rest = 0;
    frame.addEventListener("wheel", (event) => {
      if (this.image.dims !== 3 || event.ctrlKey) return;
      event.preventDefault();
      rest += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
      const steps = Math.trunc(rest);
      rest -= steps;
      if (steps) this.scroll(steps, viewer, where(event));
    }, { passive: false });
  }

  /** Mark where something looks wrong; a click on the mark takes it away. */
  clicked(frame, { x, y, width, height }) {
    if (!this.marking) return;
    const now = performance.now();
    if (!(now - this.clickedAt < 400)) this.before = this.mark;
    this.clickedAt = now;
    const [u, v] = [Math.min(1, Math.max(0, x / width)), Math.min(1, Math.max(0, y / height))];
    const place = this.frames.indexOf(frame);
    const near = this.mark && this.mark.place === place && Math.hypot((this.mark.u - u) * width, (this.mark.v - v) * height) < 14;
    this.setMark(near ? null : { place, u, v });
  }

  setMark(mark) {
    this.mark = mark ?? null;
    this.drawMark();
    this.changed();
  }

  drawMark() {
    this.frames.forEach((frame, i) => {
      const ring = frame.querySelector(".mark");
      ring.hidden = this.mark?.place !== i;
      if (ring.hidden || !this.viewers) return;
      const { canvas } = this.viewers[i];
      ring.style.left = `${canvas.offsetLeft + this.mark.u * canvas.offsetWidth}px`;
      ring.style.top = `${canvas.offsetTop + this.mark.v * canvas.offsetHeight}px`;
    });
  }

  /** Return the mark in ten-thousandths of width and height; a pair counts as one wide image. */
  click() {
    if (!this.mark) return null;
    const { place, u, v } = this.mark;
    return [Math.round((10000 * (place + u)) / this.frames.length), Math.round(10000 * v)];
  }
}

/** Return what draws images of a study on a frame's canvas. */
async function makeViewer(frame, image, plain) {
  const canvas = frame.querySelector("canvas");
  if (image.dims === 2) return new PictureViewer(canvas, image);
  if (!plain) {
    const viewer = await niivueViewer(canvas, image).catch(() => null);
    if (viewer) return viewer;
  }
  return new PlanesViewer(frame.querySelector("canvas"), image);
}
