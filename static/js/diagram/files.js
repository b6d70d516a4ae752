// A drawing as a file of its own: colours are written out, because the page's tokens stay behind.

import { save } from "../words.js";
import { element } from "./marks.js";

const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];
const MARGIN = 12;
const CAPTION = 28;
const SHARP = 2;                                     // pixels of a PNG for one of the page
const AREA = 16_000_000;                             // most pixels that a PNG may have

// The text of an SVG file with its title above the drawing, and its size.
export function written(svg, caption) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  from.forEach((one, i) => {
    const style = getComputedStyle(one);
    for (const name of KEPT) to[i].setAttribute(name, style.getPropertyValue(name));
    const move = one.style.transform.match(/translate\(([^,]+)px, ([^,]+)px\)/);
    if (move) to[i].setAttribute("transform", `translate(${move[1]} ${move[2]})`);
    for (const name of ["style", "class", "tabindex", "role", "aria-label", "aria-roledescription"]) to[i].removeAttribute(name);
  });
  const [left, top, wide, high] = svg.getAttribute("viewBox").split(" ").map(Number);
  const page = getComputedStyle(document.documentElement);
  const token = (name) => page.getPropertyValue(name).trim();
  const title = element("text", { x: left, y: top - 8, fill: token("--nw-ink"), "font-family": "Inter, sans-serif", "font-size": "14px", "font-weight": 600 }, caption);
  const [width, height] = [Math.max(wide, 7.6 * caption.length) + 2 * MARGIN, high + 2 * MARGIN + CAPTION];
  const box = [left - MARGIN, top - MARGIN - CAPTION, width, height];
  const paper = element("rect", { x: box[0], y: box[1], width, height, fill: token("--nw-surface") || "#ffffff" });
  copy.insertBefore(title, copy.querySelector("defs"));
  copy.insertBefore(paper, title);
  copy.querySelector("title").textContent = caption;
  for (const [name, value] of Object.entries({ viewBox: box.join(" "), width, height, role: "img" })) copy.setAttribute(name, value);
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

export function saveSvg(svg, caption, file) {
  save(written(svg, caption).text, `${file}.svg`, "image/svg+xml");
}

export async function savePng(svg, caption, file) {
  const { text, width, height } = written(svg, caption);
  const scale = Math.min(SHARP, Math.sqrt(AREA / (width * height)));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    save(await new Promise((done) => canvas.toBlob(done, "image/png")), `${file}.png`, "image/png");
  } finally {
    URL.revokeObjectURL(image.src);
  }
}
