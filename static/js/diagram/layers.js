// The layers behind an operation or a group, with the shapes of what flows between them: a drawing, and always a table.

import { dagre } from "../dagre.js";
import { count } from "../words.js";
import { wide } from "./layout.js";
import { element, family, sign } from "./marks.js";

const DRAWN = 40;                                    // layers up to which they are drawn
const HIGH = 38;
const ELSEWHERE = "from before";
const times = (shape) => shape.join("×");
const cost = (layer) => (layer.parameters || layer.flops ? `${count(layer.parameters)} params · ${count(layer.flops)} FLOPs` : "no parameters");
const said = (value) => (Array.isArray(value) ? (value.every(Number.isFinite) ? value.join("×") : JSON.stringify(value).replace(/[[\]"]/g, "").replaceAll(",", " "))
  : String(value));
const settings = (layer) => Object.entries(layer.settings).map(([name, value]) => `${name.replaceAll("_", " ")} ${said(value)}`).join(", ");

export class LayersView {
  constructor(scene) {
    this.scene = scene;
    this.table = document.createElement("div");
    Object.assign(this.table, { className: "scroll layers", tabIndex: 0 });
    this.table.setAttribute("role", "region");
  }

  async draw(layers, title, room) {
    this.fill(layers, title);
    this.scene.svg.toggleAttribute("hidden", !layers.length || layers.length > DRAWN);
    if (!layers.length || layers.length > DRAWN) return new Set();
    const library = await dagre();
    const graph = laidOut(library, layers);
    this.scene.begin(title, `${layers.map(spoken).join("; ")}.`);
    for (const { v, w, name } of graph.edges()) this.edge(graph.edge(v, w, name), `${v}-${w}-${name}`);
    for (const id of graph.nodes()) this.node(id, graph.node(id));
    this.scene.end({ left: 0, top: 0, right: graph.graph().width, bottom: graph.graph().height }, room);
    return new Set(layers.map(family));
  }

  edge({ points, x, y, shape }, key) {
    const line = this.scene.part(`edge-${key}`, this.scene.layer, () => [element("path", { class: "edge", "marker-end": `url(#${this.scene.id}-arrow)` }),
      element("text", { class: "quiet", "text-anchor": "middle" })]);
    line.firstChild.setAttribute("d", `M${points.map((point) => `${point.x},${point.y}`).join("L")}`);
    line.lastChild.textContent = shape;
    line.lastChild.setAttribute("x", x);
    line.lastChild.setAttribute("y", y + 4);
  }

  node(id, { x, y, width, height, layer, label }) {
    const make = () => [element("rect", { rx: 6 }), element("text", { "text-anchor": "middle" }), element("text", { class: "quiet", "text-anchor": "middle", y: 13 })];
    const part = this.scene.part(`layer-${id}`, this.scene.layer, make);
    const [box, text, under] = part.children;
    for (const [name, value] of Object.entries({ x: -width / 2, y: -height / 2, width, height, class: `node ${layer ? "" : "in"}` })) box.setAttribute(name, value);
    part.querySelector(".sign")?.remove();
    if (layer) part.append(sign(family(layer), -width / 2 + 12, -5));
    text.textContent = label;
    text.setAttribute("y", layer ? -2 : 4);
    under.textContent = layer ? cost(layer) : "";
    this.scene.move(part, { x, y });
    this.scene.item(part, layer ? spoken(layer) : label, { x, y });
  }

  fill(layers, title) {
    this.table.setAttribute("aria-label", `${title}, as a table`);
    const table = document.createElement("table");
    table.className = "rows wrap";
    const head = table.createTHead().insertRow();
    ["Layer", "Settings", "Takes", "Gives", "Parameters", "FLOPs"].forEach((word, i) => {
      const cell = Object.assign(document.createElement("th"), { textContent: word, scope: "col", className: i > 3 ? "num" : "" });
      head.append(cell);
    });
    const body = table.createTBody();
    for (const layer of layers) {
      const texts = [layer.label, settings(layer), layer.takes.map(times).join(", "), times(layer.gives), count(layer.parameters), count(layer.flops)];
      const row = body.insertRow();
      texts.forEach((textContent, i) => Object.assign(row.insertCell(), { textContent, className: i > 3 ? "num" : "" }));
      row.title = layer.name;
    }
    this.table.replaceChildren(...(layers.length ? [table] : []));
  }
}

// What comes from elsewhere stands at the top by its shape.
function laidOut(library, layers) {
  const graph = new library.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 18, marginx: 8, marginy: 8 });
  const own = new Set(layers.map((layer) => layer.name));
  for (const layer of layers) {
    const width = Math.max(wide(layer.label) + 28, wide(cost(layer)));
    graph.setNode(layer.name, { width, height: HIGH, layer, label: layer.label });
  }
  for (const layer of layers) {
    layer.inputs.forEach((source, i) => {
      const shape = times(layer.takes[i]);
      if (!own.has(source) && !graph.hasNode(source)) graph.setNode(source, { width: wide(ELSEWHERE), height: 24, label: ELSEWHERE });
      graph.setEdge(source, layer.name, { width: wide(shape), height: 14, labelpos: "r", labeloffset: 4, shape }, String(i));
    });
  }
  library.layout(graph);
  return graph;
}

function spoken(layer) {
  const more = settings(layer);
  const taken = layer.takes.length ? `takes ${layer.takes.map(times).join(" and ")}, ` : "";
  return `${layer.label}${more ? ` (${more})` : ""}: ${taken}gives ${times(layer.gives)}, ${count(layer.parameters)} parameters, ${count(layer.flops)} FLOPs`;
}
