// Training hyperparameters below the architecture: a box each, and a line from each to those that count only because of it.

import { of } from "./conditions.js";

const BOX = { height: 30, gap: 16, line: 66, margin: 8, most: 220 };
const HEAD = 34;
const wide = (text) => Math.min(BOX.most, Math.max(60, text.length * 6.6 + 18));
const listed = (values) => (Array.isArray(values) ? values.map((value) => (value === null ? "none" : String(value))).join(", ") : "");
const range = (row) => (row.kind === "categorical" ? listed(row.choices) : `${row.low} to ${row.high}`);
const condition = (one) => `${one.name} is ${"at_least" in one ? `at least ${one.at_least}` : `one of ${listed(one.among)}`}`;

function rows(space) {
  const option = space.kind.options.find(({ type }) => type === "decisions");
  const held = option && space.get(option.name);
  return Array.isArray(held) ? held.map((row, k) => ({ row, place: `${option.name}/${k}` })).filter(({ row }) => typeof row === "object" && row !== null) : [];
}

function boxes(space, room) {
  let [x, y] = [BOX.margin, HEAD + BOX.height / 2];
  return rows(space).map(({ row, place }) => {
    const label = `${row.name}: ${range(row)}`;
    const width = wide(label);
    if (x > BOX.margin && x + width + BOX.margin > room) [x, y] = [BOX.margin, y + BOX.line];
    const when = of(row).map(condition).join(" and ");
    const box = { key: place, name: row.name, row, label, x: x + width / 2, y, width, height: BOX.height, look: when ? "maybe" : "",
      option: `${place}/name`, holds: `${place}/`, note: `searched with the architecture${when ? `, counts if ${when}` : ""}` };
    x += width + BOX.gap;
    return box;
  });
}

// Below the boxes where both stand on one line, else from one line to the other.
function way(from, to) {
  if (from.y === to.y) {
    const bottom = from.y + BOX.height / 2;
    return `M${from.x},${bottom}Q${(from.x + to.x) / 2},${bottom + 30} ${to.x},${bottom}`;
  }
  const side = Math.sign(to.y - from.y) * (BOX.height / 2);
  return `M${from.x},${from.y + side}L${to.x},${to.y - side}`;
}

// The drawing with the hyperparameters below it, if the space has any.
export function withTraining(drawn, space, room) {
  const found = boxes(space, room);
  if (!found.length) return drawn;
  const { height: top } = drawn;
  const edges = found.flatMap((to) => of(to.row).flatMap(({ name }) => found.filter((from) => from.name === name && from !== to).map((from) => (
    { d: way(from, to), across: 0, down: top, look: "faint" }))));
  return { ...drawn, nodes: [...drawn.nodes, ...found.map(({ row, name, ...box }) => ({ ...box, y: box.y + top }))], edges: [...drawn.edges, ...edges],
    titles: [...(drawn.titles ?? []), { text: "Training hyperparameters", y: top + 8 }],
    width: Math.max(drawn.width, ...found.map((box) => box.x + box.width / 2 + BOX.margin)), height: top + Math.max(...found.map(({ y }) => y)) + BOX.height };
}
