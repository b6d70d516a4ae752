// Regret against evaluations or simulated cost: of the best so far, or of the current population. Mean and band of 95 %.

import { Chart, press, tool, toolbar } from "../chart.js";
import { count } from "../words.js";

const KINDS = {
  best: { title: "Regret of the best so far", keys: ["mean", "low", "high"], file: "best_so_far", look: "step" },
  population: { title: "Regret of the current population", keys: ["recent", "recent_low", "recent_high"], file: "population", look: "step" },
};
const AXES = { evaluations: "evaluations", cost: "simulated cost" };
const charts = new Set();

// What the address asks for, so that a link shows what its sender saw.
const asked = () => (new URLSearchParams(location.search).get("x") === "cost" ? "cost" : "evaluations");

function choose(axis) {
  const url = new URL(location.href);
  url.searchParams.set("x", axis);
  history.replaceState(null, "", url);
  charts.forEach((draw) => draw());
}

function series({ strategies }, kind, axis) {
  const [middle, low, high] = KINDS[kind].keys;
  return strategies.map((row, colour) => ({ row, colour })).filter(({ row }) => row.curve).map(({ row, colour }) =>
    ({ name: row.title, x: row.curve[axis], y: row.curve[middle], low: row.curve[low], high: row.curve[high], look: KINDS[kind].look, colour }));
}

function sentence({ seeds, evaluations }, lines) {
  if (!lines.length) return "Curves follow when every strategy has played the first seed.";
  const ends = [...lines].sort((a, b) => a.y.at(-1) - b.y.at(-1)).map((one) => `${one.name} ${Number(one.y.at(-1).toPrecision(3))}`);
  return `Means over ${seeds} seed${seeds === 1 ? "" : "s"} with a band of 95 %. After ${count(evaluations)} evaluations, least regret first: ${ends.join(", ")}.`;
}

export function mount(panel, arena) {
  const kind = panel.dataset.panel;
  const chart = new Chart(panel, { title: KINDS[kind].title, x: AXES.evaluations, y: "regret", file: KINDS[kind].file });
  const buttons = Object.entries({ evaluations: "Evaluations", cost: "Cost" }).map(([axis, word]) => [axis, tool(word, () => choose(axis))]);
  toolbar(panel).prepend(...buttons.map(([, button]) => button));
  const draw = () => {
    const axis = asked();
    const lines = series(arena.figures, kind, axis);
    buttons.forEach(([name, button]) => press(button, name === axis));
    chart.show(lines, sentence(arena.figures, lines), { x: AXES[axis] });
  };
  charts.add(draw);
  draw();
  arena.on(draw);
}
