// Best score so far against trials or time. Listens to trial_finished and search_state. Draws one step line and one dot per
// trial; before there are any, how the supernet comes on.

import { Chart, press, tool, toolbar } from "../chart.js";
import { score } from "../words.js";
import { training } from "./epochs.js";

function points(search, byTime) {
  let best = -Infinity;
  let spent = 0;
  return search.scored().map((trial) => {
    spent += trial.seconds ?? 0;
    if (trial.score > best) best = trial.score;
    return { x: byTime ? Number(spent.toFixed(1)) : trial.number, score: trial.score, best };
  });
}

function sentence(search) {
  const scored = search.scored();
  if (!scored.length) return "No trial has a score yet.";
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  const since = scored.filter((trial) => trial.number > best.number).length;
  const after = since ? `; no better one in the ${since} scored since` : "";
  return `Best ${score(best.score)} at trial ${best.number}${after}. Dots are single trials.`;
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
    const all = points(search, byTime);
    const x = all.map((point) => point.x);
    return chart.show([
      { name: "single trials", x, y: all.map((point) => point.score), look: "dots", colour: 0 },
      { name: "best so far", x, y: all.map((point) => point.best), look: "step", colour: 0 },
    ], sentence(search), { x: byTime ? "seconds of training spent" : "trial", whole: !byTime });
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
