// Trained networks, best first, score kinds never mixed. Listens to trial_finished and download.
// A row that came in above others is marked for a while; rows slide to their places where motion is welcome.

import { tool, toolbar } from "../chart.js";
import { paced } from "../pace.js";
import { count, duration, origin, score } from "../words.js";

const SHOWN = 50;
const MARKED = 6000;
const KINDS = ["scratch", "inherited", "shared", "hypernetwork", "proxy", "tabular"];
const UNTRAINED = new Set(["shared", "hypernetwork", "proxy"]);      // scores of networks without weights of their own
const ORDER = { done: 0, pruned: 1, failed: 2 };
const COLUMNS = ["rank", "trial", "score", "parameters", "flops", "seconds", "origin", "download"];

export function ranked(trials) {
  const kind = (trial) => KINDS.indexOf(trial.score_kind ?? "scratch");
  return [...trials].filter((trial) => trial.status in ORDER).sort((a, b) =>
    ORDER[a.status] - ORDER[b.status] || kind(a) - kind(b) || (b.score ?? 0) - (a.score ?? 0) || a.number - b.number);
}

// A download that is being made or was refused has a page that says more.
const DOWNLOADS = { wanted: "Being made", failed: "Why not" };

function anchor(text, href, className = "") {
  return Object.assign(document.createElement("a"), { textContent: text, href, className });
}

function bar(trial, lowest, highest) {
  const box = document.createElement("span");
  box.className = "spark";
  const fill = box.appendChild(document.createElement("i"));
  const share = highest > lowest ? (trial.score - lowest) / (highest - lowest) : 1;
  fill.style.width = `${Math.round(20 + 80 * share)}%`;
  return box;
}

function download(search, trial) {
  if (trial.status !== "done" || UNTRAINED.has(trial.score_kind)) return "";
  const link = anchor(DOWNLOADS[trial.download] ?? "Download", search.url("download", trial.number), "btn btn-plain btn-sm");
  link.setAttribute("aria-label", `${link.textContent}: the network of trial ${trial.number}`);
  return link;
}

const CELLS = {
  rank: (search, trial, { rank }) => [trial.status === "done" ? String(rank + 1) : "–"],
  trial: (search, trial) => [anchor(`trial ${trial.number}`, search.url("trial", trial.number))],
  score: (search, trial, { lowest, highest }) => trial.status === "done"
    ? [bar(trial, lowest, highest), score(trial.score)] : [trial.status],
  parameters: (search, trial) => [count(trial.parameters)],
  flops: (search, trial) => [count(trial.flops)],
  seconds: (search, trial) => [duration(trial.seconds)],
  epochs: (search, trial) => [String(trial.epochs ?? "–")],
  score_kind: (search, trial) => [trial.score_kind ?? ""],
  origin: (search, trial) => [origin(trial)],
  download: (search, trial) => [download(search, trial)],
};
const NUMBERS = new Set(["rank", "score", "parameters", "flops", "seconds", "epochs"]);

class Rows {
  constructor(panel, search) {
    this.search = search;
    this.body = panel.querySelector("[data-rows]");
    const named = [...panel.querySelectorAll("th[data-column]")].map((th) => th.dataset.column);
    this.columns = named.length ? named : COLUMNS;
    this.rows = new Map([...this.body.querySelectorAll("tr[data-trial]")].map((row) => [Number(row.dataset.trial), row]));
    this.ranks = null;
    this.signatures = new Map();
  }

  fill(number, trial, context) {
    let row = this.rows.get(number);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.trial = number;
      this.rows.set(number, row);
    }
    const signature = JSON.stringify([trial, context]);
    if (this.signatures.get(number) === signature) return row;
    this.signatures.set(number, signature);
    row.replaceChildren(...this.columns.map((column) => {
      const cell = document.createElement("td");
      cell.dataset.column = column;
      if (NUMBERS.has(column)) cell.className = "num";
      cell.append(...(CELLS[column]?.(this.search, trial, context) ?? [""]));
      return cell;
    }));
    return row;
  }

  show(limit) {
    const table = ranked(this.search.networks());
    const scores = table.filter((trial) => trial.status === "done").map((trial) => trial.score);
    const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
    const places = new Map([...this.body.children].map((row) => [row, row.offsetTop]));
    const wanted = table.slice(0, limit).map((trial, rank) => this.fill(trial.number, trial, { rank, lowest, highest }));
    wanted.forEach((row, i) => this.body.children[i] === row || this.body.insertBefore(row, this.body.children[i] ?? null));
    while (this.body.children.length > wanted.length) this.body.lastElementChild.remove();
    if (this.ranks) this.mark(table);
    this.slide(places);
    this.ranks = new Map(table.map((trial, rank) => [trial.number, rank]));
    return table.length;
  }

  // Risen: new on the table and above somebody.
  mark(table) {
    table.forEach((trial, rank) => {
      const row = this.rows.get(trial.number);
      if (this.ranks.has(trial.number) || trial.status !== "done" || rank === table.length - 1 || !row?.isConnected) return;
      row.classList.add("risen");
      row.firstElementChild.append(" ▲");
      setTimeout(() => {
        row.classList.remove("risen");
        const arrow = row.firstElementChild.lastChild;
        if (arrow?.textContent === " ▲") arrow.remove();
      }, MARKED);
    });
  }

  slide(places) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [row, before] of places) {
      const moved = before - row.offsetTop;
      if (moved && row.isConnected) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], 250);
    }
  }
}

export function mount(panel, search) {
  const rows = new Rows(panel, search);
  const summary = panel.querySelector("[data-summary]");
  let limit = SHOWN;
  const all = tool("All", () => {
    limit = limit === SHOWN ? Infinity : SHOWN;
    draw();
  });
  toolbar(panel).prepend(all);
  const draw = paced(() => {
    const total = rows.show(limit);
    all.hidden = total <= SHOWN;
    all.textContent = limit === SHOWN ? `All ${total}` : `First ${SHOWN}`;
    if (summary) summary.textContent = total ? `${Math.min(limit, total)} of ${total} trained networks, best first.` : "No network is trained yet.";
    panel.dataset.total = total;
  });
  draw();
  return search.on("trial_finished download", draw);
}
