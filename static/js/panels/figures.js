// The row of figures under the title. Listens to everything that changes them. [data-figure=best|rate|distinct|failed|spent|done].

import { paced } from "../pace.js";
import { borrowed, duration, score } from "../words.js";

const ENDED = new Set(["done", "failed", "pruned"]);
const REFUSED = new Set(["constraint", "filter"]);         // by a limit, or by the filter

// What each figure says: [value, small words beside it].
export function figures(search) {
  const trials = [...search.trials.values()];
  const ended = search.networks().filter((trial) => ENDED.has(trial.status) && !Number.isInteger(trial.final_of));
  const charged = ended.filter((trial) => !REFUSED.has(trial.error_kind) || trial.epochs);   // not those nobody trained
  const best = search.comparable().reduce((a, b) => (a && a.score >= b.score ? a : b), null);
  const spent = trials.reduce((sum, trial) => sum + (trial.seconds ?? 0), 0);
  const distinct = new Set(ended.map((trial) => trial.canonical_id ?? trial.encoding_id).filter(Boolean)).size;
  const budget = search.spec?.budget?.trials;
  return {
    best: best ? [score(best.score), `trial ${best.number} ${borrowed(best.score_kind)}`.trim()] : ["–", ""],
    rate: spent > 0 ? [String(Math.round((charged.length * 3600) / spent)), "per hour"] : ["–", ""],
    distinct: [String(distinct), `of ${ended.length}`],
    failed: [String(ended.filter((trial) => trial.status === "failed" && !REFUSED.has(trial.error_kind)).length), ""],
    infeasible: [String(ended.filter((trial) => REFUSED.has(trial.error_kind)).length), ""],
    spent: [duration(spent), ""],
    done: [String(charged.length), budget ? `of ${budget}` : ""],
  };
}

export function mount(page, search) {
  const places = [...page.querySelectorAll("[data-figure]")];
  const draw = paced(() => {
    const values = figures(search);
    for (const place of places) {
      const [value, words] = values[place.dataset.figure] ?? [];
      if (value === undefined) continue;
      const small = Object.assign(document.createElement("small"), { textContent: words });
      place.replaceChildren(words ? `${value} ` : value, ...(words ? [small] : []));
    }
  });
  draw();
  return search.on("trial_finished trial_proposed", draw);
}
