// The way of one edge between two places that stand: the least bent curve that crosses no node and no other edge's words.

const BENDS = [0, 22, -22, 44, -44, 70, -70, 100, -100, 136, -136];
const STEPS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const MIDDLES = [0.5, 0.38, 0.62];                   // where along the curve the words may stand
export const HIGH = 20;

const curve = ({ start, bend, end }, t) => ({
  x: (1 - t) ** 2 * start.x + 2 * t * (1 - t) * bend.x + t * t * end.x,
  y: (1 - t) ** 2 * start.y + 2 * t * (1 - t) * bend.y + t * t * end.y,
});
const inside = (point, box, gap) => Math.abs(point.x - box.x) < box.width / 2 + gap && Math.abs(point.y - box.y) < box.height / 2 + gap;
const overlap = (a, b, gap = 2) => Math.max(0, (a.width + b.width) / 2 + gap - Math.abs(a.x - b.x)) *
  Math.max(0, (a.height + b.height) / 2 + gap - Math.abs(a.y - b.y));

// taken: boxes of words that stand already; this edge's are added. width: of its words, 0 for none
export function route(edge, places, taken, width, high = HIGH) {
  const [from, to] = [places.get(edge.from), places.get(edge.to)];
  const others = [...places].filter(([id]) => id !== edge.from && id !== edge.to).map(([, place]) => place);
  const far = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const normal = { x: -(to.y - from.y) / far, y: (to.x - from.x) / far };
  let best = null;
  for (const offset of BENDS) {
    const bend = { x: (from.x + to.x) / 2 + 2 * offset * normal.x, y: (from.y + to.y) / 2 + 2 * offset * normal.y };
    const line = { start: border(from, bend), bend, end: border(to, bend) };
    const points = STEPS.map((t) => curve(line, t));
    const crossed = others.reduce((sum, other) => sum + points.filter((point) => inside(point, other, 5)).length, 0);
    const covered = taken.reduce((sum, box) => sum + points.filter((point) => inside(point, box, 0)).length, 0);
    for (const t of width ? MIDDLES : [0.5]) {
      const label = { ...curve(line, t), width, height: high };
      const hidden = width ? [...places.values()].reduce((sum, place) => sum + overlap(label, place), 0) : 0;
      const shared = width ? taken.reduce((sum, box) => sum + overlap(label, box), 0) : 0;
      const cost = Math.abs(offset) + (t === 0.5 ? 0 : 6) + 70 * crossed + 14 * covered + 2 * hidden + shared;
      if (!best || cost < best.cost) best = { cost, line, points, label };
    }
  }
  if (width) taken.push(best.label);
  const { start, bend, end } = best.line;
  return { d: `M${start.x},${start.y}Q${bend.x},${bend.y} ${end.x},${end.y}`, points: best.points, x: best.label.x, y: best.label.y };
}

// Where a line from the middle of a node towards a point leaves it.
function border(place, towards) {
  const [dx, dy] = [towards.x - place.x, towards.y - place.y];
  const round = place.width === place.height;
  const scale = round ? place.width / 2 / (Math.hypot(dx, dy) || 1)
    : Math.min(place.width / 2 / (Math.abs(dx) || 1e-6), place.height / 2 / (Math.abs(dy) || 1e-6));
  return { x: place.x + dx * scale, y: place.y + dy * scale };
}

// In a column: straight to the next, around those between to any later one, now on the left and now on the right.
export function arc(from, to, span, left) {
  if (span === 1) {
    const [top, bottom] = [from.y + from.height / 2, to.y - to.height / 2];
    return { d: `M${from.x},${top}L${to.x},${bottom}`, points: [], x: from.x, y: (top + bottom) / 2 };
  }
  const side = left ? -1 : 1;
  const out = side * (18 + 16 * span);
  const [start, end] = [{ x: from.x + side * from.width / 2, y: from.y + 3 }, { x: to.x + side * to.width / 2, y: to.y - 3 }];
  const middle = { x: (start.x + end.x) / 2 + 0.75 * out, y: (start.y + end.y) / 2 };
  return { d: `M${start.x},${start.y}C${start.x + out},${start.y} ${end.x + out},${end.y} ${end.x},${end.y}`, points: [middle], ...middle };
}
