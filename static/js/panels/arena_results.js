// The table of results and the tests in words.

import { count, duration } from "../words.js";

const number = (value, digits = 3) => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : "–");

function cells(row, all) {
  const regret = row.regret ? `${number(row.regret.mean)} ± ${number(row.regret.se, 2)}` : "–";
  const rank = row.mean_rank === null ? "–" : row.mean_rank.toFixed(2);
  return [regret, rank, number(row.p_holm, 2), row.cost === null ? "–" : count(row.cost), duration(row.seconds ?? NaN), `${row.done} of ${all}`];
}

function line(row, arena) {
  const tr = document.createElement("tr");
  tr.dataset.strategy = row.strategy;
  const name = document.createElement("th");
  name.scope = "row";
  name.append(Object.assign(document.createElement("a"), { href: arena.urls.strategy.replace("NAME", row.strategy), textContent: row.title }));
  if (row.error) name.append(Object.assign(document.createElement("div"), { className: "error", textContent: row.error }));
  tr.append(name);
  for (const text of cells(row, arena.figures.all_seeds)) tr.append(Object.assign(document.createElement("td"), { className: "num", textContent: text }));
  return tr;
}

export function mount(panel, arena) {
  const words = document.querySelector("[data-words]");
  const draw = () => {
    const { strategies, words: sentences, caution } = arena.figures;
    const ranked = [...strategies].sort((a, b) => (a.mean_rank ?? Infinity) - (b.mean_rank ?? Infinity) || 0);
    panel.querySelector("[data-rows]").replaceChildren(...ranked.map((row) => line(row, arena)));
    if (!sentences.length) return;
    words.replaceChildren(...[caution, ...sentences].filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  };
  draw();
  arena.on(draw);
}
