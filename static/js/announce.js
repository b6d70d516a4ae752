// A sentence for screen readers, at most one in ten seconds.

const SPEAK_EVERY = 10000;

export function announcer(page) {
  let place = page.querySelector("[data-announce]");
  if (!place) {
    place = Object.assign(document.createElement("p"), { className: "visually-hidden" });
    place.setAttribute("role", "status");
    page.querySelector("main").append(place);
  }
  let spoken = -SPEAK_EVERY;
  let timer = null;
  return (sentence) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      spoken = performance.now();
      place.textContent = sentence;
    }, Math.max(0, spoken + SPEAK_EVERY - performance.now()));
  };
}
