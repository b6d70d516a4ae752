// A chart card: plotly in the page's own tokens, a sentence, a table, CSV and SVG. Knows nothing of searches.

import { paced } from "./pace.js";
import { save } from "./words.js";

const PLOTLY = new URL("../vendor/plotly-cartesian-4.1.1/plotly-cartesian.min.js", import.meta.url);
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "cross", "triangle-up", "x"];
const TABLE_ROWS = 500;
const charts = new Set();
let loading = null;

function plotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = PLOTLY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the chart library did not load"));
    document.head.append(script);
  });
  return loading;
}

// plotly reads a little HTML in names and titles; ours are words.
export const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (index) => token(`--nw-d${(index % 6) + 1}`);

// Trials and epochs are whole: no tick between two of them.
function wholeTicks(series) {
  const all = series.flatMap((one) => one.x).filter(Number.isFinite);
  const [least, most] = [Math.min, Math.max].map((pick) => all.reduce((a, b) => pick(a, b), all[0]));
  return all.length ? Math.max(1, Math.ceil((most - least) / 8)) : 1;
}

// The ticks of an axis: a single value stands alone in the middle, a few whole numbers have none between them.
function ticks(values) {
  const found = [...new Set(values.filter(Number.isFinite))];
  const [least, most] = [Math.min(...found), Math.max(...found)];
  if (found.length === 1) return { tickmode: "array", tickvals: found, range: [least - (Math.abs(least) / 10 || 1), least + (Math.abs(least) / 10 || 1)] };
  return found.length && found.every(Number.isInteger) && most - least < 8 ? { tick0: 0, dtick: 1 } : {};
}

function layout({ x, y, whole, named, height = 280 }, series) {
  const axis = (title) => ({
    title: { text: plain(title), standoff: 8, font: { color: token("--nw-muted"), size: 12 } },
    color: token("--nw-muted"), gridcolor: token("--nw-grid"), linecolor: token("--nw-line"), zeroline: false, automargin: true,
  });
  const points = series.every(({ look }) => ["dots", "line", "step"].includes(look));
  const fitted = (name, is) => (points && !is ? ticks(series.flatMap((one) => [...one[name]])) : {});
  return {
    xaxis: { ...axis(x), showgrid: false, ...fitted("x", named), ...(whole ? { tick0: 0, dtick: wholeTicks(series) } : {}), ...(named ? { type: "category" } : {}) },
    yaxis: { ...axis(y), ...fitted("y", named === "both" || series.some((one) => one.low)), ...(named === "both" ? { type: "category", autorange: "reversed" } : {}) },
    margin: { l: 52, r: 12, t: 8, b: 40 }, height, autosize: true,
    paper_bgcolor: token("--nw-surface"), plot_bgcolor: token("--nw-surface"), hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: token("--nw-ink") },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)", font: { color: token("--nw-ink") } },
    hoverlabel: { bgcolor: token("--nw-sunken"), bordercolor: token("--nw-line"), font: { color: token("--nw-ink") } },
    uirevision: "kept",
  };
}

// The band of a series, low to high, as an area without a name of its own.
function band(series, index) {
  const area = { x: [...series.x, ...[...series.x].reverse()], y: [...series.high, ...[...series.low].reverse()] };
  return { ...area, type: "scatter", mode: "lines", fill: "toself", fillcolor: `${colour(series.colour ?? index)}26`,
    line: { width: 0 }, hoverinfo: "skip", showlegend: false };
}

// series: {name, x, y, look: "step" | "line" | "dots" | "bars" | "heat", colour: 0…, width of a line, bare: a line without marks, opacity of dots}; a heat map has z: a row for each y;
// low and high make a band; `range`: the values of the lightest and the darkest colour of a heat map
function trace(series, index) {
  const hue = series.colour ?? index;
  const common = { name: plain(series.name), x: series.x, y: series.y, type: "scatter" };
  if (series.look === "heat") {
    const scale = [[0, token("--nw-sunken")], [1, token("--nw-d1")]];
    const [zmin, zmax] = series.range ?? [];
    return { ...common, type: "heatmap", z: series.z, ...(series.range ? { zmin, zmax } : {}), colorscale: scale, colorbar: { thickness: 8, outlinewidth: 0 }, xgap: 1, ygap: 1 };
  }
  if (series.look === "bars") {
    const pattern = { shape: ["", "/", "x", ".", "-", "+"][hue % 6], fgcolor: token("--nw-surface"), solidity: 0.4, fillmode: "overlay" };
    return { ...common, type: "bar", marker: { color: colour(hue), pattern }, orientation: series.lying ? "h" : "v" };
  }
  if (series.look === "dots") {
    return { ...common, mode: "markers", marker: { color: colour(hue), size: 6, opacity: series.opacity ?? 0.5, symbol: SYMBOLS[hue % 6] } };
  }
  const dash = DASHES[(hue + Math.floor(hue / 6)) % 6];      // the seventh has the first one's colour and another dash
  const line = { color: colour(hue), width: series.width ?? (series.look === "step" ? 2.25 : 1.75), dash };
  if (series.look === "step") return { ...common, mode: "lines", line: { ...line, shape: "hv" } };
  return { ...common, mode: series.bare ? "lines" : "lines+markers", line, marker: { size: 5, symbol: SYMBOLS[hue % 6] } };
}

let numbered = 0;

export class Chart {
  // panel: a card with [data-chart] and [data-summary]; words: {title, x, y, file, whole: x counts}
  constructor(panel, words) {
    this.panel = panel;
    this.words = words;
    this.series = [];
    this.host = panel.querySelector("[data-chart]");
    this.summary = panel.querySelector("[data-summary]");
    this.describe();
    this.tools();
    this.draw = paced(() => this.paint());
    charts.add(this);
    new ResizeObserver(() => this.drawn && this.host.offsetWidth && window.Plotly.Plots.resize(this.host)).observe(this.host);
  }

  show(series, sentence, words = {}) {
    this.series = series;
    Object.assign(this.words, words);
    if (this.summary && this.summary.textContent !== sentence) this.summary.textContent = sentence;
    this.draw();
  }

  describe() {
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", this.words.title);
    if (!this.summary) return;
    this.summary.id ||= `chart-summary-${(numbered += 1)}`;
    this.host.setAttribute("aria-describedby", this.summary.id);
  }

  async paint() {
    if (this.table && !this.table.hidden) this.fillTable();
    try {
      const library = await plotly();
      const traces = this.series.flatMap((one, index) => [...(one.low ? [band(one, index)] : []), trace(one, index)]);
      await library.react(this.host, traces, { ...layout(this.words, this.series), showlegend: this.series.length > 1 },
        { displayModeBar: false, responsive: false, doubleClick: "reset" });
      this.drawn = true;
      this.host.dataset.drawn = "true";
      this.host.dataset.points = this.series.reduce((sum, one) => sum + one.x.length, 0);
    } catch (error) {
      this.host.textContent = `The chart cannot be drawn (${error.message}). The table has its figures.`;
    }
  }

  tools() {
    const place = toolbar(this.panel);
    this.toggle = tool("Table", () => this.showTable());
    press(this.toggle, false);
    place.append(this.toggle, tool("CSV", () => save(this.csv(), `${this.words.file}.csv`, "text/csv")),
      tool("SVG", () => this.svg()));
  }

  showTable() {
    this.table ??= this.makeTable();
    this.table.hidden = !this.table.hidden;
    this.host.hidden = !this.table.hidden;
    press(this.toggle, !this.table.hidden);
    if (!this.table.hidden) this.fillTable();
    else this.draw();
  }

  makeTable() {
    const box = document.createElement("div");
    Object.assign(box, { className: "scroll chart-table", tabIndex: 0, hidden: true });
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `${this.words.title}, as a table`);
    this.host.after(box);
    return box;
  }

  rows() {
    return this.series.flatMap((one) => one.z
      ? one.z.flatMap((row, i) => row.map((value, j) => [`${one.y[i]} / ${one.x[j]}`, one.x[j], value]))
      : [...one.x].map((x, i) => [one.name, x, one.y[i], ...(one.low ? [one.low[i], one.high[i]] : [])]));
  }

  heads() {
    return [this.words.x, this.words.y, ...(this.series.some((one) => one.low) ? ["low (95 %)", "high (95 %)"] : [])];
  }

  fillTable() {
    const table = document.createElement("table");
    table.className = "rows";
    const head = table.createTHead().insertRow();
    for (const title of ["Series", ...this.heads()]) {
      const cell = document.createElement("th");
      Object.assign(cell, { textContent: title, scope: "col" });
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of this.rows().slice(-TABLE_ROWS).reverse()) {
      const line = body.insertRow();
      row.forEach((value, i) => Object.assign(line.insertCell(), { textContent: value ?? "", className: i ? "num" : "" }));
    }
    this.table.replaceChildren(table);
  }

  csv() {
    const cell = (value) => {
      const text = String(value ?? "");
      const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
      return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    return [["series", ...this.heads()], ...this.rows()].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }

  async svg() {
    const library = await plotly();
    const size = { width: this.host.clientWidth || 800, height: this.host.clientHeight || 280 };
    const text = await library.toImage(this.host, { format: "svg", ...size });
    save(decodeURIComponent(text.slice(text.indexOf(",") + 1)), `${this.words.file}.svg`, "image/svg+xml");
  }
}

export function toolbar(panel) {
  const header = panel.querySelector("header");
  let place = header.querySelector(".tools");
  if (!place) {
    place = document.createElement("div");
    place.className = "tools";
    header.append(place);
  }
  return place;
}

export function tool(word, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "tool btn btn-link btn-sm px-0 py-1", textContent: word });
  button.addEventListener("click", act);
  return button;
}

// A tool that is on or off, to the eye and to a screen reader.
export function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
  for (const name of ["fw-bold", "text-decoration-none"]) button.classList.toggle(name, on);
}

const recolour = () => charts.forEach((chart) => chart.draw());
new MutationObserver(recolour).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
