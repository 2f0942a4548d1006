// The screens around the reading: one is shown at a time; most wait for a button.
"use strict";

const SCREENS = ["welcome", "about", "device", "how", "rest", "reading", "done", "trouble"];

function element(id) { return document.getElementById(id); }

/** Make an element with text in it. */
function make(tag, text = "", properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  return made;
}

/** Show one screen and give its heading the focus, so that it is read out. */
function showScreen(id) {
  for (const name of SCREENS) element(name).hidden = name !== id;
  scrollTo(0, 0);
  element(id).querySelector("h1").focus({ preventScroll: true });
}

/** Put texts into the places that are named for them. */
function fill(texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const place of document.querySelectorAll(`[data-text="${name}"]`)) place.textContent = text;
  }
}

/** Say something to those who do not see it. */
function speak(text) { element("spoken").textContent = text; }

/** Show a screen and resolve when its form is sent. */
function passed(id) {
  showScreen(id);
  return new Promise((done) => {
    element(id).querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      done();
    };
  });
}

function many(count, what) { return `${count} ${what}${count === 1 ? "" : "s"}`; }

/** Say what the study is, and wait for consent. */
async function welcome(driver, texts) {
  const { data } = driver;
  const tests = data.trials.filter((trial) => trial.phase === "test").length;
  const practice = data.trials.length - tests;
  const { seconds, break_after: rest } = data.settings;
  const minutes = Math.max(2, Math.ceil((data.trials.length * ((seconds ?? 20) + 5)) / 60));
  const server = data.mode === "server";
  fill({
    task: texts.task,
    amount: many(tests, texts.thing),
    duration: `${practice ? `after ${practice} for practice; ` : ""}about ${minutes} minutes`,
    pace: seconds === null ? "No hurry" : many(seconds, "second"),
    "pace-more": seconds === null ? "each is shown as long as you like" : `is how long each ${texts.thing} is shown; answer then or after`,
    leave: `${rest === null ? "you" : "rests are offered, and you"} may close this page and go on later`,
    seat: data.seat ?? "a reader",
    kept: server
      ? "Answers go to the server of the study’s owner."
      : "All of it stays in this browser until you hand it over at the end.",
    commitment: data.commitment,
  });
  element("not-lasting").hidden = driver.lasting;
  await passed("welcome");
}

/** Ask for group and experience. */
async function about() {
  await passed("about");
  const years = element("years").valueAsNumber;
  return { group: element("group").value, years: Number.isInteger(years) ? years : null };
}

/** Say which keys answer, before the practice or the test. */
async function how(data, texts, practice) {
  const { settings, image } = data;
  const keys = [...texts.keys];
  if (settings.confidence) keys.push([["1", "–", "5"], "How sure you are: 1 is a guess, 5 is certain"]);
  if (settings.reasons.length) keys.push(["Tick", "reasons, if you have some; none is fine"]);
  if (settings.click && image.dims === 2) keys.push(["Click", `where something looks wrong; click there again to take it back`]);
  if (settings.reasons.length || settings.click) keys.push([["Enter"], "Next"]);
  if (image.dims === 3) {
    keys.push([["↑", "↓"], "Go through the slices; so do the wheel and the slider"]);
    keys.push([["P"], "Change the large plane; so does a click on a small one"]);
  }
  keys.push(["Drag", "sideways for the window’s width, up and down for its level; a double click resets both"]);
  const list = element("how").querySelector(".keys");
  list.replaceChildren(...keys.flatMap(([caps, text]) => {
    const term = make("dt");
    if (typeof caps === "string") term.textContent = caps;
    else term.append(...caps.map((cap) => (cap === "–" ? document.createTextNode(cap) : make("kbd", cap))));
    return [term, make("dd", text)];
  }));
  const tests = data.trials.filter((trial) => trial.phase === "test").length;
  const clock = settings.seconds === null ? "" : ` Each ${texts.thing} is shown for ${many(settings.seconds, "second")}; you may still answer afterwards.`;
  fill(practice
    ? {
      "how-more": `First come ${many(practice, texts.thing)} for practice. ${settings.feedback ? "There you see the right answer." : ""}${clock}`,
      "how-button": "Start the practice",
    }
    : { "how-more": `There are ${many(tests, texts.thing)}.${clock}`, "how-button": "Start" });
  await passed("how");
}

/** Offer a rest; also between practice and test, and after a page was loaded again. */
async function rest(driver, texts) {
  fill(Object.fromEntries(Object.entries({ eyebrow: "", button: "Go on", more: "", ...texts }).map(([name, text]) => [`rest-${name}`, text])));
  const part = element("part");
  part.hidden = typeof driver.file !== "function" || !driver.any();
  if (!part.hidden) offer(part.querySelector("a"), driver.file());
  await passed("rest");
}

/** Say that something failed; resolve when trying again may help: by the button, or by itself. */
async function trouble(error, waitMs) {
  const place = element("trouble");
  place.querySelector("h1").textContent = error.message;
  place.querySelector(".lede").textContent = error.hint ?? "";
  const button = place.querySelector("button");
  if (!error.passing) {
    button.textContent = "Load the page again";
    await passed("trouble");
    location.reload();
    return new Promise(() => {});
  }
  button.textContent = "Try again";
  const online = new Promise((done) => { addEventListener("online", done, { once: true }); });
  return Promise.race([passed("trouble"), pause(waitMs), online]);
}

/** Say thank you; in a static page, hand the answers over. */
function thanks(driver) {
  const handOver = typeof driver.file === "function";
  fill({
    "done-text": handOver
      ? "That was the last one. One thing is left: hand your answers over."
      : "That was the last one. All your answers have arrived; you may close this page.",
  });
  element("hand-over").hidden = !handOver;
  if (handOver) {
    const file = driver.file();
    offer(element("download"), file);
    element("done").querySelector(".file-name").textContent = file.name;
    element("done").querySelector(".hash").textContent = file.digest.slice(0, 8);
  }
  showScreen("done");
}

/** Let a link download a file. */
function offer(link, file) {
  link.href = URL.createObjectURL(new Blob([file.text], { type: "application/json" }));
  link.download = file.name;
}
