// The space editor: one document, three views, live facts. Without this file the form and the JSON still work through the server.

import { FactsPanel } from "../facts.js";
import { save } from "../words.js";
import { Canvas } from "./canvas.js";
import { SpaceDocument } from "./document.js";
import { FormView } from "./form_view.js";
import { JsonView } from "./json_view.js";
import { Palette } from "./palette.js";
import { Problems } from "./problems.js";
import { Steppers } from "./steppers.js";
import { Tabs } from "./tabs.js";
import { read } from "../json_text.js";

const form = document.getElementById("editor");
const find = (selector) => form.querySelector(selector);
const brought = (id) => JSON.parse(document.getElementById(id).textContent);
const kind = brought("kind");
const first = brought("first-facts");
const typed = read(find("[data-view=json] textarea").value).value;
const parts = document.getElementById("parts") ? brought("parts") : { kinds: [], saved: [], training: [] };
const kinds = new Map(parts.kinds.map((each) => [each.name, each]));
const space = new SpaceDocument(kind, typed?.kind === kind.name ? typed : { kind: kind.name }, kinds);
const panels = Object.fromEntries(["diagram", "form", "json"].map((name) => [name, find(`[data-view=${name}]`)]));
const dataset = find("[data-dataset]");
let dirty = "dirty" in form.dataset;
let leaving = false;
let texts = first?.texts ?? {};

const views = { form: new FormView(panels.form, space, parts), json: new JsonView(panels.json, space), palette: new Palette(find("[data-palette]"), space),
  steppers: new Steppers(find("[data-steppers]"), space) };
const tabs = new Tabs(find("[data-tabs]"), panels, (name) => name === "diagram" && views.canvas?.draw());
views.canvas = new Canvas(find("[data-stage]"), find("[data-inspect]"), find("[data-sizes]"), space, (option, choice) => {
  tabs.open("form");
  views.form.focus(option, choice);
});
const problems = new Problems(find("[data-problems]"), views, (name) => tabs.open(name));
const facts = new FactsPanel(document.getElementById("facts"), form.elements.csrfmiddlewaretoken.value,
  () => ({ asked: space.value, dataset: dataset.value }), ({ found, errors }) => {
    if (space.fault) return;
    if (found) {
      tell(found.texts);
      dataset.value = found.dataset;                 // another one where this space cannot read what was chosen
    }
    if (found?.drawing) views.canvas.sample(found.drawing);
    problems.show(errors);
  });

function mark(text) {
  dirty = true;
  find("[data-dirty-words]").textContent = text;
}

const watcher = {
  show() {
    form.elements.view.value = space.fault ? "json" : "form";
    mark("changed, not saved");
    if (space.fault) problems.show([], space.fault);
    else facts.ask();
  },
};

space.views = [views.form, views.json, views.palette, views.steppers, views.canvas, watcher];
form.addEventListener("input", (event) => ["name", "note"].includes(event.target.name) && mark("changed, not saved"));
dataset.addEventListener("change", () => facts.ask());
form.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  if (!preset) return;
  event.preventDefault();
  space.preset(preset.dataset.preset);
});

// Text that is no document is not sent away: the cursor goes to its fault.
form.addEventListener("submit", (event) => {
  if (space.fault && !event.submitter?.hasAttribute("data-leave")) {
    event.preventDefault();
    tabs.open("json");
    views.json.focus(space.fault.line);
    return;
  }
  leaving = true;
});
addEventListener("beforeunload", (event) => dirty && !leaving && event.preventDefault());
addEventListener("pageshow", () => (leaving = false));

// The sample in every form that can tell it: one button each.
function tell(found) {
  texts = found;
  for (const button of form.querySelectorAll("[data-export]")) button.hidden = button.dataset.export !== "document" && !(button.dataset.export in texts);
}

for (const button of form.querySelectorAll("[data-export]")) {
  button.addEventListener("click", () => {
    const shape = button.dataset.export;
    const name = (form.elements.name.value || kind.name).replaceAll(/[^\w-]+/g, "-").toLowerCase();
    if (shape === "document") save(`${space.text}\n`, `${name}.json`, "application/json");
    else save(`${texts[shape]}\n`, `${name}-sample.${shape === "json" ? "json" : "txt"}`, shape === "json" ? "application/json" : "text/plain");
  });
}
tell(texts);
form.addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit(find("[data-save]"));
});

find("[data-palette]").hidden = false;
find("[data-save-json]").hidden = true;
if (first?.drawing) {
  facts.draw(first.drawing);
  views.canvas.sample(first.drawing);
} else {
  views.canvas.show();
}
const faults = brought("faults");
tabs.open(form.elements.view.value === "json" ? "json" : "diagram");
problems.show(faults);
if (form.elements.view.value === "json" && read(form.elements.document.value).fault) views.json.typed(space);
document.querySelector("[autofocus]")?.focus();
window.nasweb = { space, facts, views };
