// A page with one drawing that does not change: draws what the page brought along.

import { Diagram } from "./diagram.js";

const host = document.querySelector("[data-diagram]");
const drawing = JSON.parse(document.getElementById("drawing").textContent);
const diagram = new Diagram(host, "drawing");
diagram.draw(drawing, host.dataset.diagram);
document.querySelector("[data-save]")?.addEventListener("click", (event) => diagram.save(event.currentTarget.dataset.save));
