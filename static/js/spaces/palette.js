// The palette: every choice of the space's sets as a button that is pressed while the choice is in the space; ops by family.

import { words } from "./document.js";

const FAMILIES = [["Separable convolutions", /sep/], ["Dilated convolutions", /dil/], ["Convolutions", /conv|bottleneck|\d+x\d+_then|mbconv/],
  ["Pooling", /pool/], ["Passing on", /^(skip|identity|none|zero|residual)/], ["Activations", /relu|tanh|sigmoid|gelu|selu|elu|swish/]];
const OTHERS = "Others";

const family = (choice) => FAMILIES.find(([, pattern]) => pattern.test(choice))?.[0] ?? OTHERS;

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export class Palette {
  constructor(host, space) {
    Object.assign(this, { host, space, buttons: [], field: host.querySelector("[data-find]") });
    this.field.addEventListener("input", () => this.find(this.field.value));
    this.build(space);
    this.show(space);
  }

  build(space) {
    this.shape = space.shape;
    this.buttons = [];
    const groups = this.host.querySelector("[data-groups]");
    groups.replaceChildren(...space.subsets().map((option) => this.group(option)));
    if (!space.subsets().length) groups.textContent = "This kind has no sets of choices; its options are in the form.";
    this.field.hidden = !space.subsets().length;
    this.find(this.field.value);
  }

  group(option) {
    const group = make("div", { className: "choices" }, make("h3", { className: "h2", textContent: words(option.name), id: `p-${option.name.replace("/", "-")}` }));
    group.dataset.option = option.name;
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", `p-${option.name.replace("/", "-")}`);
    const families = new Map();
    for (const choice of option.bounds) {
      const name = typeof choice === "string" ? family(choice) : "";
      families.set(name, [...(families.get(name) ?? []), this.button(option, choice)]);
    }
    for (const [name, buttons] of families) {
      const row = make("div", { className: "family" });
      if (name && families.size > 1) row.append(make("div", { className: "hint", textContent: name }));
      row.append(...buttons);
      group.append(row);
    }
    return group;
  }

  button(option, choice) {
    const button = make("button", { type: "button", className: "pick", textContent: String(choice).replaceAll("_", " ") });
    button.addEventListener("click", () => this.space.toggle(option.name, choice));
    button.addEventListener("keydown", (event) => {
      if ((event.key === "Delete" || event.key === "Backspace") && this.space.has(option.name, choice)) this.space.toggle(option.name, choice);
    });
    this.buttons.push({ button, option: option.name, choice });
    return button;
  }

  show(space) {
    if (this.shape !== space.shape) this.build(space);
    for (const { button, option, choice } of this.buttons) button.setAttribute("aria-pressed", String(space.has(option, choice)));
  }

  shown(option) {
    return this.buttons.find((one) => one.option === option)?.button ?? null;
  }

  mark(faults) {
    for (const group of this.host.querySelectorAll("[data-option]")) group.classList.toggle("bad", faults.has(group.dataset.option));
  }

  find(text) {
    const wanted = text.trim().toLowerCase();
    for (const { button, option } of this.buttons) {
      button.hidden = !`${button.textContent} ${words(option)}`.toLowerCase().includes(wanted);
    }
    for (const part of this.host.querySelectorAll(".family, .choices")) part.hidden = !part.querySelector("button:not([hidden])");
    this.host.querySelector("[data-none]").hidden = this.buttons.some(({ button }) => !button.hidden) || !this.buttons.length;
  }
}
