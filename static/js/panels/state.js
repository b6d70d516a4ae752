// State, progress, title and the actions that fit. Listens to search_state, search_finished, trial_finished.

import { announcer } from "../announce.js";
import { paced } from "../pace.js";
import { duration } from "../words.js";
import { figures } from "./figures.js";

function showState(page, search) {
  for (const place of page.querySelectorAll("[data-state]")) {
    place.dataset.state = search.state;
    place.textContent = search.state;
    place.className = `state ${search.state}`;
    place.title = search.reason;
  }
  // data-when="running queued": an action that only makes sense in these states
  for (const action of page.querySelectorAll("[data-when]")) action.hidden = !action.dataset.when.split(" ").includes(search.state);
}

// From the mean training time so far; the finals count too. Nothing is said before three trials have ended.
export function left(search, done, budget) {
  const seconds = [...search.trials.values()].map((trial) => trial.seconds).filter(Number.isFinite);
  if (search.state !== "running" || !budget || seconds.length < 3) return "";
  const mean = seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
  const finals = (search.spec.finals?.top ?? 1) * (search.spec.finals?.seeds ?? 1);
  return ` · about ${duration((Math.max(0, budget - done) + finals) * mean / (search.spec.execution?.slots ?? 1))} left`;
}

function showProgress(page, search) {
  const [done] = figures(search).done;
  const budget = search.spec?.budget?.trials;
  const epochs = Number(done) === 0 ? search.epochs().length : 0;         // of shared weights, before anything is ranked
  const [count, limit] = epochs ? [epochs, search.epochsAhead()] : [Number(done), budget];
  const share = search.state === "finished" ? 100 : limit ? Math.min(100, Math.floor((100 * count) / limit)) : 0;
  for (const bar of page.querySelectorAll("[data-progress]")) {
    bar.setAttribute("aria-valuenow", share);
    if (bar.firstElementChild) bar.firstElementChild.style.width = `${share}%`;
  }
  for (const words of page.querySelectorAll("[data-progress-words]")) {
    words.textContent = epochs ? `${epochs} of ${limit} epochs of the supernet` : budget ? `${done} of ${budget} trials${left(search, done, budget)}` : `${done} trials`;
  }
  return share;
}

export function mount(page, search) {
  const name = page.querySelector("h1")?.textContent.trim() ?? "Search";
  const say = announcer(page);
  const draw = paced(() => {
    showState(page, search);
    const share = showProgress(page, search);
    const state = search.state[0].toUpperCase() + search.state.slice(1);
    document.title = `${state}${search.state === "running" ? ` ${share} %` : ""} · ${name} · nasweb`;
  });
  draw();
  return search.on("search_state search_finished trial_finished", (event) => {
    if (event.type !== "trial_finished") say(`The search is ${search.state}.`);
    draw();
  });
}
