// The form as a view: fields to the document and back, faults next to their fields; a space inside and training
// hyperparameters have forms of their own in place of their JSON.

import { put, texts, value } from "../fields.js";
import { Decisions } from "./decisions.js";
import { InnerForm } from "./inner_form.js";

const STRUCTURED = ["space", "decisions"];

export class FormView {
  // parts: {saved, training} for what stands inside
  constructor(host, space, parts = {}) {
    Object.assign(this, { host, space, prefix: `space.${space.kind.name}.` });
    const structured = (kind) => this.boxes().find((box) => box.dataset.kind === kind);
    const [inner, decisions] = STRUCTURED.map(structured);
    if (inner) this.inner = new InnerForm(inner, this.name(inner), space, parts.saved ?? []);
    if (decisions) this.decisions = new Decisions(decisions, this.name(decisions), space, new Map(parts.training.map((option) => [option.name, option])));
    if (inner || decisions) this.show(space);
    host.addEventListener("input", (event) => {
      const box = event.target.closest("[data-field]");
      if (!box) return;
      this.change(this.name(box), value(box));
      if (this.inner || this.decisions) this.show(space, box);
    });
  }

  // A field of a row: [its number, its key], or null.
  cell(name) {
    const [place, k, ...key] = name.split("/");
    return this.decisions?.place === place && key.length ? [Number(k), key.join("/")] : null;
  }

  change(name, wanted) {
    const cell = this.cell(name);
    if (cell) this.decisions.change(...cell, wanted, this);
    else if (name === `${this.inner?.place}/kind`) this.inner.choose(wanted, this);
    else this.space.set(name, wanted, this);
  }

  held(name) {
    const cell = this.cell(name);
    if (cell) return this.decisions.held(...cell);
    return name === `${this.inner?.place}/kind` ? this.inner.kind : this.space.get(name);
  }

  boxes() {
    return [...this.host.querySelectorAll("[data-field]")];
  }

  name(box) {
    return box.dataset.field.slice(this.prefix.length);
  }

  box(name) {
    return this.boxes().find((box) => this.name(box) === name);
  }

  // The name of the field that stands for a place of the document, or for what holds it.
  place(pointer) {
    const names = this.boxes().filter((box) => !box.hidden).map((box) => this.name(box));
    const steps = pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    for (let end = steps.length; end > 0; end -= 1) {
      const wanted = steps.slice(0, end).join("/");
      const found = names.find((name) => name === wanted) ?? names.find((name) => name.startsWith(`${wanted}/`));
      if (found) return found;
    }
    return steps[0] ?? "";
  }

  // typed: the field that a person is writing in, left as it is
  show(space, typed = null) {
    this.inner?.show(space);
    this.decisions?.show(space);
    for (const box of this.boxes()) {
      if (box === typed) continue;
      const held = this.held(this.name(box));
      if (JSON.stringify(value(box)) !== JSON.stringify(held)) put(box, texts(held, box.dataset.kind));
    }
  }

  // faults: Map of option name to sentences
  mark(faults) {
    for (const box of this.boxes()) {
      const found = faults.get(this.name(box)) ?? [];
      const input = box.querySelector("fieldset, select, textarea, input");
      const id = input.tagName === "FIELDSET" ? `f-${box.dataset.field.replaceAll(".", "-")}` : input.id;
      for (const old of box.querySelectorAll(".error")) old.remove();
      found.forEach((text, i) => {
        const error = Object.assign(document.createElement("div"), { className: "error", id: i ? `${id}-error-${i}` : `${id}-error`, textContent: text });
        box.append(error);
      });
      const described = input.tagName === "FIELDSET" ? [] : [`${id}-hint`];
      if (found.length) described.push(`${id}-error`);
      if (described.length) input.setAttribute("aria-describedby", described.join(" "));
      else input.removeAttribute("aria-describedby");
      if (input.tagName === "FIELDSET") continue;
      input.classList.toggle("is-invalid", found.length > 0);
      if (found.length) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  // choice: the checkbox of that choice, where the option is a set
  focus(name, choice) {
    const box = this.box(name) ?? this.boxes().find((each) => !each.hidden);
    const inputs = [...(box?.querySelectorAll("select, textarea, input:not([type=hidden])") ?? [])];
    (inputs.find((input) => input.type === "checkbox" && input.value === String(choice)) ?? inputs[0])?.focus();
  }
}
