// What happened, one line an event. Listens to everything. Keeps a window of lines, follows unless the reader scrolls up.

import { press, tool, toolbar } from "../chart.js";
import { paced } from "../pace.js";
import { duration, score } from "../words.js";

const WINDOW = 1000;
const HISTORY = 200;
const WORDS = {
  search_started: () => "search started",
  search_state: (event) => `search is ${event.data.state}${event.data.reason ? `: ${event.data.reason}` : ""}`,
  search_finished: () => "search finished",
  trial_proposed: (event) => `trial ${event.trial} proposed${event.data.origin?.how ? ` (${event.data.origin.how})` : ""}`,
  trial_started: (event) => `trial ${event.trial} started`,
  epoch: ({ trial, data }) => `trial ${trial}, epoch ${data.epoch} of ${data.epochs}: score ${score(data.score)}`,
  trial_finished: ({ trial, data }) => data.status === "done"
    ? `trial ${trial} done: score ${score(data.score)} in ${duration(data.seconds)}`
    : `trial ${trial} ${data.status}${data.error ? `: ${data.error}` : ""}`,
  incumbent: (event) => `trial ${event.trial} is the best so far: ${score(event.data.score)}`,
  log: (event) => event.data.text,
  download: (event) => `download of trial ${event.trial}: ${event.data.state}`,
};
const QUIET = new Set(["checkpoint", "strategy"]);

export function level(event) {
  if (event.type === "log") return event.data.level ?? "info";
  if (event.type === "trial_finished" && event.data.status === "failed") return "error";
  return event.type === "epoch" ? "detail" : "info";
}

function line(event) {
  const item = document.createElement("li");
  item.dataset.seq = event.seq;
  item.dataset.level = level(event);
  const time = document.createElement("time");
  const at = new Date(event.at);
  Object.assign(time, { dateTime: event.at ?? "", textContent: Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString() });
  const words = WORDS[event.type]?.(event) ?? `${event.type.replaceAll("_", " ")}${event.trial === null ? "" : `, trial ${event.trial}`}`;
  item.append(time, " ", words);
  return item;
}

function host(panel) {
  const place = panel.querySelector("[data-log]") ?? panel.querySelector(".body").appendChild(document.createElement("ol"));
  place.classList.add("log", "list-unstyled", "mb-0");
  Object.assign(place.style, { maxHeight: "17rem", overflowY: "auto" });
  place.tabIndex = 0;
  place.setAttribute("aria-label", "Log");          // no live region: a running search talks too much to be read out
  return place;
}

async function history(search) {
  const url = new URL(search.urls.events, location.href);
  url.searchParams.set("after", Math.max(0, search.seq - HISTORY));
  const last = search.seq;
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  return answer.ok ? (await answer.json()).events.filter((event) => event.seq <= last) : [];
}

export function mount(panel, search) {
  const list = host(panel);
  let waiting = [];
  let detail = true;
  const draw = paced(() => {
    const follow = list.scrollTop + list.clientHeight >= list.scrollHeight - 24;
    list.append(...waiting.splice(0).map(line));
    hide();
    while (list.children.length > WINDOW) list.firstElementChild.remove();
    if (follow) list.scrollTop = list.scrollHeight;
  });
  const hide = () => {
    for (const item of list.children) item.hidden = !detail && item.dataset.level === "detail";
  };
  const toggle = tool("Epochs", () => {
    detail = !detail;
    hide();
    press(toggle, detail);
  });
  press(toggle, true);
  toolbar(panel).append(toggle);
  if (!list.children.length && search.seq > 0) {
    history(search).then((events) => list.prepend(...events.filter((event) => !QUIET.has(event.type)).map(line)))
      .catch(() => list.prepend(Object.assign(document.createElement("li"), { textContent: "Earlier lines did not load." })))
      .finally(() => (list.scrollTop = list.scrollHeight));
  }
  return search.on("*", (event) => {
    if (QUIET.has(event.type)) return;
    waiting.push(event);
    if (waiting.length > WINDOW) waiting = waiting.slice(-WINDOW);
    draw();
  });
}
