// What the diagram of a space shows: blocks in a row for chains, one sampled cell for every other kind. Plain data with places.

import { dagre } from "../dagre.js";
import { picture } from "../diagram.js";
import { arrange, labelled } from "../diagram/layout.js";
import { words } from "./document.js";
import { withTraining } from "./training.js";

const BLOCK = { width: 104, height: 30, chip: 30, below: 22, gap: 20, margin: 12, turn: 10 };
const GRID = { across: 124, least: 114, down: 62, gap: 12, read: 1.33 };    // longer words are cut; the line below tells all of them
const TOUCH = 34;                                    // how high the words of an edge are, with what is free around them
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

// A chain: every block that there may be, the ones beyond the least number of them marked, its types below. Lines as wide as
// there is room; the last of a line knows the first of the next.
function chain(space, room) {
  const named = (name) => (space.inner ? `${space.inner.place}/${name}` : name);
  const [least, most] = [space.get(named("min_layers")), space.get(named("max_layers"))];
  const count = Math.min(32, Math.max(1, Number.isInteger(most) ? most : 1));
  const types = space.options.get(named("types")).bounds;
  const heads = [{ key: "input", label: "input", width: 52, look: "in" }];
  for (let k = 1; k <= count; k += 1) {
    const maybe = k > least;
    heads.push({ key: `block-${k}`, label: `block ${k}`, width: BLOCK.width, types, option: named(maybe || k === count ? "max_layers" : "min_layers"),
      look: maybe ? "maybe" : "", note: maybe ? `exists if there are at least ${k} blocks` : "always exists" });
  }
  heads.push({ key: "hidden", label: `hidden: ${[space.get(named("hidden"))].flat().join(", ")}`, width: 148, option: named("hidden"), look: "out",
    note: "after the average over all pixels" });
  const { edges, width, height } = inLines(heads, room, BLOCK.height + BLOCK.below + types.length * BLOCK.chip);
  const nodes = heads.flatMap(({ types: below = [], ...head }) => [{ ...head, height: BLOCK.height }, ...below.map((choice, i) => (
    { key: `${head.key}-${choice}`, label: said(choice), x: head.x, y: head.y + BLOCK.height / 2 + BLOCK.below + i * BLOCK.chip, width: BLOCK.width,
      height: 24, option: named("types"), choice, chip: true }))]);
  return { nodes, edges, width, height };
}

// Boxes from left to right, and on the next line where there is no more room; each gets its place.
function inLines(heads, room, deep) {
  const { gap, margin, turn } = BLOCK;
  const edges = [];
  let [right, y, width] = [margin, margin + BLOCK.height / 2, 0];
  heads.forEach((head, k) => {
    const before = heads[k - 1];
    const fits = !before || right + head.width + margin <= room;
    if (!fits) [right, y] = [margin + turn, y + deep + 2 * turn];
    Object.assign(head, { x: right + head.width / 2, y });
    right += head.width + gap;
    width = Math.max(width, right - gap + margin);
    if (!before) return;
    const [from, to] = [before.x + before.width / 2, head.x - head.width / 2];
    const look = head.look === "maybe" ? "faint" : "";
    if (fits) return edges.push({ points: [{ x: from, y }, { x: to, y }], look });
    Object.assign(before, { next: head.key });
    Object.assign(head, { previous: before.key });
    const middle = y - BLOCK.height / 2 - turn;
    const points = [[from, before.y], [from + turn, before.y], [from + turn, middle], [margin, middle], [margin, y], [to, y]];
    edges.push({ points: points.map(([x, at]) => ({ x, y: at })), look });
  });
  return { edges, width, height: y + (heads.some((head) => head.types && head.y === y) ? deep : BLOCK.height) };
}

// The sampled cells, one below the other. places: where the cells of the drawing before stood, which are kept where they can be.
async function sampled(space, cells, room, places) {
  const library = await dagre();
  const whole = { nodes: [], edges: [], titles: [], places: [], width: 0, height: 0 };
  cells.forEach((cell, i) => {
    const drawn = one(library, space, cell, room, places[i]);
    const down = whole.height + (cells.length > 1 ? 22 : 0);
    const lowered = (place) => ({ ...place, y: place.y + down });
    if (cells.length > 1) whole.titles.push({ text: cell.title, y: whole.height });
    whole.nodes.push(...drawn.nodes.map((node) => ({ ...lowered(node), key: `${i}-${node.key}` })));
    whole.edges.push(...drawn.edges.map((edge) => (edge.d ? { ...edge, down: edge.down + down } : { ...edge, points: edge.points.map(lowered) })));
    whole.places.push(drawn.places);
    whole.width = Math.max(whole.width, drawn.width);
    whole.height = down + drawn.height;
  });
  return whole;
}

// A sampled cell: every op is a button that knows its choice.
function one(library, space, cell, room, known) {
  const content = picture(cell);
  const byName = new Map(cell.nodes.map((node) => [node.name, node]));
  const part = (id, label, place, look, given) => ({ key: id, label, x: place.x, y: place.y, width: place.width, height: place.height, look,
    ...(id === cell.output ? {} : origin(space, byName.get(id))), ...given });     // the output joins, whatever blocks may do
  const { node, edge, width, height, places } = cell.nodes.some((each) => each.place) ? onGrid(content, byName, room) : laidOut(library, content, room, known);
  const nodes = [...content.nodes.map((each) => part(each.id, each.label, node(each), each.role ?? "", { round: each.round })),
    ...content.edges.filter((each) => each.label).map((each) => part(each.id, each.label, edge(each), "op", {}))];
  return { nodes, edges: content.edges.map((each) => ({ ...edge(each), look: each.look })), width, height, places };
}

// As the diagram of the sample beside it is laid out, with room around the words of edges for a finger.
function laidOut(library, content, room, known) {
  const places = arrange(library, content, room, known, TOUCH);
  const { left, top, right, bottom } = places.bounds;
  const [dx, dy] = [-left, -top];
  const moved = (place) => ({ ...place, x: place.x + dx, y: place.y + dy });
  return { places, width: right - left, height: bottom - top, node: ({ id }) => moved(places.places.get(id)),
    edge: (edge) => ({ ...moved(places.routes.get(edge.id)), across: dx, down: dy, width: labelled(edge), height: 24 }) };
}

// Where the space has a grid of its own, its nodes stand on it; its columns are a little closer where that makes it fit.
function onGrid({ nodes }, byName, room) {
  const at = (node) => byName.get(node.id).place ?? [0, 0];
  const [left, top] = [0, 1].map((axis) => Math.min(...nodes.map((node) => at(node)[axis])));
  const far = (axis) => Math.max(...nodes.map((node) => at(node)[axis])) - (axis ? top : left) + 1;
  const { down } = GRID;
  const across = Math.max(GRID.least, Math.min(GRID.across, Math.floor((GRID.read * room) / far(0))));
  const most = across - GRID.gap;
  const places = new Map(nodes.map((node) => [node.id, { x: (at(node)[0] - left + 0.5) * across, y: (at(node)[1] - top + 0.5) * down,
    width: node.round ? 36 : Math.min(most, wide(node.label)), height: node.round ? 36 : 30 }]));
  const between = ({ from, to, label }) => {
    const points = [from, to].map((id) => places.get(id));
    return { points, x: (points[0].x + points[1].x) / 2, y: (points[0].y + points[1].y) / 2, width: Math.min(most, wide(label)), height: 24 };
  };
  return { node: ({ id }) => places.get(id), edge: between, width: far(0) * across, height: far(1) * down };
}

// cells: the graphs of the last sample, or null; room: how wide it may be; places: those of the drawing before
export async function pictured(space, cells, room, places = []) {
  const known = (space.inner?.kind ?? space.kind).name === "chain" ? chain(space, room) : cells && await sampled(space, cells, room, places);
  return withTraining(known || { nodes: [], edges: [], width: 0, height: 0 }, space, room);
}

// In words, for the line below the diagram and for who does not see it.
export function described(space, node) {
  if (!node.option) return `${node.label}: not a choice of this space`;
  if (node.holds) return `${node.label}, ${node.note}`;
  const name = words(node.option);
  if (node.choice === undefined) return `${node.label}${node.note ? `, ${node.note}` : ""}; set by ${name}`;
  return `${node.label}, a choice of ${name}, ${space.has(node.option, node.choice) ? "in the space" : "not in the space"}`;
}
