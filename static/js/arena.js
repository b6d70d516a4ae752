// The arena's page: figures that came with the page, fetched anew when the log says that a run has ended.

import { announcer } from "./announce.js";
import { showConnection, reload } from "./connection.js";
import { Live } from "./live.js";
import { mount as curves } from "./panels/arena_curves.js";
import { mount as results } from "./panels/arena_results.js";
import { mount as ranks } from "./panels/ranks.js";
import { duration } from "./words.js";

const PANELS = { best: curves, population: curves, ranks, results };
const EVERY = 1000;                                // milliseconds between two looks at the figures
const AGAIN = 3000;                                // after one that failed

class Arena {
  constructor(figures) {
    Object.assign(this, { figures, urls: figures.urls, seq: figures.seq, ended: figures.ended, state: figures.state, listeners: [] });
    this.startedAt = Date.parse(figures.started_at ?? "");
  }

  on(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }

  // Events only move the bar; curves and tests are the server's figures.
  take({ type, data, at, seq }) {
    this.seq = seq;
    this.now = Date.parse(at);
    if (type === "arena_state") {
      this.state = data.state;
      this.reason = data.reason;
      if (data.state === "running") this.startedAt = this.now;
    } else {
      this.ended = data.ended;
    }
    this.tell();
    this.look(EVERY);
  }

  look(wait) {
    this.timer ??= setTimeout(() => this.fetch(), Math.max(0, (this.looked ?? -EVERY) + wait - performance.now()));
  }

  async fetch() {
    const asked = this.seq;
    this.looked = performance.now();
    try {
      const answer = await fetch(this.urls.figures, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.figures = { ...(await answer.json()), urls: this.urls };
      this.timer = null;
      this.tell();
      if (this.seq > asked) this.look(EVERY);
    } catch {
      this.timer = null;
      this.look(AGAIN);
    }
  }

  // From the time that the runs so far took; said once a seed is through.
  get left() {
    const first = this.figures.strategies.length;
    if (this.state !== "running" || this.ended < first || !Number.isFinite(this.startedAt)) return "";
    const spent = ((this.now ?? Date.now()) - this.startedAt) / 1000;
    return ` · about ${duration((spent / this.ended) * (this.figures.total - this.ended))} left`;
  }
}

function showProgress(arena) {
  const { total, seeds, all_seeds: all } = arena.figures;
  const share = Math.floor((100 * arena.ended) / Math.max(1, total));
  const bar = document.querySelector("[data-progress]");
  bar.setAttribute("aria-valuenow", share);
  bar.firstElementChild.style.width = `${share}%`;
  document.querySelector("[data-progress-words]").textContent = `${arena.ended} of ${total} runs${arena.left}`;
  document.querySelector("[data-seeds]").textContent = `${seeds} of ${all}`;
  const place = document.querySelector("[data-state]");
  Object.assign(place, { textContent: arena.state, className: `state ${arena.state}`, title: arena.reason ?? "" });
  place.dataset.state = arena.state;
  for (const action of document.querySelectorAll("[data-when]")) action.hidden = !action.dataset.when.split(" ").includes(arena.state);
  const reason = document.querySelector("[data-reason]");
  reason.hidden = !(reason.textContent = arena.reason ?? arena.figures.reason);
}

function main() {
  const arena = new Arena(JSON.parse(document.getElementById("arena-data").textContent));
  const say = announcer(document);
  let told = arena.state;
  arena.on(() => {
    showProgress(arena);
    if (arena.state !== told) say(`The arena is ${(told = arena.state)}.`);
  });
  for (const panel of document.querySelectorAll("[data-panel]")) PANELS[panel.dataset.panel]?.(panel, arena);
  showProgress(arena);
  new Live(arena.urls, arena.seq, { take: (event) => arena.take(event), show: showConnection, reload }).start();
  window.nasweb = { arena };                       // for browser tests and the curious: the state as it is shown
}

main();
