// An architecture at three zooms: the network as a strip, its cells, the layers of an operation. Enter goes in, Escape out.

import { Cells } from "./diagram/cells.js";
import { savePng, saveSvg } from "./diagram/files.js";
import { LayersView } from "./diagram/layers.js";
import { legend } from "./diagram/marks.js";
import { Scene } from "./diagram/scene.js";
import { Strip } from "./diagram/strip.js";

export { picture } from "./diagram/picture.js";

const ZOOMS = { macro: "Network", cell: "Cell", detail: "Layers" };
let numbered = 0;

export class Diagram {
  // options: {words: whether the description in words stands below, file: name of downloads, least: scale of a cell to fit in}
  constructor(host, name = "diagram", options = {}) {
    Object.assign(this, { host, options, id: `${name}-${(numbered += 1)}`, zoom: "cell", at: { box: 0, member: 0, part: null } });
    const scene = (zoom, up) => new Scene(zoom === "cell" ? this.id : `${this.id}-${zoom}`, up, zoom === "cell" ? options.least : undefined);
    this.scenes = { macro: scene("macro"), cell: scene("cell", () => this.go("macro", true)), detail: scene("detail", () => this.go("cell", true)) };
    this.cells = new Cells(this.scenes.cell, (number, part, words) => this.openPart(number, part, words));
    this.strip = new Strip(this.scenes.macro, (box, member) => this.openBox(box, member));
    this.layers = new LayersView(this.scenes.detail);
  }

  // drawing: {cells or cell, macro, details, words}; title: words for people who do not see it
  async draw(drawing, title) {
    const turn = (this.turn = Symbol(title));
    const macro = (drawing.macro ?? []).map((box) => ({ ...box, members: box.members ?? [box] }));
    const first = !this.drawing;
    this.drawing = { ...drawing, macro, cells: drawing.cells ?? [drawing.cell], details: drawing.details ?? [] };
    this.title = title;
    const bare = !macro.length;
    if (first || this.bare !== bare) this.furnish(bare);
    if (!macro[this.at.box]?.members[this.at.member]) this.at = { box: 0, member: 0, part: null };
    await this.paint(turn);
    if (turn === this.turn) this.host.dataset.drawn = "true";
  }

  // Everything around the drawing: zooms, where we are, the legend, the words.
  furnish(bare) {
    this.bare = bare;
    this.view = made("div", "view");
    if (bare) return this.host.replaceChildren(this.view);
    const bar = made("div", "zooms");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Zoom");
    this.buttons = Object.fromEntries(Object.entries(ZOOMS).map(([zoom, word]) => [zoom, button(word, () => this.go(zoom))]));
    this.repeats = button("Each repeat", () => this.toggle());
    bar.append(...Object.values(this.buttons), this.repeats, this.files());
    this.place = made("p", "hint place");
    this.place.setAttribute("aria-live", "polite");
    this.legend = made("div", "");
    this.host.replaceChildren(bar, this.place, this.view, this.legend);
    if (this.options.words) this.host.append(this.inWords());
  }

  files() {
    const box = made("span", "files");
    const name = () => `${this.options.file ?? "network"}${this.zoom === "cell" ? "" : `_${ZOOMS[this.zoom].toLowerCase()}`}`;
    for (const [word, act] of [["SVG", () => this.save(name())], ["PNG", () => this.savePng(name())]]) {
      const one = button(word, act);
      one.className = "btn btn-link btn-sm px-0 py-1";
      box.append(one);
    }
    return box;
  }

  inWords() {
    const box = made("details", "in-words");
    box.append(Object.assign(made("summary", "hint"), { textContent: "In words" }), (this.told = made("p", "hint mb-0")));
    return box;
  }

  async paint(turn = this.turn) {
    const { drawing, zoom, title } = this;
    const room = this.host.clientWidth;
    let kinds = new Set();
    if (zoom === "macro") this.strip.draw(drawing.macro, this.caption(), "From input to output:", room);
    else if (zoom === "cell") kinds = await this.cells.draw(drawing.cells, title, drawing.words ?? "", room);
    else kinds = await this.layers.draw(this.found(), this.caption(), room);
    if (turn !== this.turn || zoom !== this.zoom) return;
    const shown = zoom === "detail" ? [this.scenes.detail.svg, this.layers.table] : [this.scenes[zoom].svg];
    if (this.view.firstChild !== shown[0]) this.view.replaceChildren(...shown);
    this.host.dataset.zoom = zoom;
    if (!this.bare) this.tell(kinds);
  }

  tell(kinds) {
    for (const [zoom, one] of Object.entries(this.buttons)) one.setAttribute("aria-pressed", String(zoom === this.zoom));
    this.repeats.hidden = this.zoom !== "macro" || this.drawing.macro.every((box) => box.members.length < 2);
    this.repeats.setAttribute("aria-pressed", String(this.strip.apart));
    const where = this.whereabouts();
    if (this.place.textContent !== where) this.place.textContent = where;
    this.legend.replaceChildren(...(kinds.size ? [legend(kinds)] : []));
    if (this.told) this.told.textContent = this.drawing.words ?? "";
  }

  whereabouts() {
    if (this.zoom === "macro") return `The network: ${this.drawing.macro.length} groups of layers, as high as their feature maps`;
    const { at } = this;
    const detail = this.detail();
    if (this.zoom === "cell") return at.opened ? `Opened at ${at.opened}` : "Click an operation, or press Enter on it, for its layers";
    if (!detail) return "The layers of this group are too many to list";
    const count = this.found().length;
    if (!count) return `No layers are listed for ${at.words}`;
    return `${count} layer${count === 1 ? "" : "s"}${at.part ? ` of ${at.words}` : ""} in ${detail.group || "the network"}`;
  }

  // The layers in question: of a group, or of one node of a cell in it.
  detail() {
    const box = this.drawing.macro[this.at.box];
    return this.drawing.details[box?.members[this.at.member]?.detail];
  }

  found() {
    const layers = this.detail()?.layers ?? [];
    return this.at.part ? layers.filter((layer) => layer.part === this.at.part) : layers;
  }

  openBox(box, member) {
    const group = this.drawing.macro[box].members[member];
    this.at = { box, member, part: null, opened: group.group };
    if (!Number.isInteger(group.cell)) return this.go("detail", true);
    const part = this.drawing.details[group.detail]?.layers.find((layer) => layer.part)?.part;
    this.go("cell", true, part);
  }

  // A node is opened in the group that one came from, if it is of this kind of cell; else in the first that has it.
  openPart(cell, part, words) {
    if (this.bare) return;
    const has = (member) => member?.cell === cell && this.drawing.details[member.detail]?.layers.some((layer) => layer.part === part);
    const { box, member } = this.at;
    let at = { box, member };
    if (!has(this.drawing.macro[box]?.members[member])) {
      const of = (one) => one.members.findIndex(has);
      const whole = this.drawing.macro.findIndex((one) => one.cell === cell && this.drawing.details[one.members[0].detail]?.layers.length === 1);
      const first = this.drawing.macro.findIndex((one) => of(one) >= 0);
      if (first >= 0) at = { box: first, member: of(this.drawing.macro[first]) };
      else if (whole >= 0) return this.openWhole(whole);
    }
    this.at = { ...at, part, words };
    this.go("detail", true);
  }

  // A cell that is one layer: all its operations lead there.
  openWhole(box) {
    this.at = { box, member: 0, part: null };
    this.go("detail", true);
  }

  // part: the node of the cell to come to
  async go(zoom, follow = false, part = null) {
    const from = this.at.part ?? part;
    if (zoom === "detail" && this.zoom !== "cell" && !follow) this.at = { ...this.at, part: null };
    this.zoom = zoom;
    await this.paint();
    if (!follow || zoom !== this.zoom) return;
    const scene = this.scenes[zoom];
    const known = [...scene.items.keys()].find((id) => zoom === "cell" && from && new RegExp(`-(node|label)-${from}-`).test(id));
    if (scene.items.size && !scene.svg.hasAttribute("hidden")) scene.focus(known);
    else this.layers.table.focus();
  }

  toggle() {
    this.strip.apart = !this.strip.apart;
    this.paint();
  }

  // What is shown now, as a file.
  save(file) {
    if (this.shown()) saveSvg(this.shown(), this.caption(), file);
  }

  savePng(file) {
    return this.shown() ? savePng(this.shown(), this.caption(), file) : null;
  }

  shown() {
    const svg = this.view?.firstChild;
    return svg?.hasAttribute("hidden") ? null : svg;
  }

  caption() {
    return this.zoom === "cell" ? this.title : `${this.title}: ${this.whereabouts()}`;
  }
}

function made(name, className) {
  return Object.assign(document.createElement(name), { className });
}

function button(word, act) {
  const one = Object.assign(made("button", "btn btn-plain btn-sm"), { type: "button", textContent: word });
  one.addEventListener("click", act);
  return one;
}
