// Draws grey images on canvases: eight-bit values, a window, smooth scaling to any size.
"use strict";

const WHOLE_WINDOW = { low: 0, high: 255 };

/** Return the 256 greys (as opaque RGBA words) that a window makes of the values 0 to 255. */
function greys({ low, high }) {
  const words = new Uint32Array(256);
  const width = Math.max(1, high - low);
  for (let value = 0; value < 256; value += 1) {
    const grey = Math.round(255 * Math.min(1, Math.max(0, (value - low) / width)));
    words[value] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  }
  return words;
}

/** Paint a plane of eight-bit values on a canvas of its own size. */
function paint(canvas, plane, words) {
  if (canvas.width !== plane.width || canvas.height !== plane.height) {
    canvas.width = plane.width;
    canvas.height = plane.height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(plane.width, plane.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = words[plane.values[i]];
  context.putImageData(image, 0, 0);
}

/** Make a canvas as sharp as the screen is, `width` by `height` in CSS pixels. */
function sizeCanvas(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * density));
  canvas.height = Math.max(1, Math.round(height * density));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

/** Return a context that scales images smoothly, cleared. */
function smoothContext(canvas) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  return context;
}

/** Shows one slice. Pixels are (height, width); they may be longer in one direction (in mm). */
class PictureViewer {
  constructor(canvas, image) {
    this.canvas = canvas;
    [this.height, this.width] = image.shape;
    [this.rowMm, this.columnMm] = image.spacing_mm;
    this.source = document.createElement("canvas");
    this.plane = null;
    this.range = WHOLE_WINDOW;
  }

  /** Return the largest size in CSS pixels within a box. */
  fit(width, height) {
    const [wide, high] = [this.width * this.columnMm, this.height * this.rowMm];
    const scale = Math.min(width / wide, height / high);
    return { width: Math.floor(wide * scale), height: Math.floor(high * scale) };
  }

  async open(pixels) {
    this.plane = { values: pixels, width: this.width, height: this.height };
    this.range = WHOLE_WINDOW;
    this.draw();
  }

  close() {
    this.plane = null;
    smoothContext(this.canvas);
  }

  resize(width, height) {
    sizeCanvas(this.canvas, width, height);
    this.draw();
  }

  setWindow(range) {
    this.range = range;
    this.draw();
  }

  draw() {
    const context = smoothContext(this.canvas);
    if (!this.plane) return;
    paint(this.source, this.plane, greys(this.range));
    context.drawImage(this.source, 0, 0, this.canvas.width, this.canvas.height);
  }
}
