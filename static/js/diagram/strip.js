// The whole network at a glance: a box a group of layers, as high as its feature map is large. What repeats is one box, or many.

import { count } from "../words.js";
import { element } from "./marks.js";

const UNIT = { least: 86, most: 100 };               // width of a box and the space around it
const LINE = 13;

const times = (shape) => shape.join("×");
const high = (shape) => 10 + (shape.length === 3 ? 8 * Math.log2(Math.max(1, shape[1])) : 0);

export class Strip {
  // open: called with the number of the box and of its member that is opened
  constructor(scene, open) {
    Object.assign(this, { scene, open, apart: false });
  }

  draw(macro, title, words, room) {
    const boxes = macro.flatMap((box, i) => (this.apart ? box.members.map((member, k) => one(box, member, i, k)) : [one(box, box, i, 0)]));
    const across = Math.max(1, Math.min(boxes.length, Math.floor((room || 800) / UNIT.least)));
    this.unit = Math.min(UNIT.most, Math.max(UNIT.least, Math.floor((room || 800) / across)));
    this.rest = boxes.some((box) => named(box.group)[1]);
    const tall = Math.max(...boxes.map((box) => high(box.shape))) + (this.rest ? 6 : 5) * LINE;
    this.scene.begin(title, `${words} ${boxes.map(spoken).join("; ")}.`);
    boxes.forEach((box, i) => this.box(box, { x: (i % across) * this.unit, y: Math.floor(i / across) * tall }, tall, i % across < across - 1 && i < boxes.length - 1));
    this.scene.end({ left: 0, top: 0, right: across * this.unit, bottom: Math.ceil(boxes.length / across) * tall }, 0);
    this.scene.svg.style.maxWidth = `${across * this.unit}px`;
  }

  box(box, { x, y }, tall, onwards) {
    const unit = this.unit;
    const foot = tall - (this.rest ? 5.5 : 4.5) * LINE;
    const size = high(box.shape);
    const [head, rest] = named(box.group, unit);
    const texts = [[head, ""], ...(this.rest ? [[rest, "quiet"]] : []), [times(box.shape), ""], [`${count(box.parameters)} params`, "quiet"], [`${count(box.flops)} FLOPs`, "quiet"]];
    const key = `${this.apart}-${box.number}-${box.member}`;
    const make = () => [group([element("rect", { class: `node ${box.cell === null || box.cell === undefined ? "in" : "out"}`, x: 12, width: unit - 24, y: foot - size, height: size, rx: 3 }),
      ...(box.repeats > 1 ? [element("text", { class: "repeats", x: unit / 2, y: foot - size / 2 + 4, "text-anchor": "middle" }, `× ${box.repeats}`)] : [])],
      { id: `${this.scene.id}-item-${key}` }),
      group([...(onwards ? [element("path", { class: "edge", "marker-end": `url(#${this.scene.id}-arrow)`, d: `M${unit - 11},${foot - 5}H${unit + 11}` })] : []),
      ...texts.map(([text, look], i) => element("text", { class: look, x: unit / 2, y: foot + LINE * (i + 1), "text-anchor": "middle" }, text))], { "aria-hidden": "true" }),
    ];
    const part = this.scene.part(`box-${key}-${JSON.stringify(box.shape)}-${box.parameters}-${onwards}-${tall}-${unit}`, this.scene.layer, make);
    part.setAttribute("transform", `translate(${x} ${y})`);
    part.setAttribute("data-around", "");
    this.scene.item(part.firstChild, spoken(box), { x: x + unit / 2, y: y + foot }, () => this.open(box.number, box.member));
  }
}

function group(children, attributes) {
  const made = element("g", attributes);
  made.append(...children);
  return made;
}

function one(box, figures, number, member) {
  return { group: figures.group || "layers", shape: box.shape, parameters: figures.parameters, flops: figures.flops, layers: figures.layers,
    cell: figures.cell, repeats: figures === box ? box.members?.length ?? 1 : 1, number, member };
}

// "cell 1–6" and what follows the colon, as short as a box is wide.
function named(group, unit = UNIT.most) {
  const [head, ...rest] = group.split(": ");
  const most = Math.floor(unit / 5.6);
  const cut = (text) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  return [cut(head), cut(rest.join(": "))];
}

function spoken({ group, repeats, shape, layers, parameters, flops }) {
  const often = repeats > 1 ? `, × ${repeats}` : "";
  return `${group}${often}: gives ${times(shape)}, ${layers} layers, ${count(parameters)} parameters, ${count(flops)} FLOPs`;
}
