// The best network so far. Listens to incumbent. Draws its cell; what stays between two networks stays in its place.

import { toolbar } from "../chart.js";
import { Diagram } from "../diagram.js";
import { paced } from "../pace.js";
import { count, score } from "../words.js";

export function mount(panel, search) {
  const diagram = new Diagram(panel.querySelector("[data-diagram]"), "incumbent", { words: true });
  const summary = panel.querySelector("[data-summary]");
  const heading = panel.querySelector("h2");
  const drawings = new Map();
  let link = panel.querySelector("[data-open]");

  const describe = (number) => {
    const trial = search.trials.get(number) ?? {};
    heading.textContent = `Incumbent, trial ${number}`;
    const facts = [`Score ${score(trial.score)}`, `${count(trial.parameters)} parameters`, `${count(trial.flops)} FLOPs`];
    if (summary) summary.textContent = `${facts.join(" · ")} · ${search.spec?.space?.kind ?? ""}`.replace(/ · $/, "");
    link ??= toolbar(panel).appendChild(
      Object.assign(document.createElement("a"), { textContent: "Open", className: "btn btn-link btn-sm px-0 py-1" }));
    link.href = search.url("trial", number);
  };

  const draw = paced(async () => {
    if (!search.incumbent) return;
    const { trial: number, drawing } = search.incumbent;
    describe(number);
    try {
      if (drawing) drawings.set(number, drawing);
      if (!drawings.has(number)) {
        const answer = await fetch(search.url("drawing", number), { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        drawings.set(number, await answer.json());
      }
      if (search.incumbent.trial !== number) return;
      diagram.options.file = `trial_${number}`;
      await diagram.draw(drawings.get(number), `Network of trial ${number}`);
      panel.dataset.trial = number;
    } catch (error) {
      if (summary) summary.textContent = `The diagram of trial ${number} did not load (${error.message}).`;
    }
  });

  draw();
  return search.on("incumbent", draw);
}
