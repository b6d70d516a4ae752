// The panel of live facts: asks the server for a space document's figures and draws one sample of it.

import { Diagram } from "./diagram.js";
import { count, power } from "./words.js";

const WAIT = 150;                                    // after the last key stroke; with the answer, well within 300 ms
const TITLE = "A random architecture of this space";

export class FactsPanel {
  // source: gives what to ask about, {asked: a document, dataset}; told: called with each answer, {found, errors}
  constructor(host, token, source, told = () => {}) {
    Object.assign(this, { host, token, source, told, seed: 0, turn: 0, timer: null });
    this.diagram = new Diagram(host.querySelector("[data-diagram]"), "sample", { file: "sample", least: 0.6 });
    host.querySelector("[data-another]").addEventListener("click", () => this.another());
    document.addEventListener("keydown", (event) => {
      const writing = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea");
      if (event.key === "r" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) this.another();
    });
  }

  fact(name) {
    return this.host.querySelector(`[data-fact="${name}"]`);
  }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), WAIT);
  }

  another() {
    this.seed += 1;
    this.fetch();
  }

  async fetch() {
    clearTimeout(this.timer);
    const turn = (this.turn += 1);
    const { asked, dataset = "" } = this.source();
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": this.token };
    const url = `${this.host.dataset.url}?${new URLSearchParams({ dataset, seed: this.seed })}`;
    this.host.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { method: "POST", body: JSON.stringify(asked), headers });
      const found = await answer.json();
      if (turn !== this.turn) return;
      if (answer.ok) this.show(found);
      else this.refused(found);
    } catch {
      if (turn === this.turn) this.fact("fault").textContent = "The facts did not load.";
    }
    if (turn === this.turn) this.host.removeAttribute("aria-busy");
  }

  show(found) {
    this.fact("size").textContent = power(found.log10_size);
    this.fact("size").title = found.size ?? "";
    this.fact("decisions").textContent = `${found.parameters}, ${found.conditions} condition${found.conditions === 1 ? "" : "s"}`;
    for (const name of ["parameters", "flops", "memory"]) {
      const range = found.ranges[name];
      this.fact(name).textContent = range ? `${count(range[0])} – ${count(range[2])}` : "–";
    }
    this.fact("input").textContent = found.input;
    this.fact("samples").textContent = String(found.samples);
    this.fact("infeasible").textContent = `${Math.round(100 * found.infeasible.share)} %`;
    this.fact("why").replaceChildren(...why(found.infeasible));
    this.fact("cost").textContent = found.cost ? `: ${count(found.cost.parameters)} parameters` : "";
    this.fact("words").textContent = found.drawing ? found.drawing.words : "No sample can be built on this dataset.";
    this.fact("fault").textContent = "";
    if (found.drawing) this.draw(found.drawing);
    this.told({ found, errors: [] });
  }

  refused({ error, errors }) {
    this.fact("fault").textContent = `The space: ${error.path.replace(/^\//, "").replaceAll("_", " ")} ${error.reason}.`;
    this.told({ found: null, errors: errors ?? [error] });
  }

  draw(drawing) {
    this.diagram.draw(drawing, TITLE);
  }
}

// Why some of the samples cannot be built: "2 × conv 7×7: leaves nothing of 8×1×1".
function why({ reasons, others }) {
  const told = reasons.map(({ reason, count: times }) => `${times} × ${reason}`);
  if (others) told.push(`${others} for other reasons`);
  return told.map((textContent) => Object.assign(document.createElement("li"), { textContent }));
}
