// Without this script the film is a strip and the command can be selected by hand.
"use strict";

const copy = document.getElementById("copy");
if (copy) {
  const command = document.getElementById("command");
  const select = () => {
    getSelection().selectAllChildren(command);
    return document.execCommand("copy");
  };
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(command.textContent);
    } catch {
      copied = select();
    }
    copy.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
}

const film = document.getElementById("film");
if (film) {
  const frames = [...film.querySelectorAll("li")];
  const play = document.getElementById("play");
  const scrub = document.getElementById("scrub");
  const seen = document.getElementById("seen");
  let timer = 0;

  const show = (place) => {
    frames.forEach((frame, i) => { frame.hidden = i !== place; });
    const caption = frames[place].querySelector("figcaption").textContent;
    scrub.value = place;
    scrub.setAttribute("aria-valuetext", caption);
    seen.textContent = caption;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    play.setAttribute("aria-label", "Play the film");
  };
  const start = () => {
    let place = Number(scrub.value);
    if (place >= frames.length - 1) place = 0;
    show(place);
    play.textContent = "Pause";
    play.setAttribute("aria-label", "Pause the film");
    timer = setInterval(() => {
      place += 1;
      show(place);
      if (place >= frames.length - 1) stop();
    }, 250);
  };

  film.classList.add("player");
  film.querySelector(".strip").removeAttribute("tabindex");
  film.querySelector(".controls").hidden = false;
  play.addEventListener("click", () => (timer ? stop() : start()));
  scrub.addEventListener("input", () => { stop(); show(Number(scrub.value)); });
  show(frames.length - 1);
}
