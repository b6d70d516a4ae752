// An architecture's diagram: dagre finds the places, we draw SVG with stable ids. Draws cells (ops on edges) and chains.

import { save } from "./words.js";

const DAGRE = new URL("../vendor/dagre-3.1.3/dagre.min.js", import.meta.url);
const SVG = "http://www.w3.org/2000/svg";
const STATES = new Set(["input", "add", "concat"]);
const NOTHING = new Set(["none", "zero"]);
const PASSING = new Set(["skip_connect", "identity", "skip"]);
const RADIUS = 15;
const UNIT = 74;
const moves = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;
let loading = null;
let numbered = 0;

function dagreLibrary() {
  if (window.dagre) return Promise.resolve(window.dagre);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = DAGRE;
    script.onload = () => resolve(window.dagre);
    script.onerror = () => reject(new Error("the layout library did not load"));
    document.head.append(script);
  });
  return loading;
}

const look = (op) => (NOTHING.has(op) ? "faint" : PASSING.has(op) || op.includes("pool") ? "" : "strong");

// A sum is a small circle with its number in it.
const short = (text) => text.replace(/^input$/, "in").replace(/^output$/, "out").replace(/^(sum|node) (?=\d+$)/, "");

// The graph as a person draws it: an op between two sums becomes the label of an edge, any other op a box.
export function picture(cell) {
  const byName = new Map(cell.nodes.map((node) => [node.name, node]));
  const consumers = new Map(cell.nodes.map((node) => [node.name, cell.nodes.filter((other) => other.inputs.includes(node.name))]));
  const isState = (node) => node && STATES.has(node.op);
  const onEdge = (node) => !isState(node) && node.inputs.length === 1 && isState(byName.get(node.inputs[0])) &&
    consumers.get(node.name).length === 1 && isState(consumers.get(node.name)[0]) && node.name !== cell.output;
  const named = (node) => (isState(node) ? short(node.label || node.op) : node.label || node.op);
  const nodes = cell.nodes.filter((node) => !onEdge(node)).map((node) => ({
    id: node.name, label: named(node), round: isState(node) && named(node).length <= 4,
    role: node.op === "input" ? "in" : node.name === cell.output ? "out" : "",
  }));
  const edges = cell.nodes.filter(onEdge).map((node) => ({
    id: node.name, from: node.inputs[0], to: consumers.get(node.name)[0].name, label: node.label || node.op, look: look(node.op),
  }));
  for (const node of cell.nodes.filter((one) => !onEdge(one))) {
    for (const source of node.inputs.filter((name) => !onEdge(byName.get(name)))) {
      edges.push({ id: `${source}-${node.name}`, from: source, to: node.name, label: "", look: "" });
    }
  }
  return { nodes, edges };
}

const wide = (text) => Math.max(2 * RADIUS, text.length * 5.9 + 14);

// Chains go down; cells go to the right, or down as well where the place is too narrow to read them.
function arranged(library, content, room) {
  const chain = content.edges.every((edge) => !edge.label) && content.nodes.length > 4;
  const graph = laidOut(library, content, chain);
  return chain || !room || graph.graph().width <= 1.2 * room ? graph : laidOut(library, content, true);
}

function laidOut(library, { nodes, edges }, down) {
  const graph = new library.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 22, ranksep: down ? 20 : 14, edgesep: 12, marginx: 8, marginy: 8 });
  for (const node of nodes) {
    graph.setNode(node.id, { width: node.round ? wide("") + 8 : wide(node.label), height: node.round ? 2 * RADIUS + 8 : 28 });
  }
  for (const edge of edges) {
    const size = edge.label ? { width: wide(edge.label), height: 20, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, size, edge.id);
  }
  library.layout(graph);
  return graph;
}

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function smooth(points) {
  const [first, ...rest] = points;
  if (rest.length < 2) return `M${first.x},${first.y}` + rest.map(({ x, y }) => `L${x},${y}`).join("");
  let path = `M${first.x},${first.y}`;
  for (let i = 0; i < rest.length - 1; i += 1) {
    const end = i === rest.length - 2 ? rest[i + 1] : { x: (rest[i].x + rest[i + 1].x) / 2, y: (rest[i].y + rest[i + 1].y) / 2 };
    path += `Q${rest[i].x},${rest[i].y} ${end.x},${end.y}`;
  }
  return path;
}

function standing({ name, shape, size }, i) {
  const middle = (i + 0.5) * UNIT;
  return [element("rect", { class: "node in", x: i * UNIT + 8, width: UNIT - 16, y: 48 - size, height: size, rx: 3 }),
    element("text", { x: middle, y: 61, "text-anchor": "middle" }, name),
    element("text", { class: "quiet", x: middle, y: 74, "text-anchor": "middle" }, shape)];
}

function listed({ name, shape, size }, i) {
  return [element("rect", { class: "node in", x: 30 - size / 2, width: size, y: 20 * i + 7, height: 12, rx: 3 }),
    element("text", { x: 72, y: 20 * i + 17 }, name),
    element("text", { class: "quiet", x: 226, y: 20 * i + 17, "text-anchor": "end" }, shape)];
}

export class Diagram {
  constructor(host, name = "diagram") {
    this.host = host;
    this.id = `${name}-${(numbered += 1)}`;
    this.parts = new Map();                          // stable id -> element: what stays is moved, not made anew
  }

  // drawing: {cell, macro, words}; title: words for people who do not see it
  async draw(drawing, title) {
    const turn = (this.turn = Symbol(title));
    const library = await dagreLibrary();
    if (turn !== this.turn) return;
    const content = picture(drawing.cell);
    const graph = arranged(library, content, this.host.clientWidth);
    this.frame(graph.graph(), title, drawing.words ?? "");
    const seen = new Set();
    for (const edge of content.edges) this.edge(edge, graph.edge(edge.from, edge.to, edge.id), seen);
    for (const node of content.nodes) this.node(node, graph.node(node.id), seen);
    for (const [key, part] of this.parts) {
      if (!seen.has(key)) part.remove(), this.parts.delete(key);
    }
    this.strip(drawing.macro ?? []);
    this.host.dataset.drawn = "true";
  }

  frame({ width, height }, title, words) {
    if (!this.svg) {
      this.svg = element("svg", { role: "img", id: this.id, width: "100%", "aria-labelledby": `${this.id}-title ${this.id}-words` });
      this.title = element("title", { id: `${this.id}-title` });
      this.words = element("desc", { id: `${this.id}-words` });
      const marker = element("marker", { id: `${this.id}-arrow`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
        orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" });
      marker.append(element("path", { d: "M0,0L8,4L0,8z", fill: "var(--nw-muted)" }));
      const defs = element("defs");
      defs.append(marker);
      this.edges = element("g");
      this.nodes = element("g");
      this.svg.append(this.title, this.words, defs, this.edges, this.nodes);
      this.host.replaceChildren(this.svg);
    }
    this.title.textContent = title;
    this.words.textContent = words;
    this.svg.setAttribute("viewBox", `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
    Object.assign(this.svg.style, { maxWidth: `${Math.ceil(width * 1.3)}px`, maxHeight: "26rem", display: "block", margin: "0 auto" });
  }

  part(key, layer, make, seen) {
    seen.add(key);
    if (!this.parts.has(key)) {
      const part = element("g", { id: `${this.id}-${key}` });
      part.append(...make());
      layer.append(part);
      this.parts.set(key, part);
    }
    return this.parts.get(key);
  }

  move(part, { x, y }) {
    part.style.transition = moves() ? "transform 300ms ease" : "none";
    part.style.transform = `translate(${x}px, ${y}px)`;
  }

  node(node, place, seen) {
    const make = () => [
      node.round ? element("circle", { r: RADIUS }) : element("rect", { height: 28, y: -14, rx: 6 }),
      element("text", { "text-anchor": "middle", y: 4 }),
    ];
    const part = this.part(`node-${node.id}-${node.round ? "round" : "box"}`, this.nodes, make, seen);
    const [shape, text] = part.children;
    shape.setAttribute("class", `node ${node.role}`);
    if (!node.round) {
      shape.setAttribute("width", place.width);
      shape.setAttribute("x", -place.width / 2);
    }
    text.textContent = node.label;
    this.move(part, place);
  }

  edge(edge, route, seen) {
    const line = this.part(`edge-${edge.id}`, this.edges, () => [element("path", { "marker-end": `url(#${this.id}-arrow)` })], seen);
    line.firstChild.setAttribute("class", `edge ${edge.look}`);
    line.firstChild.setAttribute("d", smooth(route.points));
    if (!edge.label) return;
    const make = () => [element("rect", { class: "op", height: 18, y: -9, rx: 4 }), element("text", { "text-anchor": "middle", y: 4 })];
    const label = this.part(`label-${edge.id}`, this.nodes, make, seen);
    const width = wide(edge.label) - 6;
    label.firstChild.setAttribute("width", width);
    label.firstChild.setAttribute("x", -width / 2);
    label.lastChild.textContent = edge.label;
    label.lastChild.setAttribute("class", edge.look === "faint" ? "quiet" : "");
    this.move(label, route);
  }

  // The whole network at a glance: a box a group, as high as its feature map is large; as wide, where they stand in a list.
  strip(macro) {
    this.macro?.remove();
    if (!macro.length) return;
    const boxes = macro.map(({ group, shape }) => ({ name: (group || "layers").split(":")[0], shape: shape.join("×"),
      size: 8 + 6 * Math.log2(Math.max(1, shape.length === 3 ? shape[1] : 1)) }));
    const list = this.host.clientWidth > 0 && UNIT * boxes.length > 1.2 * this.host.clientWidth;
    const [width, height] = list ? [230, 20 * boxes.length + 8] : [UNIT * boxes.length, 78];
    this.macro = element("svg", { role: "img", width: "100%", viewBox: `0 0 ${width} ${height}`,
      "aria-label": `Network: ${boxes.map((box) => `${box.name} ${box.shape}`).join(", ")}` });
    Object.assign(this.macro.style, { maxWidth: `${width * 1.3}px`, display: "block", margin: "0.5rem auto 0" });
    boxes.forEach((box, i) => this.macro.append(...(list ? listed(box, i) : standing(box, i))));
    this.host.append(this.macro);
  }

  // The cell as a file of its own: colours are written out, because the page's tokens stay behind.
  save(file) {
    if (!this.svg) return;
    const copy = this.svg.cloneNode(true);
    const [from, to] = [this.svg, copy].map((svg) => [svg, ...svg.querySelectorAll("*")]);
    const kept = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "text-anchor"];
    from.forEach((one, i) => {
      const style = getComputedStyle(one);
      for (const name of kept) to[i].setAttribute(name, style.getPropertyValue(name));
      const move = one.style.transform.match(/translate\((.+)px, (.+)px\)/);
      if (move) to[i].setAttribute("transform", `translate(${move[1]} ${move[2]})`);
      to[i].removeAttribute("style");
    });
    const [, , width, height] = this.svg.getAttribute("viewBox").split(" ");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    save(new XMLSerializer().serializeToString(copy), `${file}.svg`, "image/svg+xml");
  }
}
