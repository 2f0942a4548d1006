// Elements, and words for values.
"use strict";

function element(id) { return document.getElementById(id); }

/** Make an element with text in it. */
function make(tag, text = "", properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  return made;
}

/** Make an element around others. */
function around(tag, children, properties = {}) {
  const made = make(tag, "", properties);
  made.append(...children.filter(Boolean));
  return made;
}

/** Write a number without digits that mean nothing. */
function shown(value) {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value);
}

/** Write what is known of an image: "old, 71, M". */
function rowText(row) {
  return ["class", "age", "sex"].filter((name) => name in row)
    .map((name) => (name === "age" ? `${shown(row[name])} years` : shown(row[name]))).join(", ");
}

/** Write a name of a table's column for people. */
function nameText(name) {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Return a function that calls another one at most once a frame, with the last arguments. */
function onceAFrame(work) {
  let waiting = null;
  return (...given) => {
    if (!waiting) requestAnimationFrame(() => { const last = waiting; waiting = null; work(...last); });
    waiting = given;
  };
}
