// A page with one drawing that does not change: draws what the page brought along.

import { Diagram } from "./diagram.js";

const host = document.querySelector("[data-diagram]");
const drawing = JSON.parse(document.getElementById("drawing").textContent);
new Diagram(host, "drawing", { file: host.dataset.file }).draw(drawing, host.dataset.diagram);
