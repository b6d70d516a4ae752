// SVG elements, and the look of operations: a colour a family, and with it always a sign and a line of its own.

const SVG = "http://www.w3.org/2000/svg";
export const STATES = new Set(["input", "add", "concat"]);
const NOTHING = new Set(["none", "zero"]);

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// Signs are drawn in a square of 8 around the origin.
const FAMILIES = {
  none: { words: "nothing", sign: "M-4,-4L4,4M4,-4L-4,4" },
  skip: { words: "skip", sign: "M-4,0L4,0M1,-3L4,0L1,3" },
  pool: { words: "pooling", sign: "M-4,-3L4,-3L0,4z" },
  separable: { words: "separable convolution", sign: "M-4,-4H-0.8V4H-4zM0.8,-4H4V4H0.8z" },
  dilated: { words: "dilated convolution", sign: "M-4,-4H-1V-1H-4zM1,-4H4V-1H1zM-4,1H-1V4H-4zM1,1H4V4H1z" },
  conv: { words: "convolution", sign: "M-4,-4H4V4H-4z" },
  dense: { words: "fully connected", sign: "M0,-4.5L4.5,0L0,4.5L-4.5,0z" },
  activation: { words: "activation", sign: "M-4,3.5H0L4,-3.5" },
  norm: { words: "normalisation, dropout", sign: "M-4,-3H4M-4,0H4M-4,3H4" },
  state: { words: "input or merge", sign: "M-4,0A4,4 0 1 0 4,0A4,4 0 1 0 -4,0z" },
  other: { words: "other", sign: "M0,-4L4,3.5H-4z" },
};
const OPEN = new Set(["none", "skip", "activation", "norm", "state"]);          // signs that are lines, not areas
const KINDS = [["skip", /\bskip|identity/], ["pool", /pool/], ["separable", /\bsep|separable|depthwise|wider inside/],
  ["dilated", /\bdil/], ["conv", /conv/], ["dense", /linear|dense|hidden|units|class scores/],
  ["activation", /relu|tanh|sigmoid|swish|\belu|gelu|activation/], ["norm", /norm|dropout/]];

export function family(node) {
  if (STATES.has(node.op)) return "state";
  if (NOTHING.has(node.op)) return "none";
  const told = `${node.op} ${node.label ?? ""}`.toLowerCase().replaceAll("_", " ");
  return KINDS.find(([, pattern]) => pattern.test(told))?.[0] ?? "other";
}

export function sign(kind, x = 0, y = 0) {
  return element("path", { class: `sign f-${kind}${OPEN.has(kind) ? " open" : ""}`, d: FAMILIES[kind].sign,
    transform: `translate(${x} ${y})`, "aria-hidden": "true" });
}

// What the signs and lines of a drawing mean.
export function legend(kinds) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const kind of Object.keys(FAMILIES).filter((one) => kinds.has(one) && one !== "state")) {
    const swatch = element("svg", { viewBox: "0 0 38 12", width: 38, height: 12, "aria-hidden": "true" });
    swatch.append(element("path", { class: `edge f-${kind}`, d: "M0,6H24" }), sign(kind, 32, 6));
    const item = document.createElement("li");
    item.append(swatch, FAMILIES[kind].words);
    list.append(item);
  }
  return list;
}
