// The New search form: shows the chosen kinds, marks strategies that do not fit, fills in presets, keeps the facts and the
// document beside it up to date. Without this file the form still works; the server does the same.

import { Diagram } from "./diagram.js";
import { count } from "./words.js";

const TAGS = { dataset: "name", space: "kind", strategy: "name", estimation: "name" };
const PARTS = ["budget", "finals", "execution"];
const WAIT = 350;

const form = document.getElementById("new-search");
const facts = document.getElementById("facts");
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const presets = read("presets");
const compatible = read("compatible");
const diagram = new Diagram(facts.querySelector("[data-diagram]"), "sample");
let seed = 0;
let asked = 0;

const chosen = (group) => form.elements[group]?.value ?? "";

// A field's value as the document holds it; what cannot be read stays text, for the server to refuse.
function value(box) {
  const { kind, typed, field } = box.dataset;
  const given = (text) => (typed === "numbers" ? Number(text) : text);
  if (kind === "subset") return [...box.querySelectorAll("input:checked")].map((input) => given(input.value));
  const text = box.querySelector(`[name="${CSS.escape(field)}"]`).value.trim();
  if (kind === "text") return text;
  if (text === "") return null;
  if (kind === "flag") return text === "true";
  if (kind === "choice") return given(text);
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

function values(prefix) {
  const boxes = [...form.querySelectorAll(`[data-field^="${prefix}."]`)];
  return Object.fromEntries(boxes.map((box) => [box.dataset.field.slice(prefix.length + 1), value(box)]));
}

function part(group) {
  return { [TAGS[group]]: chosen(group), ...values(`${group}.${chosen(group)}`) };
}

function collect() {
  const head = (name) => value(form.querySelector(`[data-field="${name}"]`));
  const built = { version: 1, name: head("name"), space: part("space"), strategy: part("strategy"), estimation: part("estimation"),
    dataset: part("dataset") };
  for (const name of PARTS) built[name] = values(name);
  return { ...built, seed: head("seed") };
}

function showKinds() {
  for (const box of form.querySelectorAll("[data-options]")) box.hidden = box.dataset.of !== chosen(box.dataset.options);
  for (const label of form.querySelectorAll("[data-choice]")) {
    const input = label.querySelector("input");
    if (input.name !== "strategy") continue;
    const verdict = compatible[input.value]?.[chosen("space")] ?? true;
    const place = label.querySelector("[data-unfit]");
    label.classList.toggle("unfit", verdict !== true);
    input.disabled = verdict !== true && !input.checked;
    place.hidden = verdict === true;
    place.textContent = verdict === true ? "" : `${verdict[0].toUpperCase()}${verdict.slice(1)}.`;
  }
}

function put(texts) {
  for (const [name, wanted] of Object.entries(texts)) {
    const box = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (box.dataset.kind === "subset") {
      for (const input of box.querySelectorAll("[type=checkbox]")) input.checked = wanted.includes(input.value);
    } else {
      box.querySelector(`[name="${CSS.escape(name)}"]`).value = wanted.at(-1);
    }
  }
}

const fact = (name) => facts.querySelector(`[data-fact="${name}"]`);

function power(log10) {
  if (log10 === null) return "no end";
  if (log10 < 6) return Math.round(10 ** log10).toLocaleString("en");
  const exponent = Math.floor(log10);
  const digits = String(exponent).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `${(10 ** (log10 - exponent)).toFixed(1)} · 10${digits}`;
}

function showFacts(found) {
  fact("size").textContent = power(found.log10_size);
  fact("decisions").textContent = `${found.parameters}, ${found.conditions} condition${found.conditions === 1 ? "" : "s"}`;
  for (const name of ["parameters", "flops", "memory"]) {
    const range = found.ranges[name];
    fact(name).textContent = range ? `${count(range[0])} – ${count(range[2])}` : "–";
  }
  fact("infeasible").textContent = impossible(found.infeasible);
  fact("cost").textContent = found.cost ? `: ${count(found.cost.parameters)} parameters` : "";
  fact("words").textContent = found.drawing ? found.drawing.words : "No sample can be built on this dataset.";
  fact("fault").textContent = "";
  if (found.drawing) diagram.draw(found.drawing, "A random architecture of this space");
}

// "12 % (conv 7×7: leaves nothing of 8×1×1)"
function impossible(found) {
  const share = `${Math.round(100 * found.share)} %`;
  return found.reasons.length ? `${share} (${found.reasons[0].reason})` : share;
}

async function askFacts() {
  const turn = (asked += 1);
  const query = new URLSearchParams({ dataset: chosen("dataset"), seed });
  try {
    const answer = await fetch(`${facts.dataset.url}?${query}`, {
      method: "POST", body: JSON.stringify(part("space")),
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    });
    const found = await answer.json();
    if (turn !== asked) return;
    if (answer.ok) showFacts(found);
    else fact("fault").textContent = `The space: ${found.error.path.replace(/^\//, "").replaceAll("_", " ")} ${found.error.reason}.`;
  } catch {
    if (turn === asked) fact("fault").textContent = "The facts did not load.";
  }
}

function showTrainings(built) {
  const { trials } = built.budget;
  const { epochs } = built.estimation;
  const { top, seeds, epochs: final } = built.finals;
  const known = [trials, epochs, top, seeds].every(Number.isFinite);
  fact("trainings").textContent = known
    ? `${trials} × ${epochs} epochs, then ${top * seeds} final${top * seeds === 1 ? "" : "s"} of ${final ?? epochs}` : "until the limit";
}

let timer = null;
function refresh(spaceToo) {
  showKinds();
  const built = collect();
  document.getElementById("preview").textContent = JSON.stringify(built, null, 2);
  showTrainings(built);
  if (!spaceToo) return;
  clearTimeout(timer);
  timer = setTimeout(askFacts, WAIT);
}

function another() {
  seed += 1;
  askFacts();
}

form.addEventListener("input", (event) => refresh(/^(space|dataset)\b/.test(event.target.name)));
form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=fill]");
  if (!button) return;
  event.preventDefault();
  put(presets[button.value]);
  refresh(button.value.startsWith("space."));
});
document.getElementById("another").addEventListener("click", another);
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, select, textarea");
  if (event.key === "r" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) another();
});
const first = read("first-drawing");
if (first) diagram.draw(first, "A random architecture of this space");
refresh(!first);
document.querySelector("[autofocus]")?.focus();
