// Sentences of a figure, from templates that the page hands over (so that all words live in one place). No DOM here.
import { labelText } from "./label.js";

/** Fill `{name}` in a template. */
export function fill(template, values) {
  return String(template ?? "").replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

export const grouped = (value) => Number(value).toLocaleString("en", { maximumFractionDigits: 0 });

/** A number with as many digits as help: 90.7, 0.0123, 1,234. */
export function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2).replace("e+", "e");
  if (size >= 1000) return grouped(value);
  return String(Number(value.toPrecision(size >= 1 ? 5 : 4)));
}

/** The account of a run in one line: the same sentence as `openbeam.models.Account.sentence`. */
export function accountSentence(account, words) {
  const parts = [fill(words.account, { processed: grouped(account.events_processed), expected: grouped(account.events_expected) })];
  if (account.events_failed) parts.push(fill(words.accountFailed, { failed: grouped(account.events_failed) }));
  if (account.events_cancelled) parts.push(fill(words.accountCancelled, { cancelled: grouped(account.events_cancelled) }));
  if (account.retries === 1) parts.push(fill(words.accountRetry, { retries: 1 }));
  if (account.retries > 1) parts.push(fill(words.accountRetries, { retries: account.retries }));
  if (account.chunks_cached) {
    parts.push(fill(words.accountCached, { cached: account.chunks_cached, chunks: account.chunks }));
  }
  return parts.join(", ");
}

/** Share of the expected events that are done, failed and cancelled ones counted: they will not come. */
export function shareDone(account) {
  if (!account?.events_expected) return 0;
  return Math.min(1, (account.events_processed + account.events_failed + (account.events_cancelled ?? 0)) / account.events_expected);
}

const count = (value) => (Number.isInteger(value) ? grouped(value) : short(value));

/** What one bin holds, e.g. `90 – 91 GeV: 123 ± 11`. Bins of two axes are counted with the second one fastest. */
export function binText(histogram, index) {
  const [first, second] = histogram.axes;
  const value = histogram.values[index];
  if (first.names) return `${first.names[index]}: ${count(value)}`;
  const content = `${count(value)} ± ${short(Number(histogram.errors[index].toPrecision(3)))}`;
  if (!second) return `${rangeText(first, index)}: ${content}`;
  const row = Math.floor(index / second.bins);
  return `${rangeText(first, row)}, ${rangeText(second, index % second.bins)}: ${content}`;
}

/** The range of one bin with its unit. */
export function rangeText(axis, index) {
  if (axis.names) return axis.names[index];
  const unit = axis.unit ? ` ${axis.unit}` : "";
  return `${short(axis.edges[index])} – ${short(axis.edges[index + 1])}${unit}`;
}

/** One sentence for those who cannot see the figure. */
export function summaryText(histogram, processed, words) {
  if (histogram.axes.length === 2) {
    const [x, y] = histogram.axes;
    return fill(words.summaryMap, { x: labelText(x.label), y: labelText(y.label), events: grouped(processed) });
  }
  const tallest = histogram.values.reduce((best, v, i) => (v > histogram.values[best] ? i : best), 0);
  return fill(words.summary, {
    x: labelText(histogram.axes[0].label),
    events: grouped(processed),
    bins: histogram.axes[0].bins,
    peak: rangeText(histogram.axes[0], tallest),
    content: count(histogram.values[tallest]),
  });
}

/** Entries that the axis does not show, or an empty string. */
export function outsideText(histogram, words) {
  const { below, above } = histogram;
  if (!(below > 0) && !(above > 0)) return "";
  if (histogram.axes.length === 2 || histogram.axes[0].names) return fill(words.outside, { entries: count(above) });
  return fill(words.outsideBoth, { below: count(below), above: count(above) });
}
