// One estimator's scores against the truth, a dot a network; what has no score is not drawn.

import { Chart } from "../chart.js";

const share = (value) => `${Math.round(100 * value)} %`;

function sentence(row) {
  if (row.kendall === null) return `${row.title} gives no order.`;
  const missing = row.unscored ? ` ${row.unscored} without a score are not drawn.` : "";
  return `${row.title}: Kendall ${row.kendall.toFixed(3)}, Spearman ${row.spearman.toFixed(3)}; of the true best tenth ${share(row.top)} are in its best tenth. Score: ${row.says}.${missing}`;
}

export function mount(panel, correlation) {
  const chart = new Chart(panel, { title: "Estimate against truth", x: "true test accuracy", y: "estimate", file: "estimate" });
  const select = panel.querySelector("[data-choose]");
  const draw = () => {
    const { row, figures } = correlation;
    if (!row) return;
    const names = figures.rows.map(({ estimator, title }) => [estimator, title]);
    if (select.dataset.of !== names.join()) {
      select.dataset.of = names.join();
      select.replaceChildren(...names.map(([name, title]) => new Option(title, name)));
    }
    select.value = row.estimator;
    const scored = (row.scores ?? []).map((score, i) => [figures.true[i], score]).filter(([, score]) => score !== null);
    const dots = { name: row.title, x: scored.map(([x]) => x), y: scored.map(([, y]) => y), look: "dots", colour: 0 };
    chart.show([dots], sentence(row), { file: `estimate_${row.estimator}` });
  };
  select.addEventListener("change", () => correlation.choose(select.value));
  draw();
  correlation.on(draw);
}
