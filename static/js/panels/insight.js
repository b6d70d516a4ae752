// How the strategy thinks. Listens to strategy, trial_proposed and trial_finished. Draws the pictures of `engine/insight.py`, one at a time.

import { Chart, press, tool, toolbar } from "../chart.js";
import { spoken } from "../diagram/mixture.js";
import { score } from "../words.js";
import { byEpoch } from "./epochs.js";
import { truth } from "./truth.js";

// The pictures so far: the newest of each title, and for series all their points.
export class Pictures {
  constructor(events) {
    this.newest = new Map();
    this.points = new Map();
    for (const event of events) this.take(event);
  }

  take({ trial, data }) {
    for (const picture of data.pictures ?? []) {
      if (byEpoch(data, picture)) continue;           // it has a panel with a slider
      this.newest.set(picture.title, picture);
      if (picture.picture !== "series") continue;
      if (!this.points.has(picture.title)) this.points.set(picture.title, []);
      this.points.get(picture.title).push([data.epoch ?? trial, picture.values, Number.isInteger(data.epoch)]);
    }
  }
}

// From a trial back to its first ancestor.
export function lineage(search, number) {
  const line = [];
  const seen = new Set();
  for (let at = number; Number.isInteger(at) && !seen.has(at); at = search.trials.get(at)?.parents?.[0]) {
    seen.add(at);
    const trial = search.trials.get(at);
    if (Number.isFinite(trial?.score)) line.push(trial);
  }
  return line.reverse();
}

// The tree of some trials: from each of their ancestors to its children among them.
export function descent(search, numbers) {
  const found = [];
  const seen = new Set();
  const waiting = [...numbers];
  while (waiting.length) {
    const child = search.trials.get(waiting.pop());
    if (!Number.isFinite(child?.score) || seen.has(child.number)) continue;
    seen.add(child.number);
    for (const number of child.parents ?? []) {
      const parent = search.trials.get(number);
      if (Number.isFinite(parent?.score)) found.push([parent, child]);
      waiting.push(number);
    }
  }
  return { branches: found, roots: seen.size - new Set(found.map(([, child]) => child)).size };
}

const dots = (name, trials, colour, look = "dots") =>
  ({ name, x: trials.map((trial) => trial.number), y: trials.map((trial) => trial.score), look, colour });

// Generations and the like: whole numbers that lie close together.
const few = (points) => points.every(([x]) => Number.isInteger(x) && x < 50);

const WIDTHS = [0.5, 1.25, 2.25, 3.5, 5];       // of the edges of a fabric, from weak to strong

export const DRAW = {
  series(picture, { points }) {
    const told = points.get(picture.title);
    const lines = Object.keys(picture.values).map((name, colour) =>
      ({ name, x: told.map(([trial]) => trial), y: told.map(([, values]) => values[name]), look: "line", colour }));
    const now = Object.entries(picture.values).map(([name, value]) => `${name} ${value}`).join(", ");
    return { lines, words: { x: told.at(-1)[2] ? "epoch" : "trial", y: "", whole: true, named: "" }, sentence: `Now ${now}. ${picture.note ?? ""}`.trim() };
  },
  bars(picture) {
    const names = picture.values.map(([name]) => name);
    const lines = [{ name: picture.title, x: names, y: picture.values.map(([, value]) => value), look: "bars", colour: 0 }];
    return { lines, words: { x: "", y: picture.unit, whole: false, named: "x" }, sentence: names.length ? `The largest: ${names[0]}.` : "" };
  },
  heat(picture) {
    const lines = [{ name: picture.title, x: picture.columns, y: picture.rows, z: picture.values, look: "heat" }];
    return { lines, words: { x: "", y: "", whole: false, named: "both" }, sentence: picture.note };
  },
  pairs(picture, pictures, search, chosen) {
    const decision = picture.decisions.find((one) => one.name === chosen) ?? picture.decisions[0];
    if (!decision) return { lines: [], words: {}, sentence: "No decision has a model yet." };
    const look = typeof decision.at[0] === "number" ? "line" : "bars";
    const at = decision.at.map((one) => (typeof one === "string" ? spoken(one) : one));
    const lines = picture.names.map((name, colour) => ({ name, x: at, y: decision.values[colour], look, colour }));
    const words = { x: decision.name, y: picture.y ?? "density", whole: false, named: look === "bars" ? "x" : "" };
    const names = picture.names.join(" against ");
    return { lines, words, sentence: `${names[0].toUpperCase()}${names.slice(1)} for ${decision.name}.`, choices: picture.decisions.map((one) => one.name) };
  },
  scatter(picture) {
    const x = picture.points.map(([at]) => at);
    const lines = [{ name: picture.title, x, y: picture.points.map(([, y]) => y), look: "dots", colour: 0 }];
    if (picture.x.startsWith("predicted") && picture.y.startsWith("observed") && x.length) {       // where a prediction comes true
      const ends = [Math.min(...x), Math.max(...x)];
      lines.push({ name: "as predicted", x: ends, y: ends, look: "line", colour: 1, bare: true });
    }
    return { lines, words: { x: picture.x, y: picture.y, whole: few(picture.points), named: "" }, sentence: picture.note };
  },
  trellis(picture) {
    const places = [...new Set(picture.edges.flatMap(([a, b, c, d]) => [`${a} ${b}`, `${c} ${d}`]))].map((word) => word.split(" ").map(Number));
    const axis = (at) => [...new Set(places.map((place) => place[at]))].sort((a, b) => a - b);
    const layers = axis(0);
    const corners = [...axis(1).map((scale) => [layers[0], scale]), ...layers.map((layer) => [layer, axis(1)[0]])];    // the order of both axes
    const classes = WIDTHS.map((width, k) => ({ width, edges: picture.edges.filter((edge) => Math.min(WIDTHS.length - 1, Math.floor(edge[4] * WIDTHS.length)) === k), k }));
    const lines = [{ name: "places", x: corners.map(([layer]) => layer), y: corners.map(([, scale]) => scale), look: "dots", colour: 2 },
      ...classes.filter(({ edges }) => edges.length).map(({ width, edges, k }) => ({
        name: `${k / WIDTHS.length} to ${(k + 1) / WIDTHS.length}`, look: "line", colour: 0, width,
        x: edges.flatMap(([from, , to]) => [from, to, null]), y: edges.flatMap(([, from, , to]) => [from, to, null]),
      })),
      { name: "strongest path", x: picture.path.map(([layer]) => layer), y: picture.path.map(([, scale]) => scale), look: "line", colour: 1, width: 4 }];
    return { lines, words: { x: "layer", y: "scale (finest on top)", whole: false, named: "both" }, sentence: picture.note };
  },
  population(picture, pictures, search) {
    const alive = picture.members.map((number) => search.trials.get(number)).filter((trial) => Number.isFinite(trial?.score));
    const all = search.scored();
    const best = all.reduce((a, b) => (a && a.score >= b.score ? a : b), null);
    const line = best ? lineage(search, best.number) : [];
    const members = new Set(picture.members);
    const gone = all.filter((trial) => !members.has(trial.number));
    const { branches, roots } = descent(search, picture.members);
    const many = roots === 1 ? "one first trial" : `${roots} first trials`;
    const families = branches.length ? ` All that are alive descend from ${many}.` : "";
    const told = line.length > 1 ? ` The best descends from ${line.slice(0, -1).map((trial) => trial.number).join(" → ")}.` : "";
    return {
      lines: [
        ...(branches.length ? [{ name: "tree of the living", look: "line", colour: 3, width: 1, bare: true,
          x: branches.flatMap(([parent, child]) => [parent.number, child.number, null]),
          y: branches.flatMap(([parent, child]) => [parent.score, child.score, null]) }] : []),
        dots("died", gone, 2), dots("alive", alive, 0), dots(`line of trial ${best?.number ?? "–"}`, line, 1, "line")],
      words: { x: "trial (age: older to the left)", y: "validation score", whole: true, named: "" },
      sentence: `${picture.note}.${families}${told}${best ? ` Best ${score(best.score)}.` : ""}`,
    };
  },
};

// Why the newest trial was chosen, in the strategy's own words.
function reason(search) {
  const newest = [...search.trials.values()].filter((trial) => trial.origin?.why).reduce((a, b) => (a && a.number > b.number ? a : b), null);
  return newest ? `Trial ${newest.number}: ${newest.origin.why}` : "";
}

export function mount(panel, search) {
  const pictures = new Pictures(search.insights);
  const chart = new Chart(panel, { title: "How the strategy thinks", x: "", y: "", file: "strategy" });
  const places = panel.querySelector("[data-pictures]");
  const select = panel.querySelector("select");
  const why = panel.querySelector("[data-why]");
  let title = null;
  let blank = false;
  const buttons = new Map();

  const draw = () => {
    const found = truth(search);
    if (found) pictures.newest.set(found.title, found);
    const said = why ? reason(search) : "";
    panel.hidden = pictures.newest.size === 0 && !said;
    if (why) why.textContent = said;
    if (blank !== (pictures.newest.size === 0)) {       // a reason alone needs no chart and no tools
      blank = !blank;
      for (const part of [chart.host, toolbar(panel), chart.summary]) part.hidden = blank;
    }
    if (blank) return;
    for (const name of pictures.newest.keys()) {
      if (buttons.has(name)) continue;
      buttons.set(name, tool(name, () => {
        title = name;
        draw();
      }));
      places.append(buttons.get(name));
    }
    if (!pictures.newest.has(title)) title = pictures.newest.keys().next().value;
    buttons.forEach((button, name) => press(button, name === title));
    const picture = pictures.newest.get(title);
    const { lines, words, sentence, choices = [] } = DRAW[picture.picture](picture, pictures, search, select.value);
    select.hidden = choices.length < 2;
    if (select.dataset.of !== choices.join()) {
      select.dataset.of = choices.join();
      select.replaceChildren(...choices.map((name) => new Option(name.replaceAll("_", " "), name)));
    }
    chart.show(lines, sentence, words);
  };

  toolbar(panel);
  select.addEventListener("change", draw);
  draw();
  const stop = [search.on("strategy", (event) => {
    pictures.take(event);
    draw();
  }), search.on("trial_proposed trial_finished", draw)];
  return () => stop.forEach((one) => one());
}
