// Score against cost: the networks that no other beats in both, of one kind of score. Listens to trial_finished and incumbent.

import { Chart, press, tool, toolbar } from "../chart.js";
import { borrowed, score } from "../words.js";

const COSTS = { parameters: ["Parameters", "parameters"], flops: ["FLOPs", "FLOPs"], latency_ms: ["Latency", "latency in ms"] };

// Of the trials those to which no other is at once better scored and cheaper, the cheapest first.
export function front(trials, cost) {
  const found = [];
  const order = [...trials].sort((a, b) => a[cost] - b[cost] || b.score - a.score || a.number - b.number);
  for (const trial of order) if (!found.length || trial.score > found.at(-1).score) found.push(trial);
  return found;
}

const line = (name, trials, cost, look, colour) =>
  ({ name, x: trials.map((trial) => trial[cost]), y: trials.map((trial) => trial.score), look, colour });

function sentence(measured, best, cost) {
  if (!measured.length) return `No trained network has its ${COSTS[cost][1]} measured yet.`;
  const [first, last] = [best[0], best.at(-1)];
  const network = (trial) => `trial ${trial.number} (${score(trial.score)}, ${Number(trial[cost].toPrecision(4)).toLocaleString("en")} ${cost === "latency_ms" ? "ms" : COSTS[cost][1]})`;
  if (best.length === 1) return `One network beats all others in both: ${network(first)}.`;
  return `${best.length} of ${measured.length} networks are on the front, from ${network(first)} to ${network(last)}.`;
}

export function mount(panel, search) {
  const chart = new Chart(panel, { title: "Score against cost", x: "parameters", y: `validation ${search.score}`, file: "pareto" });
  let cost = "parameters";
  const buttons = new Map();
  const draw = () => {
    const measured = (name) => search.scored().filter((trial) => Number.isFinite(trial[name]));
    const comparable = new Set(search.comparable());
    const shown = measured(cost).filter((trial) => comparable.has(trial));
    const others = measured(cost).filter((trial) => !comparable.has(trial));
    const best = front(shown, cost);
    const incumbent = shown.filter((trial) => trial.number === search.incumbent?.trial);
    buttons.get("latency_ms").hidden = cost !== "latency_ms" && !measured("latency_ms").length;
    chart.show([
      line(`networks ${borrowed(shown[0]?.score_kind)}`.trim(), shown, cost, "dots", 0),
      line("front", best, cost, "step", 0),
      line("incumbent", incumbent, cost, "dots", 1),
      line("other kinds of score", others, cost, "dots", 2),
    ].filter(({ x }, k) => k < 2 || x.length), sentence(shown, best, cost), { x: COSTS[cost][1] });
  };
  for (const [name, [word]] of Object.entries(COSTS)) {
    buttons.set(name, tool(word, () => {
      cost = name;
      buttons.forEach((one, other) => press(one, other === cost));
      draw();
    }));
    press(buttons.get(name), name === cost);
  }
  toolbar(panel).prepend(...buttons.values());
  draw();
  return search.on("trial_finished incumbent", draw);
}
