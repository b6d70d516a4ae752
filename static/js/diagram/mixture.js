// A cell whose edges carry all operations at once: between two nodes one line an operation, as wide as its share.

import { element, family } from "./marks.js";

const PITCH = 104;
const RADIUS = 13;
const APART = 46;                                    // of inputs that stand in one column
const WIDEST = 7;
const MOST = 14;                                     // nodes of a cell
const NAMES = /^(.+) to (.+)$/;

export const STAGES = ["Unknown operations", "Mixture", "Sharpening", "Derived cell"];
export const spoken = (op) => op.replaceAll("_", " ").replace(/(\d)x(\d)/g, "$1×$2");

// The edges of a table as pairs of nodes, or null where its rows are no edges or lie between too many nodes to draw.
export function edgesOf(rows) {
  const found = rows.map((row) => row.match(NAMES));
  if (!found.length || !found.every(Boolean)) return null;
  const edges = found.map(([, from, to]) => ({ from, to }));
  return new Set(edges.flatMap(({ from, to }) => [from, to])).size <= MOST ? edges : null;
}

// Inputs below each other, then node after node.
function places(edges) {
  const reached = new Set(edges.map(({ to }) => to));
  const names = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const inputs = names.filter((name) => !reached.has(name));
  const found = new Map(inputs.map((name, i) => [name, { name, column: 0, x: 0, y: (i - (inputs.length - 1) / 2) * 2 * APART }]));
  names.filter((name) => reached.has(name)).forEach((name, i) => found.set(name, { name, column: i + 1, x: (i + 1) * PITCH, y: 0 }));
  return found;
}

// From node to node: straight to the next, around those between to any later one.
function curve(from, to) {
  const span = to.column - from.column;
  const side = from.y || (span > 1 ? ((from.column + to.column) % 2 ? 1 : -1) : 0);
  const out = Math.sign(side) * (from.y ? 10 + 26 * (span - 1) : 26 + 30 * (span - 1));
  const bend = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + out + (from.y ? out / 2 : 0) };
  const far = Math.hypot(to.x - from.x, to.y - from.y);
  return { start: border(from, bend), end: border(to, bend), bend, normal: { x: -(to.y - from.y) / far, y: (to.x - from.x) / far } };
}

function border(place, towards) {
  const far = Math.hypot(towards.x - place.x, towards.y - place.y) || 1;
  return { x: place.x + (RADIUS * (towards.x - place.x)) / far, y: place.y + (RADIUS * (towards.y - place.y)) / far };
}

const shifted = ({ x, y }, normal, by) => `${(x + normal.x * by).toFixed(1)},${(y + normal.y * by).toFixed(1)}`;

function line({ start, bend, end, normal }, by) {
  return `M${shifted(start, normal, by)}Q${shifted(bend, normal, 3.4 * by)} ${shifted(end, normal, by)}`;
}

export class Mixture {
  constructor(host, id) {
    Object.assign(this, { host, id });
    this.svg = element("svg", { role: "img", id, width: "100%", class: "mixture", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-words` });
    this.title = element("title", { id: `${id}-title` });
    this.words = element("desc", { id: `${id}-words` });
    this.svg.append(this.title, this.words);
    host.replaceChildren(this.svg);
  }

  // picture: of `engine.insight.alphas`; stage: 0 to 3, of STAGES
  draw(picture, stage, title, words) {
    const shape = `${picture.rows.join()}|${picture.columns.join()}`;
    if (shape !== this.shape) this.build(picture, shape);
    this.title.textContent = title;
    this.words.textContent = words;
    this.svg.dataset.stage = stage;
    const kept = new Set(picture.kept?.map(([row, column]) => `${row} ${column}`));
    this.lines.forEach((each, row) => each.forEach((one, column) => {
      const share = picture.values[row]?.[column] ?? 0;
      const chosen = kept.has(`${row} ${column}`);
      const width = stage === 0 ? 0.3 : stage === 3 ? (chosen ? 4 : 0) : 0.3 + WIDEST * share;
      Object.assign(one.style, { strokeWidth: `${width.toFixed(2)}px`, opacity: stage === 0 ? 0 : stage === 3 ? Number(chosen) : Math.min(1, 0.25 + share * 1.5) });
    }));
    for (const blank of this.blanks) blank.style.opacity = Number(stage === 0);
    this.marks.forEach((mark, row) => {
      const chosen = picture.kept?.filter(([at]) => at === row).map(([, column]) => spoken(picture.columns[column])) ?? [];
      mark.textContent = stage === 0 ? "?" : stage === 3 ? chosen.join(" + ") : "";
    });
  }

  build(picture, shape) {
    this.shape = shape;
    const edges = edgesOf(picture.rows);
    const nodes = places(edges);
    const count = picture.columns.length;
    const layers = ["g", "g", "g"].map((name) => element(name));
    const [wires, circles, words] = layers;
    const corners = [];
    this.lines = [];
    this.marks = [];
    this.blanks = [];                                // what stands for an edge of which nothing is known
    for (const { from, to } of edges) {
      const way = curve(nodes.get(from), nodes.get(to));
      const gap = Math.min(1.7, 11 / count);
      this.lines.push(picture.columns.map((op, k) => {
        const one = element("path", { class: `edge f-${family({ op })}`, d: line(way, (k - (count - 1) / 2) * gap) });
        one.append(element("title", {}, `${from} to ${to}: ${spoken(op)}`));
        wires.append(one);
        return one;
      }));
      this.blanks.push(element("path", { class: "edge faint", d: line(way, 0) }));
      wires.append(this.blanks.at(-1));
      const middle = { x: way.start.x / 4 + way.bend.x / 2 + way.end.x / 4, y: way.start.y / 4 + way.bend.y / 2 + way.end.y / 4 };
      const mark = element("text", { class: "mark", "text-anchor": "middle", x: middle.x.toFixed(1), y: (middle.y + 4).toFixed(1) });
      words.append(mark);
      this.marks.push(mark);
      corners.push([middle.x - 36, middle.y - 16], [middle.x + 36, middle.y + 16]);
    }
    for (const { name, column, x, y } of nodes.values()) {
      circles.append(element("circle", { class: `node ${column ? "" : "in"}`, cx: x, cy: y, r: RADIUS }),
        element("text", { "text-anchor": "middle", x, y: y + 4 }, name.replace(/^the output$/, "out")));
      corners.push([x - RADIUS - 2, y - RADIUS - 2], [x + RADIUS + 2, y + RADIUS + 2]);
    }
    const [left, right] = [Math.min, Math.max].map((pick) => pick(...corners.map(([x]) => x)));
    const [top, bottom] = [Math.min, Math.max].map((pick) => pick(...corners.map(([, y]) => y)));
    this.svg.setAttribute("viewBox", [left, top, right - left, bottom - top].map(Math.round).join(" "));
    this.svg.style.maxWidth = `${Math.round(1.5 * (right - left))}px`;
    this.svg.replaceChildren(this.title, this.words, ...layers);
  }
}
