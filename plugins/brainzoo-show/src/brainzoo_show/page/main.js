// Builds the page of its state, and draws again whenever a setting moves.
"use strict";

(() => {
  const state = JSON.parse(element("state").textContent);
  const closer = new Closer(state);
  const open = (wall, place) => closer.open(wall, place);
  const walls = state.panes.map((pane, number) => {
    const source = state.live ? new LiveSource(pane, number) : new FrozenSource(pane);
    return new Wall(pane, number, source, open);
  });
  const draw = () => walls.forEach((wall, number) => wall.show(controls.setting(number)));
  const controls = new Controls(element("controls"), state, draw);
  element("panes").append(...walls.map((wall) => wall.root));
  document.body.dataset.panes = walls.length;
  if (window.matchMedia("(max-width: 820px)").matches) element("panel").open = false;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=range], [type=radio], [type=checkbox]), select, dialog");
    if (event.key.toLowerCase() === "n" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) element("others")?.click();
  });
  draw();
})();
