// Live counts, new links, the end of the study.
"use strict";

const EVERY_MS = 2000;
const main = document.querySelector("main");
const byId = (id) => document.getElementById(id);

function ago(at, now) {
  if (!at) return "never";
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(at).toLocaleDateString();
}

function write(place, text) {
  if (place.textContent !== String(text)) place.textContent = String(text);
}

function draw(found) {
  const now = Date.parse(found.now);
  const closed = found.closed_at !== null;
  main.dataset.closed = closed ? "yes" : "no";
  delete main.dataset.lost;
  write(byId("state"), closed ? `Closed ${new Date(found.closed_at).toLocaleString()}` : "Open");
  byId("close").hidden = closed;
  byId("early").hidden = closed;
  write(byId("answered"), found.answered);
  write(byId("finished"), found.finished);
  const seen = found.readers.map((reader) => Date.parse(reader.seen_at ?? "") || 0);
  const last = Math.max(0, ...seen);
  write(byId("seen"), last ? ago(last, now) : "none yet");
  found.readers.forEach((reader, i) => {
    const row = document.querySelector(`tr[data-reader="${CSS.escape(reader.reader)}"]`);
    const part = (name) => row.querySelector(`[data-is="${name}"]`);
    row.dataset.state = reader.state;
    row.querySelector(".renew").hidden = closed;
    part("bar").value = reader.answered;
    const years = reader.years === null ? "" : `, ${reader.years} ${reader.years === 1 ? "year" : "years"}`;
    write(part("who"), `${reader.group}${years}`);
    for (const name of ["state", "answered", "timed_out", "lost_focus", "reloads", "late"]) {
      write(part(name), reader[name]);
      part(name).classList.toggle("zero", reader[name] === 0);
    }
    write(part("seen"), ago(seen[i], now));
  });
}

async function ask(path, body) {
  const options = { cache: "no-store", redirect: "error" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-Quiz-CSRF": main.dataset.csrf };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const found = await response.json();
  if (!response.ok) throw new Error(`${found.error.message} ${found.error.hint}`);
  return found;
}

async function poll() {
  try {
    if (!document.hidden) draw(await ask("/owner/api/progress"));
  } catch {
    main.dataset.lost = "";
    write(byId("state"), "The server does not answer; these counts are old");
  }
  setTimeout(poll, EVERY_MS);
}

/** Ask before something that cannot be undone. */
function confirm(title, text, label, work) {
  write(byId("ask-title"), title);
  write(byId("ask-text"), text);
  write(byId("sure"), label);
  write(byId("cancel"), "Cancel");
  byId("sure").hidden = false;
  byId("link-row").hidden = true;
  byId("problem").hidden = true;
  byId("sure").onclick = async () => {
    try {
      await work();
    } catch (error) {
      byId("problem").hidden = false;
      write(byId("problem"), error.message);
    }
  };
  byId("ask").showModal();
}

byId("close").onclick = () => {
  const text = "No more answers are taken, for good. What was answered is kept, also of readers who are not done.";
  confirm("Close the study?", text, "Close the study", async () => {
    await ask("/owner/api/close", {});
    draw(await ask("/owner/api/progress"));
    byId("ask").close();
  });
};

for (const button of document.querySelectorAll(".renew")) {
  const { reader } = button.closest("tr").dataset;
  button.onclick = () => {
    const text = "The old link ends now. A browser that joined by it keeps working until the new link is used; answers stay.";
    confirm(`A new link for ${reader}?`, text, "Make a new link", async () => {
      const { invitation } = await ask("/owner/api/renew", { reader });
      write(byId("ask-title"), `The new link for ${reader}`);
      write(byId("ask-text"), "It works once, in one browser. It is shown only here and now.");
      byId("link").value = invitation;
      byId("link-row").hidden = false;
      byId("link").select();
      byId("sure").hidden = true;
      write(byId("cancel"), "Done");
    });
  };
}

poll();
