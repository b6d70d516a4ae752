// What the diagram of a space shows: blocks in a row for chains, one sampled cell for every other kind. Plain data with places.

import { dagre } from "../dagre.js";
import { picture } from "../diagram.js";
import { words } from "./document.js";

const ROW = { step: 124, width: 104, height: 30, top: 12, chip: 30 };
const wide = (text) => Math.max(44, text.length * 6.6 + 22);
const said = (choice) => String(choice).replaceAll("_", " ");

// The choice of the space that an op of the graph stands for: {option, choice}, or null.
export function origin(space, node) {
  for (const option of space.subsets()) if (option.bounds.includes(node.op)) return { option: option.name, choice: node.op };
  for (const [key, value] of Object.entries(node.settings ?? {})) {
    const option = space.subsets().find(({ name, bounds }) => [key, `${key}s`].includes(name.split("/").at(-1)) && bounds.includes(value));
    if (option) return { option: option.name, choice: value };
  }
  return null;
}

// A chain: every block that there may be, the ones beyond the least number of them marked, its types below.
function row(space) {
  const named = (name) => (space.inner ? `${space.inner.place}/${name}` : name);
  const [least, most] = [space.get(named("min_layers")), space.get(named("max_layers"))];
  const count = Math.min(32, Math.max(1, Number.isInteger(most) ? most : 1));
  const types = space.options.get(named("types")).bounds;
  const { step, width, height, top, chip } = ROW;
  const at = (k) => (k - 1) * step + 78 + width / 2;          // the input is narrower
  const nodes = [{ key: "input", label: "input", x: 30, y: top + height / 2, width: 52, height, look: "in" }];
  for (let k = 1; k <= count; k += 1) {
    const maybe = k > least;
    nodes.push({ key: `block-${k}`, label: `block ${k}`, x: at(k), y: top + height / 2, width, height, option: named(maybe || k === count ? "max_layers" : "min_layers"),
      look: maybe ? "maybe" : "", note: maybe ? `exists if there are at least ${k} blocks` : "always exists" });
    types.forEach((choice, i) => nodes.push({ key: `block-${k}-${choice}`, label: said(choice), x: at(k), y: top + height + 22 + i * chip, width,
      height: 24, option: named("types"), choice, chip: true }));
  }
  nodes.push({ key: "hidden", label: `hidden: ${[space.get(named("hidden"))].flat().join(", ")}`, x: at(count + 1) + 18, y: top + height / 2, width: 148, height,
    option: named("hidden"),
    look: "out", note: "after the average over all pixels" });
  const heads = nodes.filter((node) => !node.chip);
  const edges = heads.slice(1).map((node, i) => {
    const [from, to] = [heads[i].x + heads[i].width / 2, node.x - node.width / 2];
    return { points: [{ x: from, y: node.y }, { x: to, y: node.y }], look: node.look === "maybe" ? "faint" : "" };
  });
  const last = heads.at(-1);
  return { nodes, edges, width: last.x + last.width / 2 + 8, height: top + height + 22 + types.length * chip };
}

// The sampled cells, one below the other.
async function sampled(space, cells, room) {
  const library = await dagre();
  const whole = { nodes: [], edges: [], titles: [], width: 0, height: 0 };
  cells.forEach((cell, i) => {
    const drawn = one(library, space, cell, room);
    const down = whole.height + (cells.length > 1 ? 22 : 0);
    const lowered = (place) => ({ ...place, y: place.y + down });
    if (cells.length > 1) whole.titles.push({ text: cell.title, y: whole.height });
    whole.nodes.push(...drawn.nodes.map((node) => ({ ...lowered(node), key: `${i}-${node.key}` })));
    whole.edges.push(...drawn.edges.map((edge) => ({ ...edge, points: edge.points.map(lowered) })));
    whole.width = Math.max(whole.width, drawn.width);
    whole.height = down + drawn.height;
  });
  return whole;
}

// A sampled cell: every op is a button that knows its choice.
function one(library, space, cell, room) {
  const content = picture(cell);
  const byName = new Map(cell.nodes.map((node) => [node.name, node]));
  const down = content.edges.every((edge) => !edge.label) && content.nodes.length > 4;
  const placed = cell.nodes.some((node) => node.place);
  let graph = placed ? onGrid(library, content, byName) : laidOut(library, content, down);
  if (!placed && !down && room && graph.graph().width > room) graph = laidOut(library, content, true);
  const part = (id, label, place, look, given) => ({ key: id, label, x: place.x, y: place.y, width: place.width, height: place.height, look,
    ...(id === cell.output ? {} : origin(space, byName.get(id))), ...given });     // the output joins, whatever blocks may do
  const nodes = [...content.nodes.map((node) => part(node.id, node.label, graph.node(node.id), node.role ?? "", { round: node.round })),
    ...content.edges.filter((edge) => edge.label).map((edge) => part(edge.id, edge.label, graph.edge(edge.from, edge.to, edge.id), "op", {}))];
  const edges = content.edges.map((edge) => ({ points: graph.edge(edge.from, edge.to, edge.id).points, look: edge.look }));
  return { nodes, edges, width: graph.graph().width, height: graph.graph().height };
}

function laidOut(library, { nodes, edges }, down) {
  const graph = new library.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 26, ranksep: down ? 22 : 18, edgesep: 16, marginx: 8, marginy: 8 });
  for (const node of nodes) graph.setNode(node.id, { width: node.round ? 36 : wide(node.label), height: node.round ? 36 : 30 });
  for (const edge of edges) {
    graph.setEdge(edge.from, edge.to, { width: edge.label ? wide(edge.label) : 0, height: edge.label ? 26 : 0, labelpos: "c" }, edge.id);
  }
  library.layout(graph);
  return graph;
}

// Where the space has a grid of its own, its nodes stand on it.
function onGrid(library, { nodes, edges }, byName) {
  const graph = new library.graphlib.Graph({ multigraph: true });
  const widest = (parts) => Math.max(0, ...parts.map((part) => (part.label ? wide(part.label) : 0)));
  const [across, down] = [widest(nodes) + widest(edges) + 24, 56];
  const at = (node) => byName.get(node.id).place ?? [0, 0];
  const [left, top] = [0, 1].map((axis) => Math.min(...nodes.map((node) => at(node)[axis])));
  const middle = (node) => ({ x: (at(node)[0] - left + 0.5) * across, y: (at(node)[1] - top + 0.5) * down });
  for (const node of nodes) graph.setNode(node.id, { ...middle(node), width: node.round ? 36 : wide(node.label), height: node.round ? 36 : 30 });
  for (const edge of edges) {
    const [from, to] = [graph.node(edge.from), graph.node(edge.to)];
    const between = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2, width: edge.label ? wide(edge.label) : 0, height: 22 };
    graph.setEdge(edge.from, edge.to, { ...between, points: [from, to].map(({ x, y }) => ({ x, y })) }, edge.id);
  }
  const far = (axis) => Math.max(...nodes.map((node) => at(node)[axis])) - (axis ? top : left) + 1;
  graph.setGraph({ width: far(0) * across, height: far(1) * down });
  return graph;
}

// cells: the graphs of the last sample, or null; room: how wide it may be
export async function pictured(space, cells, room) {
  if ((space.inner?.kind ?? space.kind).name === "chain") return row(space);
  return cells ? sampled(space, cells, room) : { nodes: [], edges: [], width: 0, height: 0 };
}

// In words, for the line below the diagram and for who does not see it.
export function described(space, node) {
  if (!node.option) return `${node.label}: not a choice of this space`;
  const name = words(node.option);
  if (node.choice === undefined) return `${node.label}${node.note ? `, ${node.note}` : ""}; set by ${name}`;
  return `${node.label}, a choice of ${name}, ${space.has(node.option, node.choice) ? "in the space" : "not in the space"}`;
}
