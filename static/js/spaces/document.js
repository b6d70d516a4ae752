// The one document that all views of the editor show and change. A view that changes it is not told of its own change.

export const words = (name) => name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

// JSON with one option a line; only what is nested takes more.
function pretty(document) {
  const nested = (value) => value !== null && typeof value === "object";
  const written = (value) => {
    if (Array.isArray(value) && !value.some(nested)) return `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
    return JSON.stringify(value, null, 2).replaceAll("\n", "\n  ");
  };
  return `{\n${Object.entries(document).map(([name, value]) => `  ${JSON.stringify(name)}: ${written(value)}`).join(",\n")}\n}`;
}

export class SpaceDocument {
  // kind: the declaration, {name, options, presets}; value: a document of that kind
  constructor(kind, value) {
    this.kind = kind;
    this.options = new Map(kind.options.map((option) => [option.name, option]));
    this.value = value;
    this.fault = null;                               // what keeps the text from being a document
    this.views = [];
  }

  // What holds for an option: given, from the named preset, or the default.
  get(name) {
    const preset = this.kind.presets[this.value.preset] ?? {};
    return this.value[name] ?? preset[name] ?? this.options.get(name)?.default ?? null;
  }

  has(name, choice) {
    const held = this.get(name);
    return Array.isArray(held) && held.includes(choice);
  }

  set(name, wanted, by) {
    this.replace({ ...this.value, [name]: wanted }, by);
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
    this.replace({ kind: this.kind.name, ...Object.fromEntries(this.kind.options.map((o) => [o.name, o.default])), ...this.kind.presets[name] });
  }

  subsets() {
    return this.kind.options.filter((option) => option.type === "subset");
  }

  // Options that say how many of something there are.
  counts() {
    return this.kind.options.filter((option) => option.type === "integer" && Number.isInteger(option.default));
  }

  get text() {
    return pretty(this.value);
  }
}
