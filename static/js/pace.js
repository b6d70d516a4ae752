// Drawing at a person's pace: at most twice a second, never in a hidden tab, never lost.

const PACE = 500;

export function paced(draw) {
  let timer = null;
  let last = -PACE;
  const run = () => {
    timer = null;
    if (document.hidden) return;                     // drawn when the tab is seen again
    last = performance.now();
    draw();
  };
  const ask = () => {
    if (timer === null) timer = setTimeout(run, Math.max(0, last + PACE - performance.now()));
  };
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  return ask;
}
