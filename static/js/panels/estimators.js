// The table of estimators, as the server writes it, kept up to date.

import { duration } from "../words.js";

const three = (value) => (value === null ? "–" : value.toFixed(3));
const between = (interval) => (interval ? `${three(interval[0])} to ${three(interval[1])}` : "–");

function cells(row) {
  return [three(row.kendall), between(row.kendall_interval), three(row.spearman), between(row.spearman_interval), `${Math.round(100 * row.top)} %`,
    row.n, row.unscored, row.training?.epochs ?? "–", duration(row.training?.seconds ?? NaN), duration(row.seconds), (row.measured ?? "–").slice(0, 16)];
}

const element = (tag, properties) => Object.assign(document.createElement(tag), properties);

function line(row) {
  const tr = element("tr", {});
  tr.dataset.estimator = row.estimator;
  const name = element("th", { scope: "row", textContent: row.title });
  name.append(element("div", { className: "hint says", textContent: row.says }),
    ...Object.keys(row.reasons).map((reason) => element("div", { className: "error says", textContent: reason })));
  const values = cells(row);
  tr.append(name, ...values.map((text, i) => element("td", { className: i === values.length - 1 ? "" : "num", textContent: text })));
  return tr;
}

export function mount(panel, correlation) {
  const body = panel.querySelector("[data-rows]");
  correlation.on(() => {
    if (body.children.length === correlation.figures.rows.length) return;
    body.replaceChildren(...correlation.figures.rows.map(line));
  });
}
