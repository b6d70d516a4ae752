// The closing trainings: the best networks trained again, with their test scores. Listens to trial_proposed, trial_started
// and trial_finished. The page's own rows stay until a final moves; test scores come only with events or with the page.

import { paced } from "../pace.js";
import { score } from "../words.js";

function isFinal(trial) {
  return Number.isInteger(trial?.final_of) && trial.kind !== "ensemble";
}

function line(search, trial) {
  const link = Object.assign(document.createElement("a"), {
    href: search.url("trial", trial.number), textContent: `trial ${trial.number}`,
  });
  const row = document.createElement("tr");
  [link, `trial ${trial.final_of}`, trial.status, score(trial.score), score(trial.test)].forEach((content, i) => {
    const cell = row.insertCell();
    cell.append(content);
    if (i > 2) cell.className = "num";
  });
  return row;
}

export function mount(panel, search) {
  const body = panel.querySelector("[data-rows]");
  const summary = panel.querySelector("[data-summary]");
  const draw = paced(() => {
    const finals = [...search.trials.values()].filter(isFinal).sort((a, b) => a.number - b.number);
    body.replaceChildren(...finals.map((trial) => line(search, trial)));
    if (summary) summary.textContent = `${finals.length} final${finals.length === 1 ? "" : "s"}.`;
  });
  return search.on("trial_proposed trial_started trial_finished", ({ trial }) => {
    if (isFinal(search.trials.get(trial))) draw();
  });
}
