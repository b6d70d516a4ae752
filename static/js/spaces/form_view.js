// The form as a view: fields to the document and back, faults next to their fields.

import { put, texts, value } from "../fields.js";

export class FormView {
  constructor(host, space) {
    Object.assign(this, { host, space, prefix: `space.${space.kind.name}.` });
    host.addEventListener("input", (event) => {
      const box = event.target.closest("[data-field]");
      if (box) space.set(this.name(box), value(box), this);
    });
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

  show(space) {
    for (const box of this.boxes()) {
      const held = space.get(this.name(box));
      if (JSON.stringify(value(box)) !== JSON.stringify(held)) put(box, texts(held, box.dataset.kind));
    }
  }

  // faults: Map of option name to sentences
  mark(faults) {
    for (const box of this.boxes()) {
      const found = faults.get(this.name(box)) ?? [];
      const input = box.querySelector("fieldset, select, textarea, input");
      const id = `f-${box.dataset.field.replaceAll(".", "-")}`;
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
    const box = this.box(name) ?? this.boxes()[0];
    const inputs = [...(box?.querySelectorAll("select, textarea, input:not([type=hidden])") ?? [])];
    (inputs.find((input) => input.type === "checkbox" && input.value === String(choice)) ?? inputs[0])?.focus();
  }
}
