// Score per epoch. Listens to trial_started, epoch, trial_finished. Draws the best, the newest and the running trials.

import { Chart } from "../chart.js";
import { score } from "../words.js";

const BEST = 3;
const LINES = 8;                                   // more lines than that slow hovering and tell nothing

// The running ones, the best ones and the newest ones, each trial once, at most LINES.
export function chosen(search) {
  const networks = new Set(search.networks().map((trial) => trial.number));
  const running = search.networks().filter((trial) => trial.status === "running").map((trial) => trial.number);
  const best = search.scored().sort((a, b) => b.score - a.score).slice(0, BEST).map((trial) => trial.number);
  const newest = [...search.curves.keys()].sort((a, b) => b - a);
  return [...new Set([...running, ...best, ...newest])].filter((number) => networks.has(number) && search.curves.get(number)?.length).slice(0, LINES);
}

function series(search, number, index) {
  const known = search.curves.get(number).map((value, i) => [i + 1, value]).filter(([, value]) => Number.isFinite(value));
  const running = search.trials.get(number)?.status === "running" ? " (running)" : "";
  return { name: `trial ${number}${running}`, x: known.map(([x]) => x), y: known.map(([, y]) => y), look: "line", colour: index };
}

// The supernet's own score after each of its epochs, where there is one.
function supernet(search, index) {
  const epochs = search.epochs();
  const line = { name: "supernet", x: epochs.map((_, i) => i + 1), y: epochs.map((trial) => trial.score), look: "line", colour: index };
  return epochs.length ? [line] : [];
}

export function mount(panel, search) {
  const chart = new Chart(panel, { title: "Score per epoch", x: "epoch", y: `validation ${search.score}`, file: "curves", whole: true });
  const draw = () => {
    const numbers = chosen(search);
    const lines = [...numbers.map((number, index) => series(search, number, index)), ...supernet(search, numbers.length)];
    const top = Math.max(...lines.flatMap((line) => line.y));
    const words = numbers.length ? `${numbers.length} of ${search.curves.size} trials: running, best and newest.`
      : "The supernet's own score after each of its epochs.";
    chart.show(lines, lines.length ? `${words} Highest point ${score(top)}.` : "No epoch has been scored yet.");
  };
  draw();
  return search.on("trial_started epoch trial_finished", draw);
}
