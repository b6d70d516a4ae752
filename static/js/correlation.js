// The page of estimators: how well each knows the true order. Of a comparison that goes on, figures come anew when the log says so.

import { announcer } from "./announce.js";
import { reload, showConnection } from "./connection.js";
import { Live } from "./live.js";
import { mount as estimate } from "./panels/estimate.js";
import { mount as rows } from "./panels/estimators.js";
import { mount as forest } from "./panels/forest.js";

const PANELS = { forest, estimate, figures: rows };
const AGAIN = 3000;                                // milliseconds until figures that did not come are asked for again

// What is shown, and which estimator is looked at; the address keeps the choice.
class Correlation {
  constructor(figures) {
    Object.assign(this, { figures, urls: figures.urls, seq: figures.seq, state: figures.state, ended: figures.ended, now: "" });
    this.listeners = [];
    this.chosen = new URLSearchParams(location.search).get("of");
  }

  get row() {
    const { rows: all } = this.figures;
    return all.find((row) => row.estimator === this.chosen) ?? all[0];
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

  take({ type, data, seq }) {
    this.seq = seq;
    if (type === "run_progress") {
      this.now = `${data.strategy}: ${data.done} of ${data.total} ${data.stage}`;
      showProgress(this);
      return;
    }
    if (type === "arena_state") Object.assign(this, { state: data.state, reason: data.reason });
    else this.ended = data.ended;
    this.now = "";
    showProgress(this);
    this.fetch();
  }

  async fetch() {
    clearTimeout(this.timer);
    try {
      const answer = await fetch(this.urls.figures, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.figures = { ...(await answer.json()), urls: this.urls };
      showProgress(this);
      this.tell();
    } catch {
      this.timer = setTimeout(() => this.fetch(), AGAIN);
    }
  }
}

function showProgress({ figures, ended, state, now, reason }) {
  const share = Math.floor((100 * ended) / Math.max(1, figures.total));
  const bar = document.querySelector("[data-progress]");
  bar.setAttribute("aria-valuenow", share);
  bar.firstElementChild.style.width = `${share}%`;
  document.querySelector("[data-progress-words]").textContent = `${ended} of ${figures.total} estimators`;
  if (now || ended === figures.total) document.querySelector("[data-now]").textContent = now;
  const place = document.querySelector("[data-state]");
  Object.assign(place, { textContent: state, className: `state ${state}` });
  place.dataset.state = state;
  for (const action of document.querySelectorAll("[data-when]")) action.hidden = !action.dataset.when.split(" ").includes(state);
  const told = document.querySelector("[data-reason]");
  told.hidden = !(told.textContent = reason ?? figures.reason);
  const failed = document.querySelector("[data-failed]");
  failed.hidden = figures.failed.length === 0;
  failed.replaceChildren(...figures.failed.map((row) => Object.assign(document.createElement("li"), { textContent: `${row.estimator}: ${row.error}` })));
}

function main(place) {
  const correlation = new Correlation(JSON.parse(place.textContent));
  for (const panel of document.querySelectorAll("[data-panel]")) PANELS[panel.dataset.panel]?.(panel, correlation);
  window.nasweb = { correlation };                 // for browser tests and the curious: the state as it is shown
  if (!correlation.urls) return;
  const say = announcer(document);
  correlation.on(() => say(correlation.figures.words));
  new Live(correlation.urls, correlation.seq, { take: (event) => correlation.take(event), show: showConnection, reload }).start();
}

const place = document.getElementById("correlation-data");
if (place) main(place);
