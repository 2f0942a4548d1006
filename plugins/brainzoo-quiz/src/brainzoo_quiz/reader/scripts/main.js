// The session, from consent to thanks.
"use strict";

const RETRY_MS = [3000, 5000, 10000, 20000, 30000];

const TEXTS = {
  "yes-no": {
    task: "You will see brain images one by one. Some are scans of people, some were created by a computer. Say which each one is.",
    question: "Real or created?",
    keys: [[["R"], "Real: a scan of a person"], [["C"], "Created by a computer"]],
    words: [
      { word: "real", label: "Real", cap: "R", keys: ["r"] },
      { word: "created", label: "Created", cap: "C", keys: ["c"] },
    ],
    truth: (label) => `This one is ${label}.`,
    thing: "image",
    Thing: "Image",
  },
  "2afc": {
    task: "You will see brain images two by two. One of each pair is a scan of a person, the other was created by a computer. Say which one is real.",
    question: "Which one is real?",
    keys: [[["←"], "The first is real"], [["→"], "The second is real"]],
    words: [
      { word: "first", label: "First", cap: "←", keys: ["ArrowLeft"] },
      { word: "second", label: "Second", cap: "→", keys: ["ArrowRight"] },
    ],
    truth: (label) => `The ${label} one is real.`,
    thing: "pair",
    Thing: "Pair",
  },
};

/** Do something; while it fails in passing, say so and try again. Then `restore` the screen. */
async function patient(work, restore = () => {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      const found = await work();
      if (tries) restore();
      return found;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await trouble(error, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    }
  }
}

function textsOf(data) {
  const texts = TEXTS[data.design];
  const numbered = data.design === "2afc" && !data.settings.confidence;
  const some = data.design === "2afc" ? "The images are" : "The image is";
  return { ...texts, numbered, over: `Time is over. ${some} gone; your answer still counts.`, spot: `Click the ${texts.thing} where something looks wrong.` };
}

/** Guide one reader through the study. */
async function session(driver) {
  const found = await patient(() => driver.open());
  const { data } = driver;
  document.title = data.title;
  for (const place of document.querySelectorAll(".title")) place.textContent = data.title;
  if (found.finished) return thanks(driver);
  if (found.closed && found.next <= data.trials.length) throw new Refused("This study is closed.", "Its owner takes no more answers. What you answered before counts.");
  const texts = textsOf(data);
  const practice = data.trials.filter((trial) => trial.phase === "practice").length;
  const tests = data.trials.length - practice;
  if (!found.started) {
    await welcome(driver, texts);
    const reader = await about();
    await patient(() => driver.start(reader));
  }
  const stage = new Stage(element("reading"), data);
  await stage.prepare(location.hash === "#plain");
  if (found.opened || found.next > 1) {
    await welcomeBack(driver, found, texts, practice);
  } else {
    await checkDevice(texts);
    await how(data, texts, practice);
  }
  const reading = new Reading(driver, texts, stage);
  for (const trial of data.trials.slice(found.next - 1)) {
    const test = trial.phase === "test";
    const place = test ? trial.position - practice : trial.position;
    const fresh = trial.position !== found.next;
    if (fresh && test && place === 1) await beforeTest(driver, tests, texts);
    if (fresh && test && restDue(place, data.settings)) await offerRest(driver, place, tests, texts);
    await reading.read(trial, place, test ? tests : practice);
  }
  await patient(() => driver.finish());
  return thanks(driver);
}

function restDue(place, { break_after: after }) {
  return after !== null && place > 1 && (place - 1) % after === 0;
}

function beforeTest(driver, tests, texts) {
  const after = driver.data.settings.break_after;
  const rests = after === null || after >= tests ? "" : ` A rest is offered after every ${after}.`;
  return rest(driver, {
    eyebrow: "Practice is over",
    title: "Now the test",
    text: `${many(tests, texts.thing)}. From here on you do not see the right answer.${rests}`,
    button: "Start the test",
  });
}

function offerRest(driver, place, tests, texts) {
  return rest(driver, {
    eyebrow: `${place - 1} of ${tests} done`,
    title: "Time for a rest",
    text: "No clock runs now. Look into the distance for a while; go on when you like.",
    more: `You may also close this page and come back: it goes on with ${texts.thing} ${place}.`,
  });
}

function welcomeBack(driver, found, texts, practice) {
  const { data } = driver;
  const { seconds } = data.settings;
  const all = data.trials.length;
  if (found.next > all) return null;
  const test = data.trials[found.next - 1].phase === "test";
  const place = test ? found.next - practice : found.next;
  const left = seconds === null ? "is still open" : "was open when the page closed, and its time went on";
  return rest(driver, {
    eyebrow: test ? `${place - 1} of ${all - practice} done` : "Practice",
    title: "Welcome back",
    text: found.opened ? `One ${texts.thing} ${left}. It comes next.` : `It goes on with ${texts.thing} ${place}${test ? "" : " of the practice"}.`,
  });
}

/** Start with what lies in the page, or ask the server. */
function run() {
  const study = element("study");
  const driver = study ? new StaticDriver(JSON.parse(study.textContent)) : new ServerDriver();
  session(driver).catch((error) => trouble(error instanceof Refused ? error : new Refused("This page stopped.", `Load it again: it goes on where it was. (${error.message})`)));
}

run();
