// The layout library, loaded once and only where a graph is drawn.

const DAGRE = new URL("../vendor/dagre-3.1.3/dagre.min.js", import.meta.url);
let loading = null;

export function dagre() {
  if (window.dagre) return Promise.resolve(window.dagre);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = DAGRE;
    script.onload = () => resolve(window.dagre);
    script.onerror = () => reject(new Error("the layout library did not load"));
    document.head.append(script);
  });
  return loading;
}
