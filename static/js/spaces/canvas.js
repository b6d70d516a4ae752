// The diagram as a view: nodes are buttons over drawn edges. Arrows move, Enter edits, Del takes an op out, + and − change how many.

import { described, pictured } from "./pictures.js";

const SVG = "http://www.w3.org/2000/svg";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST = 0.75;                                  // smaller than this is not made of itself: then the diagram is scrolled
const FINEST = 0.25;
const COUNTS = ["max_layers", "layers", "blocks", "nodes", "steps", "scales", "levels", "cells"];

function line({ points, d, across, down, look }) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", `edge ${look}`);
  path.setAttribute("d", d ?? points.map(({ x, y }, i) => `${i ? "L" : "M"}${x},${y}`).join(""));
  if (d) path.setAttribute("transform", `translate(${across} ${down})`);
  return path;
}

// A node stands for its option, that of a hyperparameter for all of its fields.
const stands = (node, option) => Boolean(option) && (node.option === option || (node.holds !== undefined && option.startsWith(node.holds)));

export class Canvas {
  // edit: called with (option, choice) to show the field behind a node
  constructor(stage, inspect, sizes, space, edit) {
    Object.assign(this, { stage, inspect, sizes, space, edit, cells: null, faults: new Map(), nodes: [], buttons: new Map(), current: null, turn: 0 });
    Object.assign(this, { size: null, width: 0, places: [] });     // size: what a person chose; places: where the cells stand
    sizes.addEventListener("click", (event) => this.resize(event.target.closest("[data-size]")?.dataset.size));
    new ResizeObserver(() => this.scale()).observe(stage);
    stage.addEventListener("keydown", (event) => this.key(event));
    stage.addEventListener("focusin", (event) => this.arrive(event.target));
    inspect.addEventListener("click", (event) => this.press(event.target.closest("[data-act]")?.dataset.act));
  }

  show() {
    return this.draw();
  }

  sample(drawing) {
    this.cells = drawing.cells ?? [drawing.cell];
    return this.draw();
  }

  async draw() {
    const turn = (this.turn += 1);
    const drawn = await pictured(this.space, this.cells, this.room, this.places);
    if (turn !== this.turn) return;
    this.places = drawn.places ?? [];
    this.width = drawn.width;
    const held = this.stage.contains(document.activeElement);
    const { scrollLeft } = this.stage;
    this.nodes = drawn.nodes;
    this.buttons = new Map(drawn.nodes.map((node) => [node.key, this.button(node)]));
    const plane = Object.assign(document.createElement("div"), { className: "plane" });
    Object.assign(plane.style, { width: `${Math.ceil(drawn.width)}px`, height: `${Math.ceil(drawn.height)}px` });
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("aria-hidden", "true");
    svg.append(...drawn.edges.map(line));
    const titles = (drawn.titles ?? []).map(({ text, y }) => {
      const title = Object.assign(document.createElement("div"), { className: "hint title", textContent: text });
      title.style.top = `${y}px`;
      return title;
    });
    plane.append(svg, ...titles, ...this.buttons.values());
    this.stage.replaceChildren(plane);
    this.scale();
    this.stage.scrollLeft = scrollLeft;
    if (!this.buttons.has(this.current)) this.current = this.nodes[0]?.key ?? null;
    this.roam();
    this.mark(this.faults);
    if (held) this.buttons.get(this.current)?.focus();
    else if (this.current) this.tell();
    this.stage.dataset.drawn = "true";
  }

  get room() {
    const { paddingLeft, paddingRight } = getComputedStyle(this.stage);
    return this.stage.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  }

  // As large as was chosen, else as wide as there is room, as long as it can be read.
  scale() {
    const plane = this.stage.querySelector(".plane");
    if (!plane || !this.width || this.room <= 0) return;
    const least = this.size === "whole" ? FINEST : LEAST;
    this.factor = Number.isFinite(this.size) ? this.size : Math.max(least, Math.min(1, this.room / this.width));
    plane.style.zoom = String(this.factor);
    this.sizes.querySelector("output").textContent = `${Math.round(100 * this.factor)} %`;
  }

  resize(act) {
    if (!act) return;
    this.size = act === "whole" ? act : Math.min(2, Math.max(FINEST, this.factor * (act === "larger" ? 1.25 : 0.8)));
    this.scale();
  }

  button(node) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: node.label });
    const out = node.choice !== undefined && !this.space.has(node.option, node.choice);
    button.className = `bit ${node.look ?? ""} ${node.chip ? "chip" : ""} ${node.round ? "round" : ""} ${out ? "out-of-it" : ""}`.replaceAll(/\s+/g, " ");
    Object.assign(button.style, { left: `${node.x - node.width / 2}px`, top: `${node.y - node.height / 2}px`, width: `${node.width}px`, height: `${node.height}px` });
    button.dataset.key = node.key;
    if (node.option) button.dataset.option = node.option;
    if (node.chip) button.setAttribute("aria-pressed", String(!out));
    button.setAttribute("aria-label", described(this.space, node));
    button.addEventListener("click", () => this.click(node));
    return button;
  }

  click(node) {
    this.current = node.key;
    if (node.chip) this.toggle(node);
    this.roam();
    this.tell();
  }

  node() {
    return this.nodes.find((node) => node.key === this.current);
  }

  toggle(node) {
    if (node.choice !== undefined) this.space.toggle(node.option, node.choice);
  }

  // One tab stop for the whole diagram.
  roam() {
    for (const [key, button] of this.buttons) button.tabIndex = key === this.current ? 0 : -1;
  }

  arrive(button) {
    if (!button.dataset.key) return;
    this.current = button.dataset.key;
    this.roam();
    this.tell();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { Enter: "edit", Delete: "remove", Backspace: "remove", " ": "toggle", "+": "more", "=": "more", "-": "fewer", Home: "first", End: "last" };
    const act = ARROWS[event.key] ? "move" : acts[event.key];
    if (!act || !event.target.dataset.key) return;
    event.preventDefault();
    if (act === "move") this.move(...ARROWS[event.key]);
    else this.press(act);
  }

  press(act) {
    const node = this.node();
    if (!act || !node) return;
    if (act === "edit") this.edit(node.option, node.choice);
    if (act === "toggle") this.toggle(node);
    if (act === "remove" && node.choice !== undefined && this.space.has(node.option, node.choice)) this.toggle(node);
    if (act === "more" || act === "fewer") this.count(node, act === "more" ? 1 : -1);
    if (act === "first") this.go(this.nodes[0]);
    if (act === "last") this.go(this.nodes.at(-1));
  }

  // The number behind the node, else the one that says how many nodes there are.
  count(node, by) {
    const names = this.space.counts().map((option) => option.name);
    const name = names.includes(node.option) ? node.option : COUNTS.flatMap((one) => names.filter((each) => each.split("/").at(-1) === one))[0] ?? names[0];
    if (name) this.space.step(name, by);
  }

  // To the nearest node in that direction; what lies aside counts double.
  move(dx, dy) {
    const from = this.node();
    const ahead = this.nodes.filter((node) => node !== from && (node.x - from.x) * dx + (node.y - from.y) * dy > 4);
    const far = (node) => {
      const [along, aside] = [(node.x - from.x) * dx + (node.y - from.y) * dy, Math.abs((node.x - from.x) * dy) + Math.abs((node.y - from.y) * dx)];
      return along + 2 * aside;
    };
    const nearest = ahead.sort((a, b) => far(a) - far(b))[0];
    const along = this.nodes.find((node) => node.key === { 1: from.next, "-1": from.previous }[dx]);      // to the line below or above
    this.go(along ?? nearest);
  }

  go(node) {
    if (node) this.buttons.get(node.key).focus();
  }

  // faults: Map of option name to sentences
  mark(faults) {
    this.faults = faults;
    for (const node of this.nodes) {
      const found = [...faults].flatMap(([option, texts]) => (stands(node, option) ? texts : []));
      const button = this.buttons.get(node.key);
      button.classList.toggle("bad", found.length > 0);
      button.setAttribute("aria-label", [described(this.space, node), ...found].join(". "));
    }
  }

  // The first node that stands for an option.
  shown(option) {
    return this.buttons.get(this.nodes.find((node) => stands(node, option))?.key) ?? null;
  }

  tell() {
    const node = this.node();
    if (!node) return;
    const text = Object.assign(document.createElement("span"), { textContent: `${described(this.space, node)}. ` });
    const acts = [];
    if (node.choice !== undefined) acts.push(["toggle", this.space.has(node.option, node.choice) ? "Take it out" : "Put it in"]);
    if (node.option) acts.push(["edit", "Edit in the form"]);
    const buttons = acts.map(([act, words]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-link btn-sm p-0 me-2", textContent: words, tabIndex: -1 });
      button.dataset.act = act;
      return button;
    });
    this.inspect.replaceChildren(text, ...buttons);
  }
}
