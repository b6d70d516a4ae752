// Numbers and states in a person's words, the same on every panel.

const SUFFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

export function count(value) {
  if (!Number.isFinite(value)) return "–";
  const [size, suffix] = SUFFIXES.find(([limit]) => value >= limit) ?? [1, ""];
  const short = size === 1 ? String(Math.round(value)) : (value / size).toFixed(value / size >= 100 ? 0 : value / size >= 10 ? 1 : 2);
  return suffix ? `${short} ${suffix}` : short;
}

export function score(value) {
  return Number.isFinite(value) ? value.toFixed(4) : "–";
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

// Scores of networks that nobody has trained from scratch, beside those of others.
const BORROWED = { shared: "with shared weights", hypernetwork: "with generated weights", inherited: "with inherited weights", proxy: "by a proxy" };

export const borrowed = (kind) => BORROWED[kind] ?? "";

// A size known by its logarithm: 4.1 · 10¹²; small ones in full.
export function power(log10) {
  if (log10 === null) return "no end";
  if (log10 < 6) return Math.round(10 ** log10).toLocaleString("en");
  const exponent = Math.floor(log10);
  const digits = String(exponent).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `${(10 ** (log10 - exponent)).toFixed(1)} · 10${digits}`;
}

export function origin(trial) {
  const how = typeof trial.origin === "string" ? trial.origin : trial.origin?.how;
  if (Number.isInteger(trial.final_of)) return `final of ${trial.final_of}`;
  const parents = trial.parents ?? [];
  return parents.length ? `${how ?? "child"} of ${parents.join(", ")}` : how ?? "";
}

// A download made in the page: no request, no inline handler.
export function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
