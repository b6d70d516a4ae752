// The search page: the state that came with the page, the events that change it, and the panels that show it.

import { reload, showConnection } from "./connection.js";
import { Live } from "./live.js";
import { mount as baselines } from "./panels/baselines.js";
import { mount as bestSoFar } from "./panels/best_so_far.js";
import { mount as curves } from "./panels/curves.js";
import { mount as ensemble } from "./panels/ensemble.js";
import { mount as figures } from "./panels/figures.js";
import { mount as finals } from "./panels/finals.js";
import { mount as incumbent } from "./panels/incumbent.js";
import { mount as insight } from "./panels/insight.js";
import { mount as leaderboard } from "./panels/leaderboard.js";
import { mount as log } from "./panels/log.js";
import { mount as pareto } from "./panels/pareto.js";
import { mount as state } from "./panels/state.js";
import { mount as supernet } from "./panels/supernet.js";
import { borrowed } from "./words.js";

const PANELS = { baselines, best_so_far: bestSoFar, curves, ensemble, finals, incumbent, insight, leaderboard, log, pareto, supernet };
const WHOLE_PAGE = [figures, state];

// After a resume a trial goes on from its last checkpoint: an epoch may be told again, and what followed it is void.
function cut(curve, length) {
  curve.splice(Math.max(0, length));
}

// What each event does to the state. Panels listen to the events and read the state; only this table changes it.
const CHANGES = {
  trial_proposed(search, number, data) {
    Object.assign(search.trial(number), data);
  },
  trial_started(search, number, data) {
    search.trial(number).status = "running";
    cut(search.curve(number), data.epoch ?? 0);
  },
  epoch(search, number, data) {
    const curve = search.curve(number);
    cut(curve, data.epoch - 1);
    curve.push(data.score);
    Object.assign(search.trial(number), { status: "running", epochs: data.epoch });
  },
  trial_finished(search, number, data) {
    Object.assign(search.trial(number), data);
  },
  download(search, number, data) {
    search.trial(number).download = data.state;
  },
  strategy(search, number, data) {
    if (data.derived) search.derived = { trial: number, epoch: data.epoch, drawing: null };
  },
  incumbent(search, number) {
    search.incumbent = { trial: number, drawing: null };
  },
  search_state(search, number, data) {
    search.state = data.state;
    search.reason = data.reason ?? "";
  },
  search_finished(search) {
    search.state = "finished";
  },
};

export class Search {
  constructor(page) {
    this.seq = page.seq;
    this.state = page.state;
    this.reason = "";
    this.spec = page.spec;
    this.urls = page.urls;
    this.score = page.score ?? "score";                 // what it is, in words
    this.incumbent = page.incumbent ?? null;
    this.sharing = page.sharing ?? false;               // whether a supernet trains first
    this.derived = page.derived ?? null;                // what the newest epoch of a supernet stands for
    this.insights = page.insights ?? [];                // what the strategy said, thinned out
    this.trials = new Map((page.trials ?? []).map((trial) => [trial.number, trial]));
    this.curves = new Map(Object.entries(page.curves ?? {}).map(([number, curve]) => [Number(number), curve]));
    this.listeners = [];
  }

  trial(number) {
    if (!this.trials.has(number)) this.trials.set(number, { number, status: "pending", score: null, parents: [] });
    return this.trials.get(number);
  }

  curve(number) {
    if (!this.curves.has(number)) this.curves.set(number, []);
    return this.curves.get(number);
  }

  // Those with an architecture; the others are epochs of shared weights and the ensemble.
  networks() {
    return [...this.trials.values()].filter((trial) => trial.encoding_id !== "");
  }

  // How many epochs of shared weights there will be, as far as is known now.
  epochsAhead() {
    const asked = [...this.trials.values()].filter((trial) => trial.origin?.of).sort((a, b) => a.number - b.number);
    return asked.at(-1)?.origin.of ?? this.spec?.strategy?.epochs;
  }

  // The epochs of shared weights that have ended, in their order.
  epochs() {
    return [...this.trials.values()].filter((trial) => trial.encoding_id === "" && trial.kind !== "ensemble" && trial.status === "done")
      .sort((a, b) => a.number - b.number);
  }

  // The strategy's own trials that have a score, in the order of their numbers (finals train longer, on their own).
  scored() {
    return this.networks()
      .filter((trial) => trial.status === "done" && Number.isFinite(trial.score) && !Number.isInteger(trial.final_of))
      .sort((a, b) => a.number - b.number);
  }

  // Those of the kind of score that the search came to last: kinds are never compared with each other.
  comparable() {
    const scored = this.scored();
    return scored.filter((trial) => borrowed(trial.score_kind) === borrowed(scored.at(-1).score_kind));
  }

  // `types`: names separated by blanks, or "*". Returns how to stop listening.
  on(types, listener) {
    const entry = { types: types === "*" ? null : new Set(types.split(" ")), listener };
    this.listeners.push(entry);
    return () => this.listeners.splice(this.listeners.indexOf(entry), 1);
  }

  take(event) {
    this.seq = event.seq;
    CHANGES[event.type]?.(this, event.trial, event.data ?? {});
    for (const { types, listener } of [...this.listeners]) {
      if (types === null || types.has(event.type)) listener(event);
    }
  }

  url(name, number) {
    return (this.urls[name] ?? "").replace(/\{n\}|%7Bn%7D/i, number);
  }
}

function main() {
  const source = document.getElementById("search-data");
  if (!source) return;
  const search = new Search(JSON.parse(source.textContent));
  for (const mount of WHOLE_PAGE) mount(document, search);
  for (const panel of document.querySelectorAll("[data-panel]")) PANELS[panel.dataset.panel]?.(panel, search);
  new Live(search.urls, search.seq, { take: (event) => search.take(event), show: showConnection, reload }).start();
  window.nasweb = { search };                       // for browser tests and the curious: the state as it is shown
}

main();
