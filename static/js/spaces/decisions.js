// Training hyperparameters as rows: name, kind, range and prior or choices, and the conditions on which each counts.

import * as conditions from "./conditions.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const WORDS = new Map([["true", true], ["false", false], ["none", null]]);
const KEYS = { categorical: ["name", "kind", "choices"], integer: ["name", "kind", "low", "high", "prior"],
  real: ["name", "kind", "low", "high", "prior", "step"] };

const HINT = "Options of training from scratch that are searched beside the architecture. One with conditions counts only where all of them hold.";

const bell = (row) => String(row.prior ?? "").endsWith("normal");
const plain = (text) => (WORDS.has(text) ? WORDS.get(text) : NUMBER.test(text) ? Number(text) : text);
const listed = (text) => text.split(",").map((part) => part.trim()).filter((part) => part !== "").map(plain);
const written = (values) => (Array.isArray(values) ? values.map((value) => (value === null ? "none" : String(value))).join(", ") : String(values ?? ""));

// The fields that a row has.
export function keys(row) {
  const found = KEYS[row.kind] ?? ["name", "kind"];
  const own = bell(row) && row.kind !== "categorical" ? found.flatMap((key) => (key === "prior" ? ["prior", "mu", "sigma"] : [key])) : found;
  return [...own, ...conditions.keys(row)];
}

// A row of that kind for an option of training, over all that the option may be.
export function fresh(option, kind) {
  const number = ["integer", "real"].includes(option.type);
  const wanted = kind ?? (number ? option.type : "categorical");
  const row = { name: option.name, kind: wanted };
  if (wanted !== "categorical") {
    const [low, high] = number ? option.bounds : [0, 1];
    return { ...row, low, high, prior: option.log && low > 0 ? "log" : "uniform" };
  }
  return { ...row, choices: number ? [option.default ?? option.bounds[0]] : option.type === "flag" ? [true, false] : option.bounds };
}

const inside = (key) => /^when\/(\d+)\/(\w+)$/.exec(key);

// What the field of a key shows.
export function held(row, key) {
  const [, i, part] = inside(key) ?? [];
  if (part) return conditions.held(row, Number(i), part, written);
  if (key === "choices") return written(row.choices);
  return row[key] ?? (key === "prior" ? "uniform" : key === "mu" ? 0 : key === "sigma" ? 1 : null);
}

// The row after a field of it was changed.
export function changed(row, key, value, options, rows) {
  const [, i, part] = inside(key) ?? [];
  if (part) return conditions.changed(row, Number(i), part, value, rows, listed);
  const without = (name) => Object.fromEntries(Object.entries(row).filter(([each]) => each !== name));
  if (key === "name") return { ...fresh(options.get(value) ?? { name: value }), ...(row.when ? { when: row.when } : {}) };
  if (key === "kind") return { ...fresh(options.get(row.name) ?? { name: row.name }, value), ...(row.when ? { when: row.when } : {}) };
  if (key === "choices") return { ...row, choices: listed(String(value)) };
  if (key === "step" && value === null) return without("step");
  if (key === "prior") {
    const { mu = 0, sigma = 1, ...rest } = row;
    return String(value).endsWith("normal") ? { ...rest, prior: value, mu, sigma } : { ...rest, prior: value };
  }
  return { ...row, [key]: value };
}

export class Decisions {
  // box: the field that holds them as JSON; place: its name; options: what training has, by name
  constructor(box, place, space, options) {
    Object.assign(this, { place, space, options, shape: null });
    Object.assign(this, { template: document.querySelector("template[data-decision]"), condition: document.querySelector("template[data-condition]") });
    this.host = Object.assign(document.createElement("fieldset"), { className: "nested" });
    this.list = document.createElement("div");
    this.more = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-plain btn-sm", textContent: "Add a hyperparameter" });
    this.more.addEventListener("click", () => this.add());
    this.host.append(Object.assign(document.createElement("legend"), { textContent: "Training hyperparameters" }),
      Object.assign(document.createElement("p"), { className: "hint", textContent: HINT }), this.list, this.more);
    box.hidden = true;
    box.after(this.host);
    this.show(space);
  }

  get rows() {
    const found = this.space.get(this.place);
    return Array.isArray(found) ? found.filter((row) => typeof row === "object" && row !== null) : [];
  }

  add() {
    const taken = new Set(this.rows.map((row) => row.name));
    const option = [...this.options.values()].find(({ name, bounds }) => !taken.has(name) && Array.isArray(bounds));
    if (!option) return;
    this.space.set(this.place, [...this.rows, fresh(option)]);
    this.list.lastElementChild?.querySelector("select")?.focus();
  }

  remove(k) {
    this.space.set(this.place, this.rows.filter((_, i) => i !== k));
    (this.list.children[Math.min(k, this.list.children.length - 1)]?.querySelector("select") ?? this.more).focus();
  }

  change(k, key, value, by) {
    const { rows } = this;
    this.put(k, changed(rows[k] ?? {}, key, value, this.options, rows), by);
  }

  put(k, row, by) {
    this.space.set(this.place, this.rows.map((each, i) => (i === k ? row : each)), by);
  }

  addCondition(k) {
    this.put(k, conditions.added(this.rows[k], this.rows));
    [...this.list.children[k].querySelectorAll("[data-conditions] select[name$='/name']")].at(-1)?.focus();
  }

  removeCondition(k, i) {
    this.put(k, conditions.removed(this.rows[k], i));
    const left = this.list.children[k].querySelectorAll("[data-remove-condition]");
    (left[Math.min(i, left.length - 1)] ?? this.list.children[k].querySelector("[data-add-condition]")).focus();
  }

  held(k, key) {
    return held(this.rows[k] ?? {}, key);
  }

  show() {
    const shape = JSON.stringify(this.rows.map((row) => [row.name, keys(row)]));
    if (shape === this.shape) return;
    this.shape = shape;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.name : null;
    this.list.replaceChildren(...this.rows.map((row, k) => this.row(row, k)));
    if (focused) this.list.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
  }

  row(row, k) {
    const made = this.template.content.cloneNode(true).firstElementChild;
    for (const box of made.querySelectorAll("[data-field]")) if (!keys(row).includes(box.dataset.field.split("/").at(-1))) box.remove();
    const names = this.rows.map(({ name }) => name).filter((name) => name !== row.name);
    const list = made.querySelector("[data-conditions]");
    conditions.of(row).forEach((_, i) => {
      const fields = conditions.fields(this.condition, row, k, i, names);
      fields.querySelector("[data-remove-condition]").addEventListener("click", () => this.removeCondition(k, i));
      list.append(fields);
    });
    const more = made.querySelector("[data-add-condition]");
    more.setAttribute("aria-label", `Add a condition to hyperparameter ${k + 1}`);
    more.disabled = conditions.added(row, this.rows) === row;
    more.addEventListener("click", () => this.addCondition(k));
    for (const part of made.querySelectorAll("*")) {
      for (const { name, value } of [...part.attributes]) if (value.includes("__k__")) part.setAttribute(name, value.replaceAll("__k__", String(k)));
    }
    for (const hint of made.querySelectorAll(".hint")) hint.classList.add("visually-hidden");     // told once, above the rows
    const remove = made.querySelector("[data-remove]");
    remove.setAttribute("aria-label", `Remove hyperparameter ${k + 1}`);
    remove.addEventListener("click", () => this.remove(k));
    made.querySelector("legend").textContent = `Hyperparameter ${k + 1}`;
    return made;
  }
}
