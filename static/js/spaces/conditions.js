// When a training hyperparameter counts: conditions on others, all of which must hold. "when/0/among" names a field of one.

const MOST = 8;                                      // conditions that a hyperparameter may have
const TESTS = { among: "is one of", at_least: "is at least" };
const LABELS = { name: "Only if", test: "Test", among: "Values", at_least: "Value" };

const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// The conditions of a row; none where something else stands in their place.
export const of = (row) => (Array.isArray(row.when) && row.when.every(object) ? row.when : []);

const test = (condition) => ("at_least" in condition ? "at_least" : "among");

// The fields that a row's conditions have.
export function keys(row) {
  return of(row).flatMap((one, i) => ["name", "test", test(one)].map((key) => `when/${i}/${key}`));
}

// A condition on another row: that it is what it is first or least, until a person says better.
function first(other) {
  return other.kind === "categorical" ? { name: other.name, among: (other.choices ?? []).slice(0, 1) } : { name: other.name, at_least: other.low ?? 0 };
}

// Whether a row waits, over however many others, for one of that name.
function waits(rows, row, name, seen = new Set()) {
  if (seen.has(row.name)) return false;
  seen.add(row.name);
  return of(row).some((one) => one.name === name || rows.some((other) => other.name === one.name && waits(rows, other, name, seen)));
}

// The row with one condition more: on another one that does not wait for it, one that it does not yet speak of if there is any.
export function added(row, rows) {
  const others = rows.filter((other) => other.name !== row.name);
  const free = others.filter((one) => !waits(rows, one, row.name));
  const other = free.find((one) => of(row).every(({ name }) => name !== one.name)) ?? free[0] ?? others[0];
  return other && of(row).length < MOST ? { ...row, when: [...of(row), first(other)] } : row;
}

export function removed(row, i) {
  const { when, ...rest } = row;
  const left = when.filter((_, k) => k !== i);
  return left.length ? { ...rest, when: left } : rest;
}

// What the field of a condition shows; `written` says a list of choices.
export function held(row, i, key, written) {
  const one = of(row)[i] ?? {};
  return key === "test" ? test(one) : key === "among" ? written(one.among) : one[key] ?? null;
}

// The row after a field of a condition was changed; `listed` reads a list of choices.
export function changed(row, i, key, value, rows, listed) {
  const one = row.when[i];
  const other = rows.find(({ name }) => name === (key === "name" ? value : one.name));
  const least = Number.isFinite(one.among?.[0]) ? one.among[0] : other?.low ?? 0;
  const wanted = {
    name: () => (other ? first(other) : { ...one, name: value }),
    test: () => ({ name: one.name, ...(value === "among" ? { among: [one.at_least] } : { at_least: least }) }),
    among: () => ({ name: one.name, among: listed(String(value)) }),
    at_least: () => ({ name: one.name, at_least: value }),
  }[key]();
  return { ...row, when: row.when.map((each, k) => (k === i ? wanted : each)) };
}

// The fields of one condition; names: the other rows' names.
export function fields(template, row, k, i, names) {
  const made = template.content.cloneNode(true).firstElementChild;
  const one = row.when[i];
  made.setAttribute("aria-label", `Condition ${i + 1} of hyperparameter ${k + 1}`);
  for (const box of made.querySelectorAll("[data-field]")) {
    const key = box.dataset.field.split("/").at(-1);
    if (key in TESTS && key !== test(one)) box.remove();
    else box.querySelector("label").textContent = LABELS[key];
  }
  const offered = names.includes(one.name) ? names : [...names, String(one.name)];
  made.querySelector("[name$='/name']").replaceChildren(...offered.map((name) => new Option(name, name)));
  for (const option of made.querySelectorAll("[name$='/test'] option")) option.textContent = TESTS[option.value];
  made.querySelector("[data-remove-condition]").setAttribute("aria-label", `Remove condition ${i + 1} of hyperparameter ${k + 1}`);
  for (const part of made.querySelectorAll("*")) {
    for (const { name, value } of [...part.attributes]) if (value.includes("__i__")) part.setAttribute(name, value.replaceAll("__i__", String(i)));
  }
  return made;
}
