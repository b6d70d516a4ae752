// The three views as tabs; without this file they stand one below the other.

export class Tabs {
  constructor(host, panels, shown) {
    Object.assign(this, { host, panels, shown, buttons: [...host.querySelectorAll("[data-tab]")] });
    host.hidden = false;
    host.setAttribute("role", "tablist");
    host.setAttribute("aria-label", "Views of the space");
    for (const button of this.buttons) this.prepare(button, panels[button.dataset.tab]);
    host.addEventListener("keydown", (event) => this.key(event));
  }

  prepare(button, panel) {
    const name = button.dataset.tab;
    button.setAttribute("role", "tab");
    button.id = `tab-${name}`;
    button.setAttribute("aria-controls", (panel.id = `panel-${name}`));
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    button.addEventListener("click", () => this.open(name));
  }

  open(name) {
    for (const button of this.buttons) {
      const here = button.dataset.tab === name;
      button.setAttribute("aria-selected", String(here));
      button.tabIndex = here ? 0 : -1;
      this.panels[button.dataset.tab].hidden = !here;
    }
    this.shown(name);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = this.buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = this.buttons[(at + step + this.buttons.length) % this.buttons.length];
    this.open(next.dataset.tab);
    next.focus();
  }
}
