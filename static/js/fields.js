// A form's fields as values of a document, and values put back into them: what the server does in apps/spaces/fields.py.

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const STRUCTURED = new Set(["space", "decisions"]);

// A field's value as the document holds it; what cannot be read stays text, for the server to refuse.
export function value(box) {
  const { kind, typed, field } = box.dataset;
  const given = (text) => (typed === "numbers" ? Number(text) : text);
  if (kind === "subset") return [...box.querySelectorAll("input:checked")].map((input) => given(input.value));
  const text = box.querySelector(`[name="${CSS.escape(field)}"]`).value.trim();
  if (kind === "text") return text;
  if (text === "") return null;
  if (STRUCTURED.has(kind)) return structure(text);
  if (kind === "flag") return text === "true";
  if (kind === "choice") return given(text);
  return NUMBER.test(text) ? Number(text) : text;
}

function structure(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// Every field below a prefix: {"max_layers": 6, …} for "space.chain".
export function values(form, prefix) {
  const boxes = [...form.querySelectorAll(`[data-field^="${CSS.escape(prefix)}."]`)];
  return Object.fromEntries(boxes.map((box) => [box.dataset.field.slice(prefix.length + 1), value(box)]));
}

// The texts that stand for a value, in the order in which they are put into a field.
export function texts(given, kind) {
  if (STRUCTURED.has(kind)) return [given === null || given === undefined ? "" : JSON.stringify(given, null, 2)];
  return Array.isArray(given) ? given.map(String) : [given === null || given === undefined ? "" : String(given)];
}

export function put(box, wanted) {
  if (box.dataset.kind === "subset") {
    for (const input of box.querySelectorAll("[type=checkbox]")) input.checked = wanted.includes(input.value);
  } else {
    box.querySelector(`[name="${CSS.escape(box.dataset.field)}"]`).value = wanted.at(-1) ?? "";
  }
}
