// What scores with borrowed weights were worth: those of the networks that became finals, against the finals' own.

const BORROWED = { shared: "shared score", hypernetwork: "score with generated weights" };

// A picture as in `engine/insight.py`; null before there is a final of a network that nobody had trained by itself.
export function truth(search) {
  const pairs = [...search.trials.values()].map((trial) => [search.trials.get(trial.final_of), trial])
    .filter(([base, final]) => final.status === "done" && BORROWED[base?.score_kind] && [base, final].every((one) => Number.isFinite(one.score)));
  if (!pairs.length) return null;
  const points = pairs.map(([base, final]) => [base.score, final.score]);
  const name = BORROWED[pairs[0][0].score_kind];
  const rank = kendall(points);
  const note = rank === null ? "More finals of different networks would tell whether the two orders agree."
    : `Kendall's rank correlation of ${points.length} finals: ${rank.toFixed(2)} (1: the same order, 0: no relation).`;
  return { picture: "scatter", title: "Against training from scratch", x: name, y: "score of the final, from scratch", points, note };
}

// Tau-b of pairs; null where one side has a single value.
export function kendall(points) {
  let [sum, left, right] = [0, 0, 0];
  points.forEach(([a, b], i) => points.slice(0, i).forEach(([c, d]) => {
    const [x, y] = [Math.sign(a - c), Math.sign(b - d)];
    sum += x * y;
    left += x * x;
    right += y * y;
  }));
  return left && right ? sum / Math.sqrt(left * right) : null;
}
