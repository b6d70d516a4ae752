// The cells of an architecture: sums as circles, operations on the edges between them or as boxes.

import { dagre } from "../dagre.js";
import { arrange, boxed, labelled, RADIUS } from "./layout.js";
import { element, sign } from "./marks.js";
import { picture, spoken } from "./picture.js";

const HEAD = 26;
const GAP = 28;

export class Cells {
  // open: called with the number of the cell and the name of the node that is opened
  constructor(scene, open) {
    Object.assign(this, { scene, open, known: [] });
  }

  async draw(cells, title, words, room) {
    const library = await dagre();
    const drawn = cells.map((cell, i) => {
      const content = picture(cell);
      const layout = arrange(library, content, room, this.known[i]);
      return { cell, content, layout };
    });
    this.known = drawn.map(({ layout }) => layout);
    this.scene.begin(title, words);
    const corner = beside(drawn, room);
    drawn.forEach((one, i) => this.cell(one, i, corner[i]));
    this.scene.end(corner.bounds, room);
    return new Set(drawn.flatMap(({ content }) => [...content.nodes, ...content.edges].map((one) => one.family).filter(Boolean)));
  }

  cell({ cell, content, layout }, number, corner) {
    const prefix = number ? `c${number}-` : "";
    const group = this.scene.part(`${prefix}cell`, this.scene.layer, () => [element("text", { class: "cell-title" }), element("g"), element("g"), element("g")]);
    const [heading, dots, edges, nodes] = group.children;
    dots.replaceChildren(...layout.dots.map(({ x, y }) => element("circle", { class: "dot", cx: x, cy: y, r: 3 })));
    heading.textContent = cell.title ?? "";
    heading.setAttribute("x", layout.bounds.left + 8);
    heading.setAttribute("y", layout.bounds.top - 8);
    this.scene.move(group, corner);
    const at = { number, prefix, corner, content, layout };
    for (const node of content.nodes) this.node(node, at, nodes);
    for (const edge of content.edges) this.edge(edge, at, edges, nodes);
  }

  node(node, at, layer) {
    const place = at.layout.places.get(node.id);
    const marked = !node.round && node.family !== "state";
    const make = () => [
      node.round ? element("circle", { r: RADIUS }) : element("rect", { height: 28, y: -14, rx: 6 }),
      element("text", { "text-anchor": "middle", y: 4 }),
    ];
    const part = this.scene.part(`${at.prefix}node-${node.id}-${node.round ? "round" : "box"}`, layer, make);
    const [shape, text] = part.children;
    shape.setAttribute("class", `node ${node.role} ${marked ? `f-${node.family}` : ""}`);
    if (!node.round) {
      const width = boxed(node);
      shape.setAttribute("width", width);
      shape.setAttribute("x", -width / 2);
    }
    this.sign(part, marked ? sign(node.family, -boxed(node) / 2 + 12, 0) : null);
    text.setAttribute("x", marked ? 7 : 0);
    text.textContent = node.label;
    this.scene.move(part, place);
    this.reach(part, node, at, place);
  }

  edge(edge, at, lines, labels) {
    const way = at.layout.routes.get(edge.id);
    const line = this.scene.part(`${at.prefix}edge-${edge.id}`, lines, () => [element("path", { "marker-end": `url(#${this.scene.id}-arrow)` })]);
    line.firstChild.setAttribute("class", `edge ${edge.look} ${edge.family ? `f-${edge.family}` : ""}`);
    line.firstChild.setAttribute("d", way.d);
    if (!edge.label) return;
    const named = at.layout.named;
    const make = () => (named ? [element("rect", { class: "op", height: 18, y: -9, rx: 4 }), element("text", { "text-anchor": "middle", y: 4, x: 7 })]
      : [element("circle", { class: "op", r: 7 }), element("title", {}, edge.words)]);
    const label = this.scene.part(`${at.prefix}label-${edge.id}-${named ? "words" : "sign"}`, labels, make);
    const width = labelled(edge);
    if (named) {
      label.firstChild.setAttribute("width", width);
      label.firstChild.setAttribute("x", -width / 2);
      label.children[1].textContent = edge.label;
      label.children[1].setAttribute("class", edge.look === "faint" ? "quiet" : "");
    }
    this.sign(label, sign(edge.family, named ? -width / 2 + 10 : 0, 0));
    this.scene.move(label, way);
    this.reach(label, edge, at, way);
  }

  sign(part, made) {
    part.querySelector(".sign")?.remove();
    if (made) part.append(made);
  }

  reach(part, one, { number, content, corner }, { x, y }) {
    const act = () => this.open(number, one.id, one.words);
    this.scene.item(part, spoken(content, one), { x: x + corner.x, y: y + corner.y }, act);
  }
}

// Cells stand side by side where there is room, else below each other.
function beside(drawn, room) {
  const width = ({ layout: { bounds } }) => bounds.right - bounds.left;
  const row = room > 0 && drawn.reduce((sum, one) => sum + width(one) + GAP, 0) <= 1.2 * room;
  const corners = [];
  let [right, bottom, next] = [0, 0, 0];
  for (const { cell, layout: { bounds } } of drawn) {
    const head = cell.title ? HEAD : 0;
    const [x, y] = row ? [next - bounds.left, head - bounds.top] : [-bounds.left, next + head - bounds.top];
    corners.push({ x, y });
    right = Math.max(right, x + bounds.right);
    bottom = Math.max(bottom, y + bounds.bottom);
    next = (row ? right : bottom) + GAP;
  }
  corners.bounds = { left: 0, top: 0, right, bottom };
  return corners;
}
