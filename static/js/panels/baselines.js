// The search beside its baselines. They are searches of their own, so it asks for them while one is going.

import { duration, score } from "../words.js";

const EVERY = 4000;

function line(row) {
  const link = Object.assign(document.createElement("a"), { href: row.url, textContent: row.title, title: row.name });
  const state = Object.assign(document.createElement("span"), { className: `state ${row.state}`, textContent: row.state });
  const made = document.createElement("tr");
  const head = Object.assign(document.createElement("th"), { scope: "row" });
  head.append(link);
  made.append(head);
  [state, score(row.score), score(row.test), row.kind || "–", duration(row.seconds), duration(row.closing)].forEach((content, i) => {
    const cell = made.insertCell();
    cell.append(content);
    if (i !== 0 && i !== 3) cell.className = "num";
  });
  return made;
}

export function mount(panel, search) {
  const body = panel.querySelector("[data-rows]");
  const summary = panel.querySelector("[data-summary]");
  let timer = null;
  const look = async () => {
    timer = null;
    if (document.hidden) return wait();
    try {
      const answer = await fetch(search.urls.baselines, { headers: { Accept: "application/json" } });
      const { baselines } = answer.ok ? await answer.json() : {};
      if (!baselines?.rows.length) return wait();
      body.replaceChildren(...baselines.rows.map(line));
      if (summary) summary.textContent = baselines.sentence;
      if (baselines.going) wait();
    } catch {
      wait();
    }
  };
  const wait = () => (timer ??= setTimeout(look, EVERY));
  if (panel.dataset.going === "true") wait();
  return () => clearTimeout(timer);
}
