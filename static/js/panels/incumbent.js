// The best network so far; before there is one, what a supernet stands for now. Listens to incumbent and strategy. Draws the
// cell; what stays between two networks stays in its place.

import { toolbar } from "../chart.js";
import { Diagram } from "../diagram.js";
import { paced } from "../pace.js";
import { count, score } from "../words.js";
import { training } from "./epochs.js";

export function mount(panel, search) {
  const diagram = new Diagram(panel.querySelector("[data-diagram]"), "incumbent", { words: true });
  const summary = panel.querySelector("[data-summary]");
  const heading = panel.querySelector("h2");
  const drawings = new Map();
  let link = panel.querySelector("[data-open]");

  const describe = ({ trial: number, epoch }) => {
    const trial = search.trials.get(number) ?? {};
    heading.textContent = epoch ? `Derived now, epoch ${epoch}` : `Incumbent, trial ${number}`;
    const untrained = { shared: " with shared weights, not yet trained from scratch", hypernetwork: " with generated weights, not yet trained from scratch" };
    const facts = epoch ? ["Derived now, not yet trained from scratch", `what the supernet stands for after epoch ${epoch}`]
      : [`Score ${score(trial.score)}${untrained[trial.score_kind] ?? ""}`, `${count(trial.parameters)} parameters`, `${count(trial.flops)} FLOPs`];
    if (summary) summary.textContent = `${facts.join(" · ")} · ${search.spec?.space?.kind ?? ""}`.replace(/ · $/, "");
    link ??= toolbar(panel).appendChild(
      Object.assign(document.createElement("a"), { textContent: "Open", className: "btn btn-link btn-sm px-0 py-1" }));
    link.href = search.url("trial", number);
  };

  const draw = paced(async () => {
    const shown = search.incumbent ?? search.derived;
    if (!shown) {
      const words = training(search);
      if (words && summary) summary.textContent = `${words} Until then no network is the best.`;
      return;
    }
    const { trial: number, drawing, epoch } = shown;
    describe(shown);
    try {
      if (drawing) drawings.set(number, drawing);
      if (!drawings.has(number)) {
        const answer = await fetch(search.url("drawing", number), { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        drawings.set(number, await answer.json());
      }
      if ((search.incumbent ?? search.derived).trial !== number) return;
      diagram.options.file = `trial_${number}`;
      await diagram.draw(drawings.get(number), epoch ? `Derived after epoch ${epoch}, not yet trained from scratch` : `Network of trial ${number}`);
      panel.dataset.trial = number;
    } catch (error) {
      if (summary) summary.textContent = `The diagram of trial ${number} did not load (${error.message}).`;
    }
  });

  draw();
  return search.on("incumbent strategy trial_started trial_finished", (event) => {
    if (event.type === "incumbent" || !search.incumbent) draw();
  });
}
