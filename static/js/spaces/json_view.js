// The document as JSON text with numbered lines: typing changes the document, faults are shown at their lines.

import { lineAt, read } from "../json_text.js";

export class JsonView {
  constructor(host, space) {
    this.area = host.querySelector("textarea");
    this.gutter = host.querySelector("[data-gutter]");
    this.fault = host.querySelector("[data-json-fault]");
    this.lines = read(this.area.value).lines;
    this.bad = new Set();
    this.area.addEventListener("input", () => this.typed(space));
    this.area.addEventListener("scroll", () => (this.gutter.scrollTop = this.area.scrollTop));
    this.number();
  }

  typed(space) {
    const { value, lines, fault } = read(this.area.value);
    const object = typeof value === "object" && value !== null && !Array.isArray(value);
    this.lines = lines;
    if (fault) space.replace(space.value, this, fault);
    else if (!object) space.replace(space.value, this, { path: "", line: 1, column: 1, reason: "the document must be an object" });
    else if (value.kind !== space.kind.name) space.replace(space.value, this, this.strange(value.kind, space.kind.name));
    else space.replace(value, this);
  }

  strange(kind, own) {
    const reason = `the kind must be ${JSON.stringify(own)} here; import the document to edit another kind`;
    return { path: "/kind", line: lineAt(this.lines, "/kind"), column: 1, reason };
  }

  show(space) {
    if (this.area.value !== space.text) this.area.value = space.text;
    this.lines = read(this.area.value).lines;
    this.number();
  }

  line(pointer) {
    return lineAt(this.lines, pointer);
  }

  // bad: Map of line to sentences
  mark(bad) {
    this.bad = bad;
    this.fault.textContent = [...bad].map(([line, texts]) => `Line ${line}: ${texts.join(" ")}`).join(" ");
    if (bad.size) this.area.setAttribute("aria-invalid", "true");
    else this.area.removeAttribute("aria-invalid");
    this.number();
  }

  number() {
    const count = this.area.value.split("\n").length;
    const rows = Array.from({ length: count }, (_, i) => {
      const row = Object.assign(document.createElement("div"), { textContent: i + 1 });
      if (this.bad.has?.(i + 1)) row.className = "bad";
      return row;
    });
    this.gutter.replaceChildren(...rows);
    this.area.rows = Math.min(40, Math.max(12, count + 1));
  }

  focus(line) {
    const before = this.area.value.split("\n").slice(0, line - 1).join("\n").length;
    const from = line > 1 ? before + 1 : 0;
    const end = this.area.value.indexOf("\n", from);
    this.area.focus();
    this.area.setSelectionRange(from, end < 0 ? this.area.value.length : end);
  }
}
