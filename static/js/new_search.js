// The New search form: shows the chosen kinds, marks strategies that do not fit, fills in presets, keeps the facts and the
// document beside it up to date. Without this file the form still works; the server does the same.

import { FactsPanel } from "./facts.js";
import { put, value, values } from "./fields.js";

const TAGS = { dataset: "name", space: "kind", strategy: "name", estimation: "name" };
const PARTS = ["budget", "constraints", "filter", "finals", "ensemble", "execution"];

const form = document.getElementById("new-search");
const facts = document.getElementById("facts");
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const presets = read("presets");
const compatible = read("compatible");
const readable = read("readable");
const performed = read("performed");
const panel = new FactsPanel(facts, form.elements.csrfmiddlewaretoken.value, () => ({ asked: { space: part("space"), dataset: part("dataset") } }));

const chosen = (group) => form.elements[group]?.value ?? "";

function part(group) {
  return { [TAGS[group]]: chosen(group), ...values(form, `${group}.${chosen(group)}`) };
}

function collect() {
  const head = (name) => value(form.querySelector(`[data-field="${name}"]`));
  const built = { version: 1, name: head("name"), space: part("space"), strategy: part("strategy"), estimation: part("estimation"),
    dataset: part("dataset") };
  for (const name of PARTS) built[name] = values(form, name);
  return { ...built, seed: head("seed") };
}

// Why a kind does not fit what is chosen beside it, or true.
const VERDICTS = {
  strategy: (name) => compatible[name]?.[chosen("space")],
  dataset: (name) => readable[chosen("space")]?.[name],
  estimation: (name) => performed[chosen("strategy")]?.[name],
};

// A strategy brings an estimation along that does what it asks for, where the chosen one does not.
function chooseEstimation() {
  const fits = (name) => VERDICTS.estimation(name) === true;
  const choices = [...form.querySelectorAll("input[name=estimation]")];
  if (fits(chosen("estimation"))) return;
  const fitting = choices.find((input) => fits(input.value));
  if (fitting) fitting.checked = true;
}

function showKinds() {
  for (const box of form.querySelectorAll("[data-options]")) box.hidden = box.dataset.of !== chosen(box.dataset.options);
  for (const label of form.querySelectorAll("[data-choice]")) {
    const input = label.querySelector("input");
    if (!(input.name in VERDICTS)) continue;
    const verdict = VERDICTS[input.name](input.value) ?? true;
    const place = label.querySelector("[data-unfit]");
    label.classList.toggle("unfit", verdict !== true);
    input.disabled = verdict !== true && !input.checked;
    place.hidden = verdict === true;
    place.textContent = verdict === true ? "" : `${verdict[0].toUpperCase()}${verdict.slice(1)}.`;
  }
}

function showTrainings(built) {
  const { trials } = built.budget;
  const { epochs } = built.estimation;
  const { top, seeds, epochs: final } = built.finals;
  const known = [trials, epochs, top, seeds].every(Number.isFinite);
  const finals = `then ${top * seeds} final${top * seeds === 1 ? "" : "s"} of ${final ?? epochs}`;
  const each = built.estimation.proxy ? "scored untrained" : `× ${epochs} epochs`;
  panel.fact("trainings").textContent = known ? `${trials} ${each}, ${finals}` : "until the limit";
}

function refresh(spaceToo) {
  showKinds();
  const built = collect();
  document.getElementById("preview").textContent = JSON.stringify(built, null, 2);
  showTrainings(built);
  if (spaceToo) panel.ask();
}

form.addEventListener("input", (event) => {
  if (event.target.name === "strategy") chooseEstimation();
  refresh(/^(space|dataset)\b/.test(event.target.name));
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=fill]");
  if (!button) return;
  event.preventDefault();
  for (const [name, texts] of Object.entries(presets[button.value])) {
    const box = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (box) put(box, texts);
    else form.elements[name].value = texts.at(-1);     // a kind: one of several radio buttons
  }
  refresh(/^(space|definition|upload)\./.test(button.value));
});
const first = read("first-drawing");
if (first) panel.draw(first);
refresh(!first);
document.querySelector("[autofocus]")?.focus();
