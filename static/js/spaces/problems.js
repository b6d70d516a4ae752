// What is wrong with the document, once for all views: each fault with a way to its field, its node and its line.

import { words } from "./document.js";

const capital = (text) => text.replace(/^./, (first) => first.toUpperCase());

function sentence({ path, reason, allowed }) {
  const place = path ? path.slice(1).split("/").map(words).join(" › ") : "The document";
  return `${place} ${reason}${allowed ? `; allowed: ${allowed.replace(" or null", ", or empty")}` : ""}.`;
}

export class Problems {
  // views: {form, json, canvas, palette, steppers}; open: shows a tab
  constructor(host, views, open) {
    Object.assign(this, { host, views, open });
  }

  // A fault of the text itself has a line of its own; form and diagram, which show the last text that could be read, say where.
  show(errors, fault = null) {
    const byOption = new Map();
    const byLine = new Map();
    const rows = [];
    for (const error of fault ? [fault] : errors) {
      const text = fault ? `Line ${fault.line}, column ${fault.column}: ${fault.reason}.` : sentence(error);
      const option = this.views.form.place(error.path);
      const line = fault?.line ?? this.views.json.line(error.path);
      if (option) byOption.set(option, [...(byOption.get(option) ?? []), text]);
      byLine.set(line, [...(byLine.get(line) ?? []), fault ? `${capital(fault.reason)}.` : text]);
      rows.push(this.row(text, option, line));
    }
    for (const view of [this.views.form, this.views.canvas, this.views.palette, this.views.steppers]) view.mark(byOption);
    this.views.json.mark(byLine);
    this.host.hidden = !rows.length;
    const list = document.createElement("ul");
    list.append(...rows);
    this.host.replaceChildren(...(rows.length ? [list] : []));
  }

  row(text, option, line) {
    const row = Object.assign(document.createElement("li"), { textContent: `${text} ` });
    if (option && this.views.form.box(option)) row.append(this.way("Field", text, () => this.to("form", () => this.views.form.focus(option))));
    if (this.node(option)) row.append(" ", this.way("Node", text, () => this.to("diagram", () => this.node(option)?.focus())));
    row.append(" ", this.way(`Line ${line}`, text, () => this.to("json", () => this.views.json.focus(line))));
    return row;
  }

  // Where the diagram, or the palette beside it, shows an option.
  node(option) {
    const { canvas, steppers, palette } = this.views;
    return option ? canvas.shown(option) ?? steppers.shown(option) ?? palette.shown(option) : null;
  }

  way(label, text, act) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-link btn-sm p-0", textContent: label });
    button.setAttribute("aria-label", `${label}: ${text}`);
    button.addEventListener("click", act);
    return button;
  }

  to(tab, focus) {
    this.open(tab);
    focus();
  }
}
