// Best score so far against trials or time. Listens to trial_finished and search_state. Draws one dot per trial and a step line
// of each kind of score; before there are any, how the supernet comes on.

import { Chart, press, tool, toolbar } from "../chart.js";
import { borrowed, score } from "../words.js";
import { training } from "./epochs.js";

// Of each kind of score, in the order in which the search came to them: its trials, and where they stand.
function kinds(search, byTime) {
  const found = new Map();
  let spent = 0;
  for (const trial of search.scored()) {
    spent += trial.seconds ?? 0;
    const name = borrowed(trial.score_kind) || "from scratch";
    if (!found.has(name)) found.set(name, { name, points: [] });
    const { points } = found.get(name);
    const best = Math.max(trial.score, points.at(-1)?.best ?? -Infinity);
    points.push({ x: byTime ? Number(spent.toFixed(1)) : trial.number, score: trial.score, best });
  }
  return [...found.values()];
}

function lines(search, byTime) {
  const all = kinds(search, byTime);
  const name = (word, kind) => (all.length > 1 ? `${word} ${kind.name}` : word);
  return all.flatMap((kind, colour) => {
    const x = kind.points.map((point) => point.x);
    return [{ name: name("single trials", kind), x, y: kind.points.map((point) => point.score), look: "dots", colour },
      { name: name("best so far", kind), x, y: kind.points.map((point) => point.best), look: "step", colour }];
  });
}

function sentence(search) {
  const scored = search.comparable();
  if (!scored.length) return "No trial has a score yet.";
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  const since = scored.filter((trial) => trial.number > best.number).length;
  const after = since ? `; no better one in the ${since} scored since` : "";
  const kind = borrowed(best.score_kind);
  return `Best ${score(best.score)} at trial ${best.number}${kind && ` ${kind}`}${after}. Dots are single trials.${kind && finals(search)}`;
}

// What a score with borrowed weights came to: that alone is a network's own.
function finals(search) {
  const done = [...search.trials.values()].filter((trial) => Number.isInteger(trial.final_of) && trial.status === "done" && Number.isFinite(trial.score));
  if (!done.length) return "";
  const best = done.reduce((a, b) => (b.score > a.score ? b : a));
  return ` Trained from scratch ${done.length > 1 ? "the best final has" : "it has"} ${score(best.score)} (trial ${best.number}).`;
}

function supernet(search) {
  const epochs = search.epochs();
  return [{ name: "the supernet itself", x: epochs.map((_, i) => i + 1), y: epochs.map((trial) => trial.score), look: "line", colour: 2 }];
}

export function mount(panel, search) {
  const chart = new Chart(panel, { title: "Best score so far", x: "trial", y: `validation ${search.score}`, file: "best_so_far", whole: true });
  let byTime = false;
  const draw = () => {
    const words = training(search);
    if (words) return chart.show(supernet(search), words, { x: "epoch of the supernet", whole: true });
    return chart.show(lines(search, byTime), sentence(search), { x: byTime ? "seconds of training spent" : "trial", whole: !byTime });
  };
  const axis = (word, time) => {
    const button = tool(word, () => {
      byTime = time;
      draw();
      axes.forEach((one) => press(one, one === button));
    });
    press(button, time === byTime);
    return button;
  };
  const axes = [axis("Trials", false), axis("Time", true)];
  toolbar(panel).prepend(...axes);
  draw();
  return search.on("trial_finished trial_proposed search_state", draw);
}
