// A supernet epoch by epoch: what its tables held, and the cell between unknown operations and the derived one. Listens to
// strategy, trial_finished and search_state. Draws the heat maps and the trellis of `engine/insight.py` at the epoch of a slider.

import { Chart, press, tool, toolbar } from "../chart.js";
import { saveSvg } from "../diagram/files.js";
import { legend, family } from "../diagram/marks.js";
import { Mixture, spoken, STAGES } from "../diagram/mixture.js";
import { History, isCell, stops, told } from "./epochs.js";
import { DRAW } from "./insight.js";

const PACE = 700;                                    // of playing, in milliseconds an epoch
const LONGEST = 40;                                  // pictures of one showing
const ENDED = new Set(["finished", "failed", "stopped"]);

class Player {
  constructor(panel, search) {
    Object.assign(this, { panel, search, history: new History(search.insights), at: null, raw: false, title: null, timer: null });
    const find = (name) => panel.querySelector(`[data-${name}]`);
    this.parts = Object.fromEntries(["play", "at", "follow", "scale", "stages", "alarm", "mixture", "told", "cell", "caption"].map((name) => [name, find(name)]));
    [this.slider, this.select] = [panel.querySelector("input[type=range]"), panel.querySelector("select")];
    this.chart = new Chart(panel, { title: "Epoch by epoch", x: "", y: "", file: "epoch_by_epoch" });
    this.diagram = new Mixture(this.parts.mixture, "supernet-cell");
    this.svgTool = tool("Cell as SVG", () => saveSvg(this.diagram.svg, this.diagram.title.textContent, "cell_by_epoch"));
    toolbar(panel).append(this.svgTool);
    this.scales = [tool("Softmax", () => this.scale(false)), tool("Raw alphas", () => this.scale(true))];
    this.parts.scale.append(...this.scales);
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.select.addEventListener("change", () => this.choose(this.select.value));
    this.parts.play.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    this.parts.follow.addEventListener("click", () => this.go(null));
    this.draw();
  }

  // Whether no further epoch comes.
  get over() {
    const { search } = this;
    return ENDED.has(search.state) || [...search.trials.values()].some((trial) => trial.encoding_id && !Number.isInteger(trial.final_of));
  }

  take(event) {
    this.history.take(event);
    this.draw();
  }

  scale(raw) {
    this.raw = raw;
    this.draw();
  }

  choose(title) {
    this.title = title;
    this.draw();
  }

  // A person's place; null follows the newest epoch.
  go(at) {
    this.pause();
    this.at = at !== null && at >= this.stops.length - 1 ? null : at;
    this.draw();
  }

  play() {
    const step = Math.ceil(this.stops.length / LONGEST);
    let at = this.at === null ? 0 : this.at;
    const next = () => {
      this.at = at >= this.stops.length - 1 ? null : at;
      this.draw();
      at += step;
      if (this.at === null) this.pause();
    };
    this.timer = setInterval(next, PACE);
    next();
    this.draw();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.parts.play.textContent = "Play";
  }

  draw() {
    const titles = [...this.history.titles.keys()];
    this.panel.hidden = titles.length === 0;
    if (this.panel.hidden) return;
    if (!this.history.titles.has(this.title)) [this.title] = titles;
    this.options(titles);
    this.stops = stops(this.history, this.title, this.over);
    const last = this.stops.length - 1;
    const at = Math.min(this.at ?? last, last);
    const stop = this.stops[at];
    const picture = this.history.titles.get(this.title).get(stop.epoch);
    const cell = isCell(picture);
    this.controls(at, last, stop, picture);
    this.alarm();
    this.cell(cell, stop, picture);
    this.map(stop, picture);
  }

  options(titles) {
    if (this.select.dataset.of !== titles.join()) {
      this.select.dataset.of = titles.join();
      this.select.replaceChildren(...titles.map((title) => new Option(title)));
    }
    this.select.value = this.title;
    this.select.hidden = titles.length < 2;
  }

  controls(at, last, { epoch, stage }, picture) {
    const count = this.search.spec?.strategy?.epochs;
    const place = stage === 0 ? "before the first epoch" : stage === 3 ? "derived cell" : `epoch ${epoch}${count >= epoch ? ` of ${count}` : ""}`;
    Object.assign(this.slider, { min: 0, max: last, value: at });
    this.slider.setAttribute("aria-valuetext", place);
    this.parts.at.textContent = place;
    this.parts.play.textContent = this.timer ? "Pause the picture" : "Play";
    press(this.parts.follow, this.at === null);
    this.parts.scale.hidden = !picture.raw;
    if (!picture.raw) this.raw = false;
    this.scales.forEach((button, k) => press(button, Boolean(k) === this.raw));
  }

  alarm() {
    const { alarm } = this.history;
    this.parts.alarm.hidden = !alarm;
    if (alarm) this.parts.alarm.textContent = `Alarm after epoch ${alarm.epoch}. ${alarm.text}`;
  }

  cell(cell, stop, picture) {
    this.parts.cell.hidden = this.svgTool.hidden = this.parts.stages.hidden = !cell;
    this.panel.classList.toggle("alone", !cell);
    this.parts.caption.textContent = cell ? "from unknown operations to the derived cell" : "what each epoch has learned";
    if (!cell) return (this.parts.told.textContent = "");
    const words = told(picture, stop);
    this.diagram.draw(picture, stop.stage, `${this.title}: ${STAGES[stop.stage].toLowerCase()}`, words);
    this.parts.told.textContent = words;
    [...this.parts.stages.children].forEach((item, k) => (k === stop.stage ? item.setAttribute("aria-current", "step") : item.removeAttribute("aria-current")));
    const kinds = picture.columns.map((op) => family({ op })).join();
    if (this.kinds === kinds) return undefined;
    this.kinds = kinds;
    return this.parts.cell.lastElementChild.replaceChildren(legend(new Set(kinds.split(","))));
  }

  map({ stage }, picture) {
    if (picture.picture === "trellis") {
      const { lines, words, sentence } = DRAW.trellis(picture);
      return this.chart.show(lines, sentence, { ...words, height: 340 });
    }
    const all = [...this.history.titles.get(this.title).values()].flatMap((one) => (this.raw ? one.raw : one.values) ?? []).flat().filter(Number.isFinite);
    const [rows, columns] = [picture.rows, picture.columns].map((names) => names.map(spoken));
    const equal = 1 / columns.length;
    const range = this.raw ? [Math.min(...all), Math.max(...all)] : [0, Math.max(...all, Math.min(1, 3 * equal))];
    const known = this.raw ? picture.raw : picture.values;
    const z = stage === 0 ? known.map((row) => row.map(() => (this.raw ? 0 : equal))) : known;
    const lines = [{ name: this.raw ? "raw alphas" : this.title, x: columns, y: rows, z, range, look: "heat" }];
    if (stage && picture.kept?.length) {
      lines.push({ name: "derived now", x: picture.kept.map(([, column]) => columns[column]), y: picture.kept.map(([row]) => rows[row]), look: "dots", colour: 1, opacity: 1 });
    }
    const sentence = stage === 0 ? "Before the first epoch all operations of an edge are alike." : this.raw ? "The alphas as they are, before the softmax. The colours are the same for all epochs." : `${picture.note} The colours are the same for all epochs.`;
    return this.chart.show(lines, sentence, { x: "", y: "", whole: false, named: "both", height: Math.max(this.parts.cell.hidden ? 150 : 280, 140 + 18 * picture.rows.length) });
  }
}

export function mount(panel, search) {
  const player = new Player(panel, search);
  const stop = [search.on("strategy", (event) => player.take(event)), search.on("trial_proposed search_state search_finished", () => player.draw())];
  return () => stop.forEach((one) => one());
}
