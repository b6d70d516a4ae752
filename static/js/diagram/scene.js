// One drawing with its keyboard: parts with stable ids that are moved, not made anew, and one tab stop for all of them.

import { element } from "./marks.js";

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const LEAST = 0.8;                                   // smaller than this is not read: then the drawing is scrolled
const MOST = 1.3;
const moves = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Scene {
  // up: called on Escape; least: how small it may be made to fit
  constructor(id, up, least = LEAST) {
    Object.assign(this, { id, up, least, parts: new Map(), items: new Map(), at: null });
    this.svg = element("svg", { role: "group", id, width: "100%", "aria-roledescription": "diagram",
      "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-words` });
    this.title = element("title", { id: `${id}-title` });
    this.words = element("desc", { id: `${id}-words` });
    const marker = element("marker", { id: `${id}-arrow`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
      orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" });
    marker.append(element("path", { d: "M0,0L8,4L0,8z", class: "head" }));
    const defs = element("defs");
    defs.append(marker);
    this.layer = element("g");
    this.svg.append(this.title, this.words, defs, this.layer);
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("click", (event) => this.open(this.of(event.target)));
    this.svg.addEventListener("focusin", (event) => this.enter(event.target.closest(".item")?.id));
  }

  begin(title, words) {
    this.title.textContent = title;
    this.words.textContent = words;
    this.seen = new Set();
    this.items = new Map();
  }

  part(key, layer, make) {
    this.seen.add(key);
    if (!this.parts.has(key)) {
      const part = element("g", { id: `${this.id}-${key}` });
      part.append(...make());
      layer.append(part);
      this.parts.set(key, part);
    }
    return this.parts.get(key);
  }

  // A place that can be reached by keys. Its label says all that the eye sees there.
  item(part, label, { x, y }, act = null) {
    part.setAttribute("role", act ? "button" : "img");
    part.setAttribute("aria-label", label);
    part.classList.add("item");
    this.items.set(part.id, { part, x, y, act });
  }

  move(part, { x, y }) {
    part.style.transition = moves() ? "transform 300ms ease" : "none";
    part.style.transform = `translate(${x}px, ${y}px)`;
  }

  end({ left, top, right, bottom }, room) {
    for (const [key, part] of this.parts) {
      if (!this.seen.has(key)) part.remove(), this.parts.delete(key);
    }
    const [width, height] = [Math.ceil(right - left), Math.ceil(bottom - top)];
    this.svg.setAttribute("viewBox", `${Math.floor(left)} ${Math.floor(top)} ${width} ${height}`);
    const style = { maxWidth: `${Math.round(width * MOST)}px`, minWidth: room && width * this.least > room ? `${Math.round(width * this.least)}px` : "" };
    Object.assign(this.svg.style, style, { display: "block", margin: "0 auto" });
    if (!this.items.has(this.at)) this.at = this.items.keys().next().value ?? null;
    for (const [id, { part }] of this.items) part.setAttribute("tabindex", id === this.at ? 0 : -1);
  }

  // What is around an item, its captions, belongs to it.
  of(target) {
    return (target.closest(".item") ?? target.closest("[data-around]")?.querySelector(".item"))?.id;
  }

  enter(id) {
    if (!this.items.has(id) || id === this.at) return;
    this.items.get(this.at)?.part.setAttribute("tabindex", -1);
    this.items.get(id).part.setAttribute("tabindex", 0);
    this.at = id;
  }

  focus(id = this.at) {
    this.enter(id);
    this.items.get(this.at)?.part.focus();
  }

  open(id) {
    const item = this.items.get(id);
    if (item) this.focus(id), item.act?.();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.items.has(this.at)) return;
    const ids = [...this.items.keys()];
    const towards = ARROWS[event.key];
    if (towards) this.focus(this.nearest(towards));
    else if (event.key === "Home") this.focus(ids[0]);
    else if (event.key === "End") this.focus(ids.at(-1));
    else if (event.key === "Enter" || event.key === " ") this.open(this.at);
    else if (event.key === "Escape" && this.up) this.up();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The item next to this one in a direction: near, and not far off to the side.
  nearest([dx, dy]) {
    const here = this.items.get(this.at);
    let best = { id: this.at, far: Infinity };
    for (const [id, { x, y }] of this.items) {
      const along = (x - here.x) * dx + (y - here.y) * dy;
      const aside = Math.abs((x - here.x) * dy) + Math.abs((y - here.y) * dx);
      const far = along + 2 * aside;
      if (along > 1 && far < best.far) best = { id, far };
    }
    return best.id;
  }
}
