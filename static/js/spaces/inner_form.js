// The form of a space inside a space: its kind, or one that was saved, then that kind's own fields.

import { filled, words } from "./document.js";

function button(text, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-link btn-sm p-0", textContent: text });
  made.addEventListener("click", act);
  return made;
}

export class InnerForm {
  // box: the field that holds the space as JSON; place: its name; saved: [{name, document}]
  constructor(box, place, space, saved) {
    Object.assign(this, { place, space, shape: null });
    const template = (name) => document.querySelector(`template[data-inner="${name}"]`)?.content.cloneNode(true);
    this.template = template;
    this.host = Object.assign(document.createElement("fieldset"), { className: "nested" });
    this.fields = Object.assign(document.createElement("div"), { className: "fields" });
    this.presets = Object.assign(document.createElement("div"), { className: "tools" });
    const head = Object.assign(document.createElement("div"), { className: "fields" });
    head.append(template(""));
    this.host.append(Object.assign(document.createElement("legend"), { textContent: words(place) }), head, this.presets, this.fields);
    this.chosen = head.querySelector("[data-saved]");
    this.chosen.append(...saved.map(({ name }, i) => new Option(name, String(i))));
    this.chosen.closest("div").hidden = !saved.length;
    this.chosen.addEventListener("change", () => {
      if (this.chosen.value !== "") space.set(place, saved[Number(this.chosen.value)].document);
      this.chosen.value = "";
    });
    box.hidden = true;
    box.after(this.host);
    this.show(space);
  }

  // A kind was chosen: its values for a CPU where it has some, else its defaults.
  choose(name, by) {
    const kind = this.space.kinds.get(name);
    if (kind) this.space.set(this.place, filled(kind, "cpu" in kind.presets ? "cpu" : ""), by);
  }

  // What the field of the kind shows.
  get kind() {
    return this.space.inner?.kind.name ?? "";
  }

  show(space) {
    if (this.shape === space.shape) return;
    this.shape = space.shape;
    this.fields.replaceChildren(...(this.shape ? [this.template(this.shape)] : []));
    const kind = this.space.kinds.get(this.shape);
    this.presets.replaceChildren(...Object.keys(kind?.presets ?? {}).map((name) => button(
      name === "paper" ? "Paper’s values" : name === "cpu" ? "CPU values" : `${words(name)} values`,
      () => space.set(this.place, filled(kind, name)))));
  }
}
