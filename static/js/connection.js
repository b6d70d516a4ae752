// Whether the page is live, in a word; and the page loaded anew where nothing else helps.

const CLASSES = { Live: "done", "Catching up": "running", Polling: "paused", Offline: "failed" };

export function showConnection(state) {
  for (const place of document.querySelectorAll("[data-live]")) {
    place.textContent = state;
    place.classList.remove(...Object.values(CLASSES));
    place.classList.add("state", CLASSES[state]);
  }
  document.documentElement.dataset.connection = state;
}

// Loads the page again, but not over and over: what is still wrong after a fresh page stays "Offline".
export function reload() {
  const last = Number(sessionStorage.getItem("reloaded-at"));
  if (Date.now() - last < 30000) return;
  sessionStorage.setItem("reloaded-at", Date.now());
  location.reload();
}
