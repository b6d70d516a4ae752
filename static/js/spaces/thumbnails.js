// Small drawings of samples, each made when it comes into sight.

import { Diagram } from "../diagram.js";

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    const drawing = JSON.parse(document.getElementById(target.dataset.thumbnail).textContent);
    if (drawing) new Diagram(target, target.dataset.thumbnail).draw({ ...drawing, macro: [] }, target.dataset.title);
  }
}, { rootMargin: "300px" });

for (const host of document.querySelectorAll("[data-thumbnail]")) watcher.observe(host);
