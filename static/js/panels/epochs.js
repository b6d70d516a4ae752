// What was told of a supernet's epochs, and the stops of a slider over them. Nothing here touches the page.

import { edgesOf, spoken, STAGES } from "../diagram/mixture.js";

const EVEN = 0.95;                                   // of the entropy of equal shares: above it, nothing is decided

// Whether the slider shows it: then no other panel does.
export const byEpoch = (data, picture) => Number.isInteger(data.epoch) && ["heat", "trellis"].includes(picture.picture);

// What was told of each epoch, by title of the picture.
export class History {
  constructor(events) {
    this.titles = new Map();
    this.trials = new Map();                         // of each epoch
    this.alarm = null;
    for (const event of events) this.take(event);
  }

  take({ trial, data }) {
    if (Number.isInteger(data.epoch)) this.trials.set(data.epoch, trial);
    if (data.alarm) this.alarm = { epoch: data.epoch, text: data.alarm, kept: data.kept };
    for (const picture of data.pictures ?? []) {
      if (!byEpoch(data, picture)) continue;
      if (!this.titles.has(picture.title)) this.titles.set(picture.title, new Map());
      this.titles.get(picture.title).set(data.epoch, picture);
    }
  }

  // The epoch whose cell was kept: the last, unless an alarm went back.
  kept(epochs) {
    return epochs.find((epoch) => this.alarm && this.trials.get(epoch) === this.alarm.kept) ?? epochs.at(-1);
  }

  epochs(title) {
    return [...(this.titles.get(title)?.keys() ?? [])].sort((a, b) => a - b);
  }
}

// Whether it can be drawn as a cell: rows are edges, and something is derived from them.
export const isCell = (picture) => Boolean(picture?.kept?.length && edgesOf(picture.rows));

// In nats, of an edge on average.
export function entropy(values) {
  const rows = values.map((row) => -row.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0));
  return rows.reduce((sum, value) => sum + value, 0) / rows.length;
}

// The stops of the slider: nothing known, each epoch, and what is derived in the end.
export function stops(history, title, over) {
  const epochs = history.epochs(title);
  const picture = history.titles.get(title)?.get(epochs.at(-1));
  const cell = isCell(picture);
  const shown = epochs.map((epoch) => {
    const { values, columns } = history.titles.get(title).get(epoch);
    return { epoch, stage: cell && entropy(values) > EVEN * Math.log(columns.length) ? 1 : 2 };
  });
  return cell ? [{ epoch: epochs[0], stage: 0 }, ...shown, ...(over ? [{ epoch: history.kept(epochs), stage: 3 }] : [])] : shown;
}

export function told(picture, { epoch, stage }) {
  const { rows, columns, values, kept } = picture;
  if (stage === 0) return `Before the first epoch nothing is known: each of ${rows.length} edges could carry any of ${columns.length} operations.`;
  const cell = kept.map(([row, column]) => `${rows[row]} ${spoken(columns[column])}`).join("; ");
  if (stage === 3) return `The derived cell: ${cell}. Only training it from scratch tells how good it is.`;
  const [row, column] = values.flatMap((each, i) => each.map((_, j) => [i, j])).reduce((a, b) => (values[a[0]][a[1]] >= values[b[0]][b[1]] ? a : b));
  return `After epoch ${epoch}, ${STAGES[stage].toLowerCase()}: an edge has ${entropy(values).toFixed(2)} of ${Math.log(columns.length).toFixed(2)} nats of entropy. ` +
    `Strongest: ${spoken(columns[column])} on ${rows[row]} with ${values[row][column].toFixed(2)}. Derived now, not yet trained from scratch: ${cell}.`;
}

// What goes on in a search whose supernet trains, while nothing has a score; null for any other search.
export function training(search) {
  if (!search.sharing || search.networks().length) return null;
  const [done, of] = [search.epochs().length, search.epochsAhead()];
  const many = of ? ` of ${of} epochs` : done === 1 ? " epoch" : " epochs";
  const far = done ? `The supernet has trained ${done}${many}` : `The supernet trains its first epoch${of ? ` of ${of}` : ""}`;
  return search.state === "running" || search.state === "queued" ? `${far}; the first shared scores come after the last one.` : `${far}; the search is ${search.state}.`;
}
