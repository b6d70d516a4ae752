// The average of trained networks that closes a search, beside the best single one. Listens to trial_proposed, trial_started
// and trial_finished. The panel is hidden in a search without an ensemble.

import { paced } from "../pace.js";
import { score } from "../words.js";

function row(name, ...figures) {
  const line = document.createElement("tr");
  line.append(name);
  for (const figure of figures) {
    const cell = line.insertCell();
    cell.className = "num";
    cell.textContent = figure;
  }
  return line;
}

function named(tag, ...content) {
  const cell = document.createElement(tag);
  if (tag === "th") cell.scope = "row";
  cell.append(...content);
  return cell;
}

function rows(search, trial) {
  const { members, single } = trial.ensemble;
  const link = (number) => Object.assign(document.createElement("a"), {
    href: search.url("trial", number), textContent: `trial ${number}`,
  });
  const picks = members.reduce((sum, [, count]) => sum + count, 0);
  const whole = row(named("th", "ensemble"), "", "", score(trial.score), score(trial.test));
  whole.className = "best";
  const chosen = [...members].sort((a, b) => b[1] - a[1]).map(([number, count]) =>
    row(named("td", link(number)), count, score(count / picks), score(search.trials.get(number)?.score), "–"));
  return [whole, row(named("th", "best single: ", link(single.trial)), "", "", score(single.score), score(single.test)), ...chosen];
}

function sentence(trial) {
  if (trial.status === "failed") return `There is none: ${trial.error}.`;
  if (!trial.ensemble) return trial.status === "running" ? "It is being chosen." : "It is chosen when the budget is spent.";
  const count = trial.ensemble.members.length;
  return `${count} network${count === 1 ? "" : "s"}; the test split was read once.`;
}

export function mount(panel, search) {
  const link = panel.querySelector("[data-download]");
  const draw = paced(() => {
    const trial = [...search.trials.values()].find(({ kind }) => kind === "ensemble");
    panel.hidden = !trial;
    if (!trial) return;
    panel.querySelector("[data-summary]").textContent = sentence(trial);
    panel.querySelector("[data-rows]").replaceChildren(...(trial.ensemble ? rows(search, trial) : []));
    link.hidden = !trial.ensemble;
    link.href = search.url("download", trial.number);
  });
  return search.on("trial_proposed trial_started trial_finished", draw);
}
