// Where things stand. A node keeps its place from one drawing to the next as long as every edge still leads onwards.

import { arc, HIGH, route } from "./routes.js";

export const RADIUS = 15;
const BOX = 28;
const ORDERED = 14;                                  // merges up to which each has a rank of its own
const SKIPPED = 1.2;                                 // plain edges a node, from which all stand in one column
const NAMED = 40;                                    // edges up to which their words are shown
const PITCH = { x: 76, y: 60 };                      // of a grid, whose edges have signs only
const READ = 1.3;                                    // how many times wider than its room a cell may be: made to fit it can still be read

export const wide = (text) => Math.max(2 * RADIUS, text.length * 5.9 + 14);
export const boxed = (node) => wide(node.label) + (node.family === "state" ? 0 : 14);
export const labelled = (edge) => wide(edge.label) + 14;           // the sign stands before the words

// places: node id -> {x, y, width, height}; routes: edge id -> {d, x, y}; named: whether edges show their words
// high: how much room words take
export function arrange(library, content, room, known = null, high = HIGH) {
  const grid = content.nodes.some((node) => node.place);
  const ops = content.edges.filter((edge) => edge.label);
  const named = ops.length > 0 && ops.length <= NAMED && !grid;
  const sizes = new Map(content.nodes.map((node) => [node.id,
    node.round ? { width: 2 * RADIUS, height: 2 * RADIUS } : { width: boxed(node), height: BOX }]));
  let found = grid ? onGrid(content, sizes) : known && stays(content, sizes, known);
  if (!found) found = flow(library, content, sizes, named, ops.length, room);
  if (known && !grid && !found.kept) align(found, known.places);
  const dots = grid ? free(content, found.places) : [];
  const drawn = () => {
    const routes = found.lines ? new Map([...found.lines].map(([id, line]) => [id, smooth(line)])) : routed(content, found.places, named, found.kept ? known.pitch : found.pitch, high);
    return { routes, bounds: around(found.places, routes, content, named) };
  };
  let { routes, bounds } = drawn();
  for (let tries = 0; room && found.ordered && tries < 5 && bounds.right - bounds.left > READ * room; tries += 1) {
    narrower(found.places, (READ * room) / (bounds.right - bounds.left));
    ({ routes, bounds } = drawn());
  }
  return { places: found.places, routes, named, dots, down: found.down, pitch: found.kept ? known.pitch : found.pitch, bounds: known && found.kept ? joined(bounds, known.bounds) : bounds };
}

// The places of the grid where nothing stands.
function free({ nodes }, places) {
  const all = nodes.filter((node) => node.place).map((node) => node.place);
  const span = (values) => [Math.floor(Math.min(...values)), Math.ceil(Math.max(...values))];
  const [left, right] = span(all.map(([column]) => column));
  const [top, bottom] = span(all.map(([, row]) => row));
  const taken = new Set([...places.values()].map(({ x, y }) => `${x},${y}`));
  const found = [];
  for (let column = left; column <= right; column += 1) {
    for (let row = top; row <= bottom; row += 1) {
      const at = { x: column * PITCH.x, y: row * PITCH.y };
      if (!taken.has(`${at.x},${at.y}`)) found.push(at);
    }
  }
  return found;
}

function onGrid(content, sizes) {
  const places = new Map();
  let homeless = 0;                                  // what has no place of its own stands in a row above
  for (const node of content.nodes) {
    const [column, row] = node.place ?? [homeless++, -1];
    places.set(node.id, { ...sizes.get(node.id), x: column * PITCH.x, y: row * PITCH.y });
  }
  return { places, down: false };
}

// The places of the drawing before, if the same nodes can stand there.
function stays(content, sizes, known) {
  if (content.nodes.length !== known.places.size || !content.nodes.every((node) => known.places.has(node.id))) return null;
  const places = new Map(content.nodes.map(({ id }) => [id, { ...sizes.get(id), x: known.places.get(id).x, y: known.places.get(id).y }]));
  const axis = known.down ? "y" : "x";
  const onwards = content.edges.every(({ from, to }) => places.get(to)[axis] - places.get(from)[axis] > 2 * RADIUS);
  const all = [...places.values()];
  const apart = all.every((one, i) => all.slice(i + 1).every((other) => !touch(one, other, 6)));
  return onwards && apart ? { places, down: known.down, kept: true } : null;
}

const touch = (a, b, gap) => Math.abs(a.x - b.x) < (a.width + b.width) / 2 + gap && Math.abs(a.y - b.y) < (a.height + b.height) / 2 + gap;

// Chains go down; cells go to the right, or down as well where the place is too narrow to read them.
function flow(library, content, sizes, named, ops, room) {
  if (content.nodes.length > 6 && content.edges.length - ops > SKIPPED * content.nodes.length) return column(content, sizes);
  const chain = !ops && content.nodes.length > 4;
  const ordered = ops > 0 && content.nodes.length <= ORDERED;
  const lay = (down) => layered(library, content, sizes, { down, named, ordered });
  const found = lay(chain);
  return chain || !room || found.width <= 1.2 * room ? found : lay(true);
}

// Layers that many later ones read: one below the other in the order of computation, what skips beside them.
function column(content, sizes) {
  const pitch = content.edges.some((edge) => edge.label) ? 62 : 46;
  const places = new Map(content.nodes.map(({ id }, i) => [id, { ...sizes.get(id), x: 0, y: i * pitch }]));
  return { places, down: true, width: 0, pitch };
}

function layered(library, { nodes, edges }, sizes, { down, named, ordered }) {
  const graph = new library.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 22, ranksep: down ? 20 : 14, edgesep: 12, marginx: 8, marginy: 8 });
  for (const node of nodes) graph.setNode(node.id, { width: sizes.get(node.id).width + 8, height: sizes.get(node.id).height + 4 });
  for (const edge of edges) {
    const size = edge.label && named ? { width: labelled(edge) + 8, height: 20, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, size, edge.id);
  }
  if (ordered) {                                     // each sum a rank of its own, so that any later cell fits its places
    const sums = nodes.filter((node) => node.role !== "in");
    sums.slice(1).forEach((node, i) => graph.setEdge(sums[i].id, node.id, { weight: 0 }, `order-${i}`));
    for (const node of nodes) if (node.role === "in" && sums.length) graph.setEdge(node.id, sums[0].id, { weight: 0 }, `first-${node.id}`);
  }
  library.layout(graph);
  const places = new Map(nodes.map(({ id }) => [id, { ...sizes.get(id), x: graph.node(id).x, y: graph.node(id).y }]));
  const lines = ordered ? null : new Map(edges.map((edge) => [edge.id, graph.edge(edge.from, edge.to, edge.id)]));
  return { places, lines, down, ordered: ordered && down, width: graph.graph().width };
}

// Sums, each on a line of its own, come closer to each other; what shares a line stays apart.
function narrower(places, share) {
  const all = [...places.values()];
  const middle = all.reduce((sum, { x }) => sum + x, 0) / all.length;
  for (const one of all) one.x = middle + 0.9 * share * (one.x - middle);
  all.forEach((one, i) => {
    for (const other of all.slice(i + 1)) {
      const lacking = (one.width + other.width) / 2 + 10 - Math.abs(one.x - other.x);
      if (lacking <= 0 || Math.abs(one.y - other.y) >= (one.height + other.height) / 2 + 6) continue;
      const side = one.x <= other.x ? 1 : -1;
      Object.assign(one, { x: one.x - (side * lacking) / 2 });
      Object.assign(other, { x: other.x + (side * lacking) / 2 });
    }
  });
}

function smooth({ points, x, y }) {
  const [first, ...rest] = points;
  let d = `M${first.x},${first.y}`;
  if (rest.length < 2) d += rest.map((point) => `L${point.x},${point.y}`).join("");
  for (let i = 0; i < rest.length - 1; i += 1) {
    const end = i === rest.length - 2 ? rest[i + 1] : { x: (rest[i].x + rest[i + 1].x) / 2, y: (rest[i].y + rest[i + 1].y) / 2 };
    d += `Q${rest[i].x},${rest[i].y} ${end.x},${end.y}`;
  }
  const middle = points[Math.floor(points.length / 2)];
  return { d, points, x: x ?? middle.x, y: y ?? middle.y };
}

function routed({ nodes, edges }, places, named, pitch, high) {
  const taken = [];
  if (pitch) {
    const at = new Map(nodes.map(({ id }, i) => [id, i]));
    return new Map(edges.map((edge) => [edge.id, arc(places.get(edge.from), places.get(edge.to), at.get(edge.to) - at.get(edge.from), (at.get(edge.from) + at.get(edge.to)) % 2)]));
  }
  const length = (edge) => Math.hypot(places.get(edge.to).x - places.get(edge.from).x, places.get(edge.to).y - places.get(edge.from).y);
  const order = [...edges].sort((a, b) => length(a) - length(b));
  return new Map(order.map((edge) => [edge.id, route(edge, places, taken, edge.label ? (named ? labelled(edge) : 14) : 0, high)]));
}

// Another set of nodes: the whole drawing is shifted to where most of those that stay were.
function align({ places, lines }, known) {
  const shared = [...places].filter(([id]) => known.has(id));
  if (!shared.length) return;
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const dx = median(shared.map(([id, place]) => known.get(id).x - place.x));
  const dy = median(shared.map(([id, place]) => known.get(id).y - place.y));
  const moved = [...places.values(), ...[...(lines?.values() ?? [])].flatMap((line) => ("x" in line ? [line, ...line.points] : line.points))];
  for (const one of moved) Object.assign(one, { x: one.x + dx, y: one.y + dy });
}

function around(places, routes, { edges }, named) {
  const boxes = [...places.values()].map((one) => [one.x - one.width / 2, one.y - one.height / 2, one.x + one.width / 2, one.y + one.height / 2]);
  for (const edge of edges) {
    const { points, x, y } = routes.get(edge.id);
    const half = edge.label && named ? labelled(edge) / 2 : 7;
    if (edge.label) boxes.push([x - half, y - 10, x + half, y + 10]);
    for (const point of points) boxes.push([point.x, point.y, point.x, point.y]);
  }
  const [left, top, right, bottom] = [0, 1, 2, 3].map((i) => Math[i < 2 ? "min" : "max"](...boxes.map((box) => box[i])));
  return { left: left - 8, top: top - 8, right: right + 8, bottom: bottom + 8 };
}

const joined = (a, b) => ({ left: Math.min(a.left, b.left), top: Math.min(a.top, b.top), right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom) });
