// The form of a new arena: which strategies fit the chosen field, and how many evaluations that makes.

const form = document.getElementById("new-arena");
const fits = JSON.parse(document.getElementById("fits").textContent);

function refresh() {
  const field = form.elements.field.value;
  for (const label of form.querySelectorAll("[data-strategy]")) {
    const box = label.querySelector("input");
    const verdict = fits[field]?.[box.value] ?? true;
    const unfit = verdict !== true;
    if (unfit) box.checked = false;
    box.disabled = unfit;
    label.classList.toggle("unfit", unfit);
    const place = label.querySelector("[data-unfit]");
    place.hidden = !unfit;
    place.textContent = unfit ? `${verdict[0].toUpperCase()}${verdict.slice(1)}.` : "";
  }
  const strategies = form.querySelectorAll("[data-strategy] input:checked").length + 1;
  const total = strategies * Number(form.elements.seeds.value) * Number(form.elements.evaluations.value);
  document.getElementById("total").textContent = Number.isSafeInteger(total) && total > 0
    ? `${strategies} strategies make ${total.toLocaleString("en")} evaluations in all.` : "";
}

form.addEventListener("input", refresh);
refresh();
document.querySelector("[autofocus]")?.focus();
