// How many blocks, nodes, cells: numbers with − and + beside them.

import { words } from "./document.js";

function button(text, label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-plain btn-sm", textContent: text });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

export class Steppers {
  constructor(host, space) {
    this.host = host;
    this.build(space);
    this.show(space);
  }

  build(space) {
    this.shape = space.shape;
    this.outputs = new Map();
    this.host.replaceChildren();
    for (const option of space.counts()) {
      const group = document.createElement("div");
      group.className = "stepper";
      group.dataset.option = option.name;
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", words(option.name));
      const output = document.createElement("output");
      group.append(Object.assign(document.createElement("span"), { textContent: words(option.name) }),
        button("−", `Fewer: ${words(option.name)}`, () => space.step(option.name, -1)), output,
        button("+", `More: ${words(option.name)}`, () => space.step(option.name, 1)));
      this.host.append(group);
      this.outputs.set(option.name, output);
    }
  }

  show(space) {
    if (this.shape !== space.shape) this.build(space);
    for (const [name, output] of this.outputs) output.textContent = String(space.get(name));
  }

  shown(option) {
    return this.host.querySelector(`[data-option="${CSS.escape(option)}"] button`);
  }

  mark(faults) {
    for (const group of this.host.children) group.classList.toggle("bad", faults.has(group.dataset.option));
  }
}
