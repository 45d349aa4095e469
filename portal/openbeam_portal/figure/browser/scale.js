// Axes as numbers: where a value falls, and which ticks a physicist would draw. No DOM here.

const STEPS = [1, 2, 2.5, 5, 10];
const SUFFIX = { 0: "", 3: "k", 6: "M", 9: "G" };
const CEILINGS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
// A log axis of counts begins here, so that a bin with one event still stands above the line.
export const LOG_FLOOR = 0.5;

const tidy = (value) => Number(value.toPrecision(12));

/** A function from value to pixel. On a log axis, values that have no logarithm fall on the low end. */
export function makeScale({ log, low, high, from, to }) {
  const bend = log ? Math.log10 : (value) => value;
  const start = bend(low);
  const factor = (to - from) / (bend(high) - start || 1);
  return (value) => (log && !(value > 0) ? from : from + (bend(value) - start) * factor);
}

/** The smallest 1, 2, 2.5 or 5 times a power of ten that cuts `span` into at most `wanted` pieces. */
export function niceStep(span, wanted) {
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  return tidy(power * STEPS.find((step) => step * power >= rough * (1 - 1e-9)));
}

/** The next round number at or above `value`. */
export function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return tidy(power * CEILINGS.find((step) => step * power >= value * (1 - 1e-9)));
}

function multiples(low, high, step) {
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) found.push(tidy(n * step));
  return found;
}

/** Ticks of a linear axis: `{major, minor, step, power}`; labels are counted in ten to the `power` (thousands, millions). */
export function linearTicks(low, high, wanted) {
  const step = niceStep(high - low, wanted);
  const major = multiples(low, high, step);
  const parts = String(step).replace(/[0.]/g, "").startsWith("2") ? 4 : 5;
  const minor = multiples(low, high, step / parts).filter((v) => !major.some((m) => Math.abs(m - v) < step * 1e-6));
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const power = largest >= 1e5 ? Math.min(9, 3 * Math.floor(Math.log10(largest) / 3)) : 0;
  return { major, minor, power, step };
}

/** Ticks of a log axis: decades, thinned to at most `wanted`; 2 and 5 join in when there are fewer than two. */
export function logTicks(low, high, wanted) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, wanted)));
  const major = [];
  const minor = [];
  const few = last - first < 1;
  for (let decade = Math.floor(Math.log10(low)); decade <= last; decade += 1) {
    for (let digit = 1; digit < 10; digit += 1) {
      const value = tidy(digit * 10 ** decade);
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue;
      const labelled = digit === 1 ? (decade - first) % every === 0 : few && (digit === 2 || digit === 5);
      (labelled ? major : minor).push(value);
    }
  }
  return { major, minor, power: 0 };
}

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];

/** Whether counts spread so far that a linear axis would hide most of them. */
export function wantsLog(values) {
  const positive = values.filter((v) => v > 0).sort((a, b) => a - b);
  if (positive.length < 8 || values.some((v) => v < 0)) return false;
  return positive[positive.length - 1] / quantile(positive, 0.25) > 150;
}

/**
 * The vertical range for bins whose tallest is `tallest`. While a run fills (`share` of it is done), room is left for
 * what is to come, and `previous` is kept as long as it still looks right: an axis that jumps cannot be read.
 */
export function verticalRange({ tallest, smallest = 0, log, share = 1, previous = null }) {
  if (!(tallest > 0)) return { low: log ? LOG_FLOOR : Math.min(0, smallest), high: log ? 10 : 1 };
  const coming = share > 0 ? Math.min(1 / share, 2.5) : 2.5;
  if (log) return { low: LOG_FLOOR, high: 10 ** Math.ceil(Math.log10(tallest * Math.min(coming, 1.5) * 2.2)) };
  const low = smallest < 0 ? -niceCeiling(-smallest * 1.1) : 0;
  const fits = previous && previous.low === low && tallest * 1.08 <= previous.high;
  if (fits && share < 1 && tallest * coming * 1.18 >= previous.high * 0.5) return previous;
  return { low, high: niceCeiling(tallest * coming * 1.12) };
}

/** Text of a tick: `{text}` or, for a power of ten, `{text: "10", power: n}`. */
export function tickText(value, { log, power = 0, step = 1, plain = false }) {
  if (log && !plain) {
    const decade = Math.log10(value);
    if (Number.isInteger(tidy(decade)) && (decade >= 2 || decade < 0)) return { text: "10", power: tidy(decade) };
    return { text: String(tidy(value)) };
  }
  if (log) return { text: String(tidy(value)) };
  const scaled = value / 10 ** power;
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step / 10 ** power) + 1e-9) + extraDigit(step)));
  const text = scaled.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return { text: value === 0 ? "0" : text + SUFFIX[power] };
}

// A step of 2.5 needs one digit more than its power of ten says.
function extraDigit(step) {
  const mantissa = tidy(step / 10 ** Math.floor(Math.log10(step) + 1e-9));
  return Math.abs(mantissa - 2.5) < 1e-9 ? 1 : 0;
}
