// The one document that all views of the editor show and change. A view that changes it is not told of its own change.
// Options of a space inside it are named by their place: "architecture/types".

export const words = (name) => name.split("/").at(-1).replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const ONE_LINE = 100;                                // characters that a nested value may have on a line of its own

// JSON with one option a line; only long nested values take more: as `pretty` in apps/spaces/forms.py.
function flat(value) {
  if (Array.isArray(value)) return `[${value.map(flat).join(", ")}]`;
  if (object(value)) return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${flat(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

function pretty(value, indent = "") {
  const inside = `${indent}  `;
  const deep = (one) => {
    const text = flat(one);
    const nested = Array.isArray(one) ? one.some((each) => typeof each === "object" && each !== null) : object(one);
    return nested && text.length > ONE_LINE ? pretty(one, inside) : text;
  };
  if (Array.isArray(value)) return `[\n${value.map((one) => `${inside}${deep(one)}`).join(",\n")}\n${indent}]`;
  return `{\n${Object.entries(value).map(([name, one]) => `${inside}${JSON.stringify(name)}: ${deep(one)}`).join(",\n")}\n${indent}}`;
}

// Every option written out, with the values of a preset.
export function filled(kind, preset) {
  return { kind: kind.name, ...Object.fromEntries(kind.options.map((o) => [o.name, o.default])), ...kind.presets[preset] };
}

export class SpaceDocument {
  // kind: the declaration, {name, options, presets}; value: a document of that kind; kinds: declarations of the spaces that
  // may stand inside it, by name
  constructor(kind, value, kinds = new Map()) {
    Object.assign(this, { kind, value, kinds });
    this.fault = null;                               // what keeps the text from being a document
    this.views = [];
  }

  // The space inside: {place, kind, value}, or null.
  get inner() {
    const option = this.kind.options.find(({ type }) => type === "space");
    const value = option && this.own(option.name, this.kind, this.value);
    const kind = object(value) ? this.kinds.get(value.kind) : null;
    return kind ? { place: option.name, kind, value } : null;
  }

  // Every option by its name, those of the space inside too.
  get options() {
    const { inner } = this;
    const inside = inner ? inner.kind.options.map((option) => ({ ...option, name: `${inner.place}/${option.name}` })) : [];
    return new Map([...this.kind.options, ...inside].map((option) => [option.name, option]));
  }

  own(name, kind, value) {
    const preset = kind.presets[value.preset] ?? {};
    return value[name] ?? preset[name] ?? kind.options.find((option) => option.name === name)?.default ?? null;
  }

  // What holds for an option: given, from the named preset, or the default.
  get(name) {
    const { inner } = this;
    if (inner && name.startsWith(`${inner.place}/`)) return this.own(name.slice(inner.place.length + 1), inner.kind, inner.value);
    return this.own(name, this.kind, this.value);
  }

  has(name, choice) {
    const held = this.get(name);
    return Array.isArray(held) && held.includes(choice);
  }

  set(name, wanted, by) {
    const { inner } = this;
    const inside = inner && name.startsWith(`${inner.place}/`);
    const [own, value] = inside ? [inner.place, { ...inner.value, [name.slice(inner.place.length + 1)]: wanted }] : [name, wanted];
    this.replace({ ...this.value, [own]: value }, by);
  }

  // An op into the space or out of it, in the declared order.
  toggle(name, choice, by) {
    const { bounds } = this.options.get(name);
    const held = this.get(name);
    this.set(name, bounds.filter((one) => (one === choice ? !held.includes(one) : held.includes(one))), by);
  }

  // How many, within the bounds; gives whether it changed.
  step(name, by, view) {
    const { bounds: [low, high], allowed } = this.options.get(name);
    const held = this.get(name);
    const stride = allowed.startsWith("an odd") ? 2 : 1;
    const wanted = Math.min(high, Math.max(low, (Number.isInteger(held) ? held : low) + by * stride));
    if (wanted === held) return false;
    this.set(name, wanted, view);
    return true;
  }

  replace(value, by, fault = null) {
    this.value = value;
    this.fault = fault;
    for (const view of this.views) if (view !== by) view.show(this);
  }

  preset(name) {
    this.replace(filled(this.kind, name));
  }

  subsets() {
    return [...this.options.values()].filter((option) => option.type === "subset");
  }

  // Options that say how many of something there are.
  counts() {
    return [...this.options.values()].filter((option) => option.type === "integer" && Number.isInteger(option.default));
  }

  // Which sets and counts there are to show: changes with the kind of the space inside.
  get shape() {
    return this.inner?.kind.name ?? "";
  }

  get text() {
    return pretty(this.value);
  }
}
