// The critical-difference diagram: mean ranks on a line, and a bar over those that are not told apart.

const SVG = "http://www.w3.org/2000/svg";
const ROW = 22;
const EDGE = 16;
const TOP = 52;
const BAR = 9;

function mark(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function axis(count, at, width) {
  const ticks = Array.from({ length: count }, (_, i) => i + 1);
  return [mark("path", { d: `M${EDGE} ${TOP}H${width - EDGE}`, class: "axis" }), mark("text", { x: EDGE, y: TOP - 26, class: "rank-hint" }, "better"),
    ...ticks.flatMap((rank) => [mark("path", { d: `M${at(rank)} ${TOP}v-5`, class: "axis" }),
      mark("text", { x: at(rank), y: TOP - 9, "text-anchor": "middle" }, rank)])];
}

// A strategy: down from its rank to a row of its own, the name towards the side that has more room. The outer ones go
// deeper, so that no line crosses a name of its own half.
function named(ranked, first, at, width) {
  const left = ranked.filter((row) => at(row.mean_rank) < width / 2).reverse();
  const rows = [...left, ...ranked.slice(left.length)].map((row, place) => ({ row, x: at(row.mean_rank), y: first + place * ROW, right: place < left.length }));
  return [...rows.flatMap(({ x, y, right }) => [mark("path", { d: `M${x} ${TOP}V${y}h${right ? 8 : -8}`, class: "axis" }),
    mark("circle", { cx: x, cy: TOP, r: 3.5, class: "rank" })]),
  ...rows.map(({ row, x, y, right }) => mark("text", { x: x + (right ? 12 : -12), y: y + 4, "text-anchor": right ? "start" : "end" },
    `${row.title} ${row.mean_rank.toFixed(2)}`))];
}

export function picture({ strategies, groups, critical_difference: difference, rank_words: words }, width) {
  const ranked = strategies.filter((row) => row.mean_rank !== null).sort((a, b) => a.mean_rank - b.mean_rank);
  const at = (rank) => EDGE + ((rank - 1) / Math.max(1, ranked.length - 1)) * (width - 2 * EDGE);
  const rank = new Map(ranked.map((row) => [row.strategy, row.mean_rank]));
  const first = TOP + 16 + BAR * (groups.length + 1);
  const height = first + ranked.length * ROW;
  const svg = mark("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words, class: "ranks" });
  svg.append(...axis(ranked.length, at, width));
  groups.forEach((group, i) => svg.append(mark("path", { class: "rank-bar",
    d: `M${at(rank.get(group[0])) - 3} ${TOP + 10 + i * BAR}H${at(rank.get(group.at(-1))) + 3}` })));
  svg.append(...named(ranked, first, at, width));
  const reach = Math.min(width - 2 * EDGE, at(1 + difference) - at(1));
  svg.append(mark("path", { d: `M${width - EDGE - reach} 20h${reach}`, class: "rank-bar" }),
    mark("text", { x: width - EDGE, y: 12, "text-anchor": "end" }, `critical difference ${difference.toFixed(2)}`));
  return svg;
}

export function mount(panel, arena) {
  const host = panel.querySelector("[data-ranks]");
  const summary = panel.querySelector("[data-summary]");
  const draw = () => {
    const { rank_words: words, critical_difference: difference } = arena.figures;
    if (summary.textContent !== words) summary.textContent = words;
    if (difference !== null) host.replaceChildren(picture(arena.figures, Math.max(260, host.clientWidth)));
  };
  let width = 0;
  new ResizeObserver(() => host.clientWidth !== width && ((width = host.clientWidth), draw())).observe(host);
  draw();
  arena.on(draw);
}
