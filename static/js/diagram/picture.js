// The graph as a person draws it: an op between two sums becomes the label of an edge, any other op a box.

import { family, STATES } from "./marks.js";

const PASSING = new Set(["skip_connect", "identity", "skip"]);

const look = (op) => (op === "none" || op === "zero" ? "faint" : PASSING.has(op) || op.includes("pool") ? "" : "strong");

// A sum is a small circle with its number in it; on a grid, with the numbers of its place.
function short(node) {
  const text = node.label || node.op;
  if (node.place && /\d/.test(text)) return text.match(/\d+/g).join(",");
  return text.replace(/^input$/, "in").replace(/^output$/, "out").replace(/^(sum|node|block|layer) (?=\d+$)/, "");
}

export function picture(cell) {
  const byName = new Map(cell.nodes.map((node) => [node.name, node]));
  const consumers = new Map(cell.nodes.map((node) => [node.name, []]));
  for (const node of cell.nodes) for (const source of new Set(node.inputs)) consumers.get(source).push(node);
  const isState = (node) => node && STATES.has(node.op);
  const edgeOps = new Set(cell.nodes.filter((node) => !isState(node) && node.inputs.length === 1 && isState(byName.get(node.inputs[0])) &&
    consumers.get(node.name).length === 1 && isState(consumers.get(node.name)[0]) && node.name !== cell.output).map((node) => node.name));
  const nodes = cell.nodes.filter((node) => !edgeOps.has(node.name)).map((node) => {
    const label = isState(node) ? short(node) : node.label || node.op;
    return { id: node.name, label, round: isState(node) && label.length <= 3, place: node.place, family: family(node),
      words: node.label || node.op, role: node.op === "input" ? "in" : node.name === cell.output ? "out" : "" };
  });
  const edges = cell.nodes.filter((node) => edgeOps.has(node.name)).map((node) => ({
    id: node.name, from: node.inputs[0], to: consumers.get(node.name)[0].name, label: node.label || node.op, look: look(node.op),
    family: family(node), words: node.label || node.op,
  }));
  for (const node of cell.nodes.filter((one) => !edgeOps.has(one.name))) {
    for (const source of node.inputs.filter((name) => !edgeOps.has(name))) {
      edges.push({ id: `${source}-${node.name}`, from: source, to: node.name, label: "", look: "", family: "" });
    }
  }
  return { nodes, edges };
}

// "Output, reads sum 1 and conv 3×3": what a node of the drawing says when it is reached.
export function spoken(content, node) {
  const named = new Map(content.nodes.map((one) => [one.id, one.words]));
  const start = ` ${node.words} `.includes(` ${node.label} `) ? node.words : `${node.label}: ${node.words}`;
  if (node.from) return `${start}, from ${named.get(node.from)} to ${named.get(node.to)}`;
  const arriving = content.edges.filter((edge) => edge.to === node.id);
  const told = arriving.map((edge) => (edge.label ? `${edge.words} of ${named.get(edge.from)}` : named.get(edge.from)));
  return told.length ? `${start}, reads ${told.join(", ")}` : start;
}
