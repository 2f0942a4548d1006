// Is the screen fit for it? Two fields whose faint squares are to be counted, and its size.
"use strict";

const FAINT = 10;
const SMALL_PX = 560;

/** Draw a field with some faint squares, as the ends of the AAPM TG18 patterns, on a canvas. */
function drawPattern(canvas, bright, squares) {
  const places = 6;
  [canvas.width, canvas.height] = [480, 160];
  const context = canvas.getContext("2d");
  const [field, faint] = bright ? [255, 255 - FAINT] : [0, FAINT];
  context.fillStyle = `rgb(${field}, ${field}, ${field})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = `rgb(${faint}, ${faint}, ${faint})`;
  const order = Array.from({ length: places }, (_, i) => i).sort(() => Math.random() - 0.5);
  for (const place of order.slice(0, squares)) context.fillRect(24 + 74 * place, 50, 60, 60);
}

/** Check the screen; nobody is sent away, but it is said what would be better. */
async function checkDevice(texts) {
  const fields = ["dark", "light"].map((name) => {
    const squares = 2 + Math.floor(Math.random() * 4);
    drawPattern(element(`${name}-pattern`), name === "light", squares);
    const choices = Array.from({ length: 6 }, (_, count) => {
      const label = make("label", "", { className: "count" });
      label.append(make("input", "", { type: "radio", name, value: String(count), required: true }), make("span", String(count)));
      return label;
    });
    document.querySelector(`.counts[data-name="${name}"]`).replaceChildren(...choices);
    return { name, squares };
  });
  const size = () => {
    const small = Math.min(innerWidth, innerHeight) < SMALL_PX;
    element("size-note").textContent = small
      ? `This window is small (${innerWidth} × ${innerHeight}). Make it larger, or use a larger screen: ${texts.thing}s are shown as large as it allows.`
      : `This window is ${innerWidth} × ${innerHeight}: large enough. The larger it is, the larger each ${texts.thing}.`;
  };
  size();
  addEventListener("resize", size);
  const button = element("fullscreen");
  button.hidden = !document.fullscreenEnabled;
  button.onclick = () => document.documentElement.requestFullscreen().catch(() => {});
  const note = element("pattern-note");
  note.textContent = "";
  for (;;) {
    await passed("device");
    const wrong = fields.filter(({ name, squares }) => {
      const chosen = document.querySelector(`input[name="${name}"]:checked`);
      return Number(chosen?.value) !== squares;
    });
    if (!wrong.length || note.textContent) break;  // whoever cannot make it better goes on
    const said = wrong.map(({ name, squares }) => `there are ${squares} in the ${name} field`);
    note.textContent = `Not quite: ${said.join(", and ")}. Change the brightness of the screen or the light in the room until you see them all, then continue.`;
  }
  removeEventListener("resize", size);
}
