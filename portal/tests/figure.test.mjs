// The live figure's logic, without a browser: ticks, ranges, histograms, labels, paths, and a feed that is cut.
import assert from "node:assert/strict";
import { test } from "node:test";

const from = (name) => import(`../openbeam_portal/figure/browser/${name}.js`);
const { areaPath, errorPath, placeMarks, wantsErrors } = await from("steps");
const { binText, fill, outsideText, shareDone, short, summaryText } = await from("text");
const { labelPieces, labelText } = await from("label");
const { linearTicks, logTicks, makeScale, niceCeiling, tickText, verticalRange, wantsLog } = await from("scale");
const { listen } = await from("feed");
const { parseHistogram } = await from("uhi");

const regular = (more = {}) => ({
  type: "regular",
  lower: 0,
  upper: 3,
  bins: 3,
  underflow: true,
  overflow: true,
  circular: false,
  metadata: { name: "m", label: "Mass [GeV]", ...more },
});
const uhi = (axes, values, storage = {}, metadata = {}) => ({
  uhi_schema: 1,
  axes,
  storage: { type: "double", values, ...storage },
  metadata,
});

test("linear ticks are round, within the axis, and few", () => {
  for (const [low, high] of [[0, 1], [0, 400], [60, 120], [-3, 17], [2.8, 3.4], [0, 7e8]]) {
    const { major, minor } = linearTicks(low, high, 8);
    assert.ok(major.length >= 2 && major.length <= 9, `${low}..${high}: ${major}`);
    assert.ok([...major, ...minor].every((v) => v >= low - 1e-9 && v <= high + 1e-9));
    assert.ok(minor.length > major.length);
    assert.ok(minor.every((v) => !major.includes(v)));
  }
  assert.deepEqual(linearTicks(60, 120, 7).major, [60, 70, 80, 90, 100, 110, 120]);
});

test("log ticks are decades, with 2 and 5 when there are few", () => {
  assert.deepEqual(logTicks(0.25, 300, 8).major, [1, 10, 100]);
  assert.equal(logTicks(0.25, 300, 8).minor.length, 7 + 8 + 8 + 2);
  assert.deepEqual(logTicks(2.8, 3.4, 8).major, []);
  assert.deepEqual(logTicks(1, 8, 8).major, [1, 2, 5]);
  assert.ok(logTicks(0.5, 1e9, 4).major.length <= 4);
});

test("tick labels read well", () => {
  const label = (value, how) => tickText(value, how).text;
  assert.deepEqual(tickText(1000, { log: true }), { text: "10", power: 3 });
  assert.deepEqual(tickText(10, { log: true }), { text: "10" });
  assert.deepEqual(tickText(1000, { log: true, plain: true }), { text: "1000" });
  assert.equal(label(0.25, { step: 0.25 }), "0.25");
  assert.equal(label(1000, { step: 500 }), "1,000");
  assert.equal(label(200000, { power: 3, step: 100000 }), "200k");
  assert.equal(label(2500000, { power: 6, step: 500000 }), "2.5M");
  assert.equal(label(2.5, { step: 2.5 }), "2.5");
  assert.equal(label(0, { power: 6, step: 500000 }), "0");
});

test("a scale puts ends at ends, and what has no logarithm at the low one", () => {
  const log = makeScale({ log: true, low: 0.5, high: 5000, from: 100, to: 0 });
  assert.ok(Math.abs(log(5000)) < 1e-9);
  assert.equal(log(0), 100);
  assert.equal(log(-3), 100);
  const linear = makeScale({ log: false, low: 60, high: 120, from: 0, to: 600 });
  assert.equal(linear(90), 300);
});

test("the vertical axis holds the tallest bin and stands still while it can", () => {
  for (const tallest of [1, 7, 311, 2280, 4e6]) {
    for (const log of [false, true]) {
      const { low, high } = verticalRange({ tallest, log });
      assert.ok(high > tallest * 1.02 && high < tallest * (log ? 100 : 3), `${tallest} ${log} ${high}`);
      assert.ok(log ? low > 0 : low === 0);
    }
  }
  const early = verticalRange({ tallest: 100, log: false, share: 0.1 });
  assert.ok(early.high >= 250, "room for what is to come");
  assert.equal(verticalRange({ tallest: 200, log: false, share: 0.5, previous: early }), early);
  assert.notEqual(verticalRange({ tallest: 400, log: false, share: 0.6, previous: early }).high, early.high);
  assert.deepEqual(verticalRange({ tallest: 0, log: false }), { low: 0, high: 1 });
  assert.ok(verticalRange({ tallest: 5, smallest: -3, log: false }).low <= -3);
  assert.equal(niceCeiling(311), 400);
});

test("counts that spread far want a log axis", () => {
  assert.equal(wantsLog([1, 2, 3, 4, 5, 6, 7, 8, 9, 10000]), true);
  assert.equal(wantsLog([10, 20, 30, 40, 50, 60, 70, 80, 90, 300]), false);
  assert.equal(wantsLog([1, 10000]), false);
  assert.equal(wantsLog([-1, 1, 2, 3, 4, 5, 6, 7, 8, 10000]), false);
});

test("flow bins are taken out of the values and told", () => {
  const histogram = parseHistogram(uhi([regular()], [5, 1, 4, 9, 7], {}, { label: "Events" }), "mass");
  assert.deepEqual(histogram.values, [1, 4, 9]);
  assert.deepEqual(histogram.errors, [1, 2, 3]);
  assert.deepEqual([histogram.below, histogram.above, histogram.total], [5, 7, 26]);
  assert.deepEqual(histogram.axes[0].edges, [0, 1, 2, 3]);
  assert.deepEqual([histogram.axes[0].unit, histogram.label, histogram.title], ["GeV", "Events", "Mass"]);
});

test("weights have their own errors, means have those of a mean", () => {
  const weighted = parseHistogram(uhi([regular()], [0, 2, 3, 4, 0], { type: "weighted", variances: [0, 4, 9, 16, 0] }), "w");
  assert.deepEqual(weighted.errors, [2, 3, 4]);
  const storage = { type: "mean", counts: [0, 4, 1, 0, 0], variances: [null, 16, null, null, null] };
  const mean = parseHistogram(uhi([regular()], [0, 2, 3, 0, 0], storage), "p");
  assert.equal(mean.mean, true);
  assert.deepEqual(mean.errors, [2, 0, 0]);
  assert.equal(mean.above, 0);
});

test("variable, log, integer and named axes", () => {
  const variable = { ...regular({ scale: "log" }), type: "variable", edges: [0.25, 1, 300], underflow: false, overflow: false };
  assert.equal(parseHistogram(uhi([variable], [1, 2]), "a").axes[0].log, true);
  const touching = { ...variable, edges: [0, 1, 300] };
  assert.equal(parseHistogram(uhi([touching], [1, 2]), "a").axes[0].log, false);
  const transformed = { ...variable, metadata: {}, writer_info: { "boost-histogram": { transform: "log" } } };
  assert.equal(parseHistogram(uhi([transformed], [1, 2]), "a").axes[0].log, true);
  const names = { type: "category_str", categories: ["all", "two"], flow: true, metadata: { label: "Selection" } };
  const cutflow = parseHistogram(uhi([names], [10, 4, 1]), "cutflow");
  assert.deepEqual([cutflow.axes[0].names, cutflow.values, cutflow.above], [["all", "two"], [10, 4], 1]);
  assert.deepEqual(parseHistogram(uhi([{ type: "boolean", metadata: {} }], [1, 2]), "b").axes[0].names, ["false", "true"]);
});

test("two axes are read without their flow bins, the second one fastest", () => {
  const tight = { ...regular(), lower: 0, upper: 2, bins: 2, underflow: false, overflow: false };
  const map = parseHistogram(uhi([{ ...tight, underflow: true }, tight], [[9, 9], [1, 2], [3, 4]]), "map");
  assert.deepEqual(map.values, [1, 2, 3, 4]);
  assert.equal(map.above, 18);
  assert.match(binText(map, 2), /^1 – 2 GeV, 0 – 1 GeV: 3 /);
});

test("what is no histogram is refused", () => {
  const three = [regular(), regular(), regular()];
  for (const bad of [null, {}, uhi([], []), uhi(three, []), uhi([regular()], [1, 2]), uhi([{ type: "odd" }], [1]), uhi([regular()])]) {
    assert.throws(() => parseHistogram(bad, "x"), TypeError);
  }
});

test("marks are read from one text, and only those on the axis", () => {
  const marks = (text) => parseHistogram(uhi([regular({ marks: text })], [0, 1, 1, 1, 0]), "x").axes[0].marks;
  assert.deepEqual(marks("1.5 = J/ψ; 99 = Z; nonsense; 2=a=b"), [{ at: 1.5, label: "J/ψ" }, { at: 2, label: "a=b" }]);
  assert.deepEqual(marks(undefined), []);
});

test("marks stand over their peak and not over one another", () => {
  const edges = [0, 10, 20, 30, 40];
  const scene = { x: (v) => v, edges, tops: [190, 120, 180, 160], ceiling: 0, size: 10 };
  const [one, two] = placeMarks([{ at: 15, label: "A" }, { at: 16, label: "B" }], scene);
  assert.ok(one.y < 120 && two.y < one.y - 10);
  assert.ok(placeMarks([{ at: 15, label: "A" }], { ...scene, tops: [0, 0, 0, 0] })[0].y >= 10);
});

test("paths", () => {
  assert.equal(areaPath([0, 10, 20], [5, 7], 9), "M0.0,9.0V5.0H10.0V7.0H20.0V9.0Z");
  const frame = { top: 0, bottom: 100 };
  assert.equal(errorPath([0, 10, 20], [4, 0], [2, 1], (v) => 100 - v * 10, frame), "M5.0,40.0V80.0");
  assert.equal(wantsErrors(300, 1000), false);
  assert.equal(wantsErrors(60, 700), true);
  assert.equal(wantsErrors(60, 300), false);
});

test("labels as authors write them for matplotlib", () => {
  assert.equal(labelText("Muon $p_T^{\\mu}$ [GeV]"), "Muon pTμ [GeV]");
  assert.deepEqual(labelPieces("$m_{\\mathrm{ee}}$"), [{ text: "m", shift: 0 }, { text: "ee", shift: -1 }]);
  assert.deepEqual(labelPieces("x^2 <b>"), [{ text: "x^2 <b>", shift: 0 }]);
  assert.equal(labelText("$\\unheard{x}$"), "unheardx");
});

test("numbers and sentences", () => {
  assert.deepEqual([0, 91.1876, 0.01234, 1234, 123456789].map(short), ["0", "91.188", "0.01234", "1,234", "1.23e8"]);
  const histogram = parseHistogram(uhi([regular()], [5, 1, 4, 9, 7]), "mass");
  assert.equal(binText(histogram, 1), "1 – 2 GeV: 4 ± 2");
  assert.equal(outsideText(histogram, { outsideBoth: "{below} below, {above} above" }), "5 below, 7 above");
  const words = { summary: "{x}: {events} events, {bins} bins, peak {peak} with {content}" };
  assert.equal(summaryText(histogram, 1234, words), "Mass [GeV]: 1,234 events, 3 bins, peak 2 – 3 GeV with 9");
  assert.equal(fill("{a} of {b}", { a: 1 }), "1 of {b}");
  assert.equal(shareDone({ events_expected: 10, events_processed: 4, events_failed: 1 }), 0.5);
  assert.equal(shareDone({ events_expected: 10, events_processed: 4, events_failed: 1, events_cancelled: 5 }), 1);
  assert.equal(shareDone({ events_expected: 0, events_processed: 0, events_failed: 0 }), 0);
});

function scene() {
  const sources = [];
  const timers = [];
  class EventSource {
    constructor(url) {
      Object.assign(this, { url, readyState: 0, heard: {} });
      sources.push(this);
    }
    addEventListener(kind, then) {
      this.heard[kind] = then;
    }
    close() {
      this.readyState = 2;
    }
  }
  const told = { updates: [], ends: [], lines: [], stale: 0 };
  const tell = {
    update: (data) => told.updates.push(data),
    end: (data) => told.ends.push(data),
    line: (open) => told.lines.push(open),
    stale: () => (told.stale += 1),
  };
  const tools = { EventSource, setTimeout: (then) => timers.push(then), clearTimeout: () => {} };
  return { sources, timers, told, stop: listen("/events", tell, tools) };
}

test("updates are told until the end, and then the line is closed", () => {
  const { sources, told } = scene();
  sources[0].onopen();
  sources[0].heard.update({ data: '{"n": 1}' });
  sources[0].heard.update({ data: "not json" });
  sources[0].heard.end({ data: '{"n": 2}' });
  assert.deepEqual([told.updates, told.ends, told.lines], [[{ n: 1 }], [{ n: 2 }], [true]]);
  assert.equal(sources[0].readyState, 2);
});

test("a line that the browser mends by itself is left to it", () => {
  const { sources, timers, told } = scene();
  sources[0].readyState = 0;
  sources[0].onerror();
  assert.deepEqual([told.lines, timers.length, sources.length], [[false], 0, 1]);
});

test("a line that is refused is tried again, and called stale after three times", () => {
  const { sources, timers, told } = scene();
  for (let i = 0; i < 4; i += 1) {
    sources.at(-1).readyState = 2;
    sources.at(-1).onerror();
    timers.at(-1)();
  }
  assert.equal(sources.length, 5);
  assert.equal(told.stale, 1);
});

test("who stops listening hears nothing more", () => {
  const { sources, timers, stop } = scene();
  stop();
  sources[0].onerror();
  assert.deepEqual([sources.length, timers.length, sources[0].readyState], [1, 0, 2]);
});
