// The page of estimators: how well each knows the true order. The table came with the page; here it is drawn.

import { mount as estimate } from "./panels/estimate.js";
import { mount as forest } from "./panels/forest.js";

// What is shown, and which estimator is looked at; the address keeps the choice.
export class Correlation {
  constructor(figures) {
    Object.assign(this, { figures, listeners: [], chosen: new URLSearchParams(location.search).get("of") });
  }

  get row() {
    const { rows } = this.figures;
    return rows.find((row) => row.estimator === this.chosen) ?? rows[0];
  }

  choose(name) {
    this.chosen = name;
    const url = new URL(location.href);
    url.searchParams.set("of", name);
    history.replaceState(null, "", url);
    this.tell();
  }

  on(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }
}

export function show(correlation) {
  forest(document.querySelector("[data-panel=forest]"), correlation);
  estimate(document.querySelector("[data-panel=estimate]"), correlation);
}

const data = document.getElementById("correlation-data");
if (data) {
  const correlation = new Correlation(JSON.parse(data.textContent));
  show(correlation);
  window.nasweb = { ...window.nasweb, correlation };
}
