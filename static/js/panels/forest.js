// Rank correlations as a forest plot: a mark and an interval for each estimator, a band for chance, a line for what two trainings agree by.

import { press, tool, toolbar } from "../chart.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 26;
const TOP = 34;
const EDGE = 14;
const FIGURES = { kendall: "Kendall’s tau", spearman: "Spearman" };

function mark(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// From the lowest to the highest end of an interval, zero among them, in tenths.
export function range(rows, figure, more) {
  const ends = rows.flatMap((row) => (row[figure] === null ? [] : [row[figure], ...(row[`${figure}_interval`] ?? [])]));
  const all = [0, ...ends, ...more.filter(Number.isFinite)];
  return [Math.floor(Math.min(...all) * 10 - 1e-9) / 10, Math.ceil(Math.max(...all) * 10 + 1e-9) / 10];
}

function background({ chance, trainings }, figure, at, width, height) {
  const [low, high] = at.range;
  const step = high - low > 1 ? 0.2 : 0.1;
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
  const parts = ticks.flatMap((tick) => [mark("path", { d: `M${at(tick)} ${TOP}V${height}`, class: "forest-grid" }),
    mark("text", { x: at(tick), y: TOP - 8, "text-anchor": "middle", class: "rank-hint" }, (Math.abs(tick) < 1e-9 ? 0 : tick).toFixed(1).replace("-", "−"))]);
  if (chance && figure === "kendall") parts.unshift(mark("rect", { x: at(-chance), y: TOP, width: at(chance) - at(-chance), height: height - TOP, class: "forest-band" }));
  if (trainings && figure === "kendall") {
    parts.push(mark("path", { d: `M${at(trainings)} ${TOP}V${height}`, class: "forest-limit" }),
      mark("text", { x: Math.min(at(trainings), width - EDGE), y: 12, "text-anchor": "end", class: "rank-hint" }, "two trainings of a network agree"));
  }
  return parts;
}

// A square is a proxy, a circle a supernet: told apart without colour.
function line(row, figure, place, label, at, chosen, width) {
  const y = TOP + ROW * (place + 0.5);
  const group = mark("g", { class: chosen ? "forest-row chosen" : "forest-row", "data-estimator": row.estimator });
  group.append(mark("rect", { x: 0, y: y - ROW / 2, width, height: ROW, class: "forest-back" }),
    mark("text", { x: label - 8, y: y + 4, "text-anchor": "end" }, row.title));
  const value = row[figure];
  if (value === null) {
    group.append(mark("text", { x: at(0) + 6, y: y + 4, class: "rank-hint" }, "no order"));
    return group;
  }
  const interval = row[`${figure}_interval`];
  if (interval) group.append(mark("path", { d: `M${at(interval[0])} ${y}H${at(interval[1])}`, class: "forest-interval" }));
  group.append(row.kind === "supernet" ? mark("circle", { cx: at(value), cy: y, r: 5, class: "rank" })
    : mark("rect", { x: at(value) - 4.5, y: y - 4.5, width: 9, height: 9, class: "forest-proxy" }));
  group.append(mark("title", {}, `${row.title}: ${value.toFixed(3)}`));
  return group;
}

export function picture(figures, figure, width, chosen) {
  const rows = [...figures.rows].sort((a, b) => (b[figure] ?? -Infinity) - (a[figure] ?? -Infinity) || 0);
  const label = Math.min(190, width * 0.38);
  const [low, high] = range(rows, figure, figure === "kendall" ? [figures.trainings] : []);
  const at = Object.assign((value) => label + EDGE + ((value - low) / (high - low || 1)) * (width - label - 2 * EDGE), { range: [low, high] });
  const height = TOP + ROW * rows.length + 6;
  const svg = mark("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", class: "ranks forest",
    "aria-label": `${FIGURES[figure]}: ${rows.map((row) => `${row.title} ${row[figure] === null ? "no order" : row[figure].toFixed(3)}`).join(", ")}.` });
  svg.append(...background(figures, figure, at, width, height),
    ...rows.map((row, place) => line(row, figure, place, label, at, row.estimator === chosen, width)));
  return svg;
}

export function mount(panel, correlation) {
  const host = panel.querySelector("[data-forest]");
  const summary = panel.querySelector("[data-summary]");
  let figure = "kendall";
  const buttons = Object.entries(FIGURES).map(([name, word]) => [name, tool(word, () => {
    figure = name;
    draw();
  })]);
  toolbar(panel).append(...buttons.map(([, button]) => button));
  const draw = () => {
    buttons.forEach(([name, button]) => press(button, name === figure));
    if (summary.textContent !== correlation.figures.words) summary.textContent = correlation.figures.words;
    host.replaceChildren(picture(correlation.figures, figure, Math.max(280, host.clientWidth), correlation.row?.estimator));
    host.dataset.drawn = correlation.figures.rows.length;
  };
  host.addEventListener("click", (event) => {
    const row = event.target.closest("[data-estimator]");
    if (row) correlation.choose(row.dataset.estimator);
  });
  let width = 0;
  new ResizeObserver(() => host.clientWidth !== width && ((width = host.clientWidth), draw())).observe(host);
  draw();
  correlation.on(draw);
}
