// Shows a volume as three planes in the radiological convention: one large, two small; scrolls.
"use strict";

const PLANES = ["axial", "coronal", "sagittal"];
const GAP = 6;

/** Return a plane of a volume: values are C order (x, y, z) in RAS+; the patient's right is left. */
function cut(volume, plane, at) {
  const { values, shape: [nx, ny, nz] } = volume;
  const axial = plane === "axial";
  const sagittal = plane === "sagittal";
  const [width, height] = [sagittal ? ny : nx, axial ? ny : nz];
  const out = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const x = sagittal ? at : nx - 1 - column;
      const y = axial ? ny - 1 - row : sagittal ? ny - 1 - column : at;
      const z = axial ? at : nz - 1 - row;
      out[row * width + column] = values[(x * ny + y) * nz + z];
    }
  }
  return { values: out, width, height };
}

class PlanesViewer {
  constructor(canvas, image) {
    this.canvas = canvas;
    this.shape = image.shape;
    const [x, y, z] = image.shape.map((length, i) => length * image.spacing_mm[i]);
    this.mm = { axial: [x, y], coronal: [x, z], sagittal: [y, z] };
    this.sources = Object.fromEntries(PLANES.map((plane) => [plane, document.createElement("canvas")]));
    this.volume = null;
    this.range = WHOLE_WINDOW;
    this.main = "axial";
    this.places = {};
    this.at = {};
  }

  fit(width, height) { return { width: Math.floor(width), height: Math.floor(height) }; }

  async open(pixels) {
    this.volume = { values: pixels, shape: this.shape };
    this.range = WHOLE_WINDOW;
    this.main = "axial";
    const [x, y, z] = this.shape;
    this.at = { axial: Math.floor(z / 2), coronal: Math.floor(y / 2), sagittal: Math.floor(x / 2) };
    this.arrange();
  }

  close() {
    this.volume = null;
    smoothContext(this.canvas);
  }

  resize(width, height) {
    sizeCanvas(this.canvas, width, height);
    [this.width, this.height] = [width, height];
    this.arrange();
  }

  setWindow(range) {
    this.range = range;
    this.draw();
  }

  /** Return what scrolls now: the plane, its slice from 1, and how many there are. */
  slice() {
    return { plane: this.main, at: this.at[this.main] + 1, of: this.count(this.main) };
  }

  /** Go so many slices on, in the plane at a point or in the large one. */
  scroll(steps, point = null) {
    const plane = (point && this.planeAt(point)) ?? this.main;
    this.at[plane] = Math.min(this.count(plane) - 1, Math.max(0, this.at[plane] + steps));
    this.draw();
  }

  /** Make the plane at a point the large one; without a point, the next. Return whether it changed. */
  turn(point = null) {
    const next = PLANES[(PLANES.indexOf(this.main) + 1) % PLANES.length];
    const plane = point ? this.planeAt(point) : next;
    if (!plane || plane === this.main) return false;
    this.main = plane;
    this.arrange();
    return true;
  }

  count(plane) {
    const [x, y, z] = this.shape;
    return { axial: z, coronal: y, sagittal: x }[plane];
  }

  planeAt({ x, y }) {
    return PLANES.find((plane) => {
      const place = this.places[plane];
      return place && x >= place.x && y >= place.y && x < place.x + place.width && y < place.y + place.height;
    });
  }

  /** Lay the large plane beside or above the small ones, whichever makes it larger. */
  arrange() {
    const small = PLANES.filter((plane) => plane !== this.main);
    const [[mw, mh], [aw, ah], [bw, bh]] = [this.main, ...small].map((plane) => this.mm[plane]);
    const beside = Math.min((this.width - GAP) / (mw + Math.max(aw, bw) / 2), this.height / Math.max(mh, (ah + bh) / 2));
    const above = Math.min(this.width / Math.max(mw, (aw + bw) / 2), (this.height - GAP) / (mh + Math.max(ah, bh) / 2));
    const scale = Math.max(beside, above);
    const half = scale / 2;
    const box = (x, y, [width, height], by) => ({ x, y, width: width * by, height: height * by });
    if (beside >= above) {
      const left = (this.width - GAP - scale * mw - half * Math.max(aw, bw)) / 2;
      const right = left + scale * mw + GAP;
      const top = (this.height - half * (ah + bh) - GAP) / 2;
      this.places[this.main] = box(left, (this.height - scale * mh) / 2, [mw, mh], scale);
      this.places[small[0]] = box(right, Math.max(0, top), [aw, ah], half);
      this.places[small[1]] = box(right, Math.max(0, top) + half * ah + GAP, [bw, bh], half);
    } else {
      const top = (this.height - GAP - scale * mh - half * Math.max(ah, bh)) / 2;
      const below = top + scale * mh + GAP;
      const left = (this.width - half * (aw + bw) - GAP) / 2;
      this.places[this.main] = box((this.width - scale * mw) / 2, top, [mw, mh], scale);
      this.places[small[0]] = box(Math.max(0, left), below, [aw, ah], half);
      this.places[small[1]] = box(Math.max(0, left) + half * aw + GAP, below, [bw, bh], half);
    }
    this.draw();
  }

  draw() {
    const context = smoothContext(this.canvas);
    if (!this.volume) return;
    const density = this.canvas.width / this.width;
    const words = greys(this.range);
    for (const plane of PLANES) {
      const { x, y, width, height } = this.places[plane];
      paint(this.sources[plane], cut(this.volume, plane, this.at[plane]), words);
      context.drawImage(this.sources[plane], x * density, y * density, width * density, height * density);
      this.label(context, plane, density);
    }
  }

  label(context, plane, density) {
    const { x, y, height } = this.places[plane];
    const size = plane === this.main ? 13 : 11;
    context.font = `${size * density}px system-ui, sans-serif`;
    context.fillStyle = "#9aa3a8";
    context.textBaseline = "middle";
    const side = plane === "sagittal" ? "A" : "R";
    context.fillText(side, (x + 8) * density, (y + height / 2) * density);
    const where = `${plane} ${this.at[plane] + 1} / ${this.count(plane)}`;
    context.fillText(where, (x + 8) * density, (y + height - 14) * density);
  }
}
