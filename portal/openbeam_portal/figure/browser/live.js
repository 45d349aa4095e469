// The live figure: a run's histograms, drawn in the browser while they fill, and the same when they are done.
import { BarPlot } from "./bars.js";
import { listen } from "./feed.js";
import { proportions } from "./frame.js";
import { HeatPlot } from "./heat.js";
import { StepPlot } from "./histogram.js";
import { isFinal, Panel } from "./panel.js";
import { wantsLog } from "./scale.js";
import { draw, set } from "./svg.js";
import { binText, fill, grouped, outsideText, shareDone, summaryText } from "./text.js";
import { parseHistogram } from "./uhi.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function plotFor(histogram) {
  if (histogram.axes.every((axis) => axis.edges)) return histogram.axes.length === 2 ? HeatPlot : StepPlot;
  return histogram.axes.length === 1 ? BarPlot : null;
}

/** What can be drawn; counts by name (a cutflow) stand behind spectra, whatever the order on the wire. */
function parsed(histograms) {
  const found = Object.entries(histograms ?? {}).flatMap(([name, uhi]) => {
    try {
      const histogram = parseHistogram(uhi, name);
      return plotFor(histogram) ? [histogram] : [];
    } catch {
      // What cannot be drawn here still stands in the downloads.
      return [];
    }
  });
  const named = (histogram) => Number(histogram.axes.some((axis) => axis.names));
  return found.sort((one, other) => named(one) - named(other));
}

class Figure {
  constructor(parent) {
    this.parent = parent;
    this.logs = new Map();
    this.index = -1;
    // Kept from run to run: who looks at the second histogram wants to see what a setting does to it.
    this.chosen = null;
    this.lineOpen = true;
    this.stop = () => {};
    this.quiet = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
    this.resizer = new ResizeObserver(() => this.redraw());
  }

  /** Take what the page says; called again whenever the page runs again. */
  take({ data, setTriggerValue, setStateValue }) {
    this.ask = { trigger: setTriggerValue, state: setStateValue };
    this.data = data;
    if (!this.panel) this.begin(data.words);
    if (data.key !== this.key) this.restart(data.key);
    // Where a run is listened to, what the page knows is older than what has been heard.
    if (data.update && !(data.url && this.run)) this.update(data.update);
    if (data.url !== this.url) this.connect(data.url);
    this.redraw();
  }

  begin(words) {
    this.panel = new Panel(words);
    this.parent.append(this.panel.root);
    this.resizer.observe(this.panel.root);
    const { reader, linear, log } = this.panel;
    linear.addEventListener("click", () => this.chooseScale(false));
    log.addEventListener("click", () => this.chooseScale(true));
    reader.addEventListener("pointermove", (event) => this.pointAt(event));
    reader.addEventListener("pointerdown", (event) => this.pointAt(event));
    reader.addEventListener("pointerleave", () => this.read(-1));
    reader.addEventListener("blur", () => this.read(-1));
    reader.addEventListener("keydown", (event) => this.walk(event));
  }

  restart(key) {
    this.key = key;
    this.url = null;
    this.stop();
    this.stop = () => {};
    this.heardEnd = false;
    this.run = null;
    this.histograms = [];
    this.plot?.close();
    this.plot = null;
    this.read(-1);
  }

  connect(url) {
    this.stop();
    this.url = url;
    this.lineOpen = true;
    if (!url) return;
    this.bringIntoView();
    this.stop = listen(url, {
      update: (update) => this.soon(update),
      end: (update) => {
        this.heardEnd = true;
        this.update(update);
        this.redraw();
        this.ask.trigger("ended", update.run.id);
      },
      line: (open) => {
        this.lineOpen = open;
        this.panel.report(this.run, open);
      },
      stale: () => this.ask.trigger("stale", this.key),
    });
  }

  /** On a phone the figure is below the form, and would fill unseen. */
  bringIntoView() {
    const { top } = this.panel.root.getBoundingClientRect();
    if (top < globalThis.innerHeight * 0.75) return;
    this.panel.root.scrollIntoView({ block: "start", behavior: this.quiet.matches ? "auto" : "smooth" });
  }

  /** Updates may come faster than the screen can show: only the newest is drawn. */
  soon(update) {
    const waiting = this.next !== undefined;
    this.next = update;
    if (waiting) return;
    requestAnimationFrame(() => {
      const newest = this.next;
      this.next = undefined;
      if (this.heardEnd) return;
      this.update(newest);
      this.redraw();
    });
  }

  update({ run, histograms }) {
    this.run = run ?? null;
    this.histograms = parsed(histograms);
  }

  current() {
    return this.histograms.find((h) => h.name === this.chosen) ?? this.histograms[0] ?? null;
  }

  choose(name) {
    this.chosen = name;
    this.plot?.close();
    this.plot = null;
    this.read(-1);
    this.redraw();
    this.ask.state("chosen", name);
  }

  chooseScale(log) {
    const histogram = this.current();
    if (histogram) this.logs.set(histogram.name, { log, byHand: true });
    this.redraw();
  }

  isLog(histogram) {
    const known = this.logs.get(histogram.name);
    // Once logarithmic, always: an axis that changes its mind while a run fills cannot be followed.
    if (known?.byHand || known?.log) return known.log;
    const log = !histogram.mean && !histogram.axes[0].names && (histogram.axes[0].log === true || wantsLog(histogram.values));
    this.logs.set(histogram.name, { log, byHand: false });
    return log;
  }

  redraw() {
    if (!this.data) return;
    const width = Math.floor(this.panel.root.clientWidth);
    if (width < 50) return;
    const histogram = this.current();
    this.panel.offer(this.histograms, histogram?.name, (name) => this.choose(name));
    this.panel.report(this.run, this.lineOpen);
    this.panel.warn(this.run);
    this.panel.pressScale(histogram ? this.isLog(histogram) : false, histogram && !histogram.mean && !histogram.axes[0].names);
    const processed = this.run?.account.events_processed ?? 0;
    set(this.panel.svg, { "data-events": processed, "data-state": this.run?.state ?? "empty" });
    if (histogram) this.drawPlot(histogram, width, processed);
    else this.drawEmpty(width);
  }

  drawPlot(histogram, width, processed) {
    const Plot = plotFor(histogram);
    if (!(this.plot instanceof Plot)) this.plot = new Plot(this.panel.svg);
    const { words } = this.data;
    const header = this.header();
    const count = this.run ? fill(words.eventCount, { events: grouped(processed) }) : "";
    this.plot.show({
      histogram,
      log: this.isLog(histogram),
      share: !this.run || isFinal(this.run.state) ? 1 : shareDone(this.run.account),
      header,
      count,
      width,
      words,
      room: Boolean(this.panel.notice?.isConnected),
      still: this.quiet.matches || document.hidden,
    });
    const summary = summaryText(histogram, this.run ? processed : histogram.total, words);
    set(this.panel.svg, { "aria-label": [summary, header.kind].filter(Boolean).join(" ") });
    this.panel.reader.hidden = false;
    this.read(this.index);
  }

  /** A file may say of itself what its record does not: the run knows. */
  header() {
    const { header, words } = this.data;
    return this.run?.provenance?.simulated ? { ...header, kind: words.simulated } : header ?? {};
  }

  drawEmpty(width) {
    const { size, height } = proportions(width);
    const words = this.run ? this.data.words.waiting : this.data.words.empty;
    const middle = { x: width / 2, y: height / 2, "text-anchor": "middle", class: "empty" };
    set(this.panel.svg, { viewBox: `0 0 ${width} ${height}`, width, height, "font-size": size, "aria-label": words });
    const border = { class: "border faint", x: 1, y: 1, width: width - 2, height: height - 2, rx: 6 };
    this.panel.svg.replaceChildren(draw("rect", border), draw("text", middle, words));
    this.panel.reader.hidden = true;
    this.plot = null;
  }

  pointAt(event) {
    if (!this.plot) return;
    const place = this.panel.canvas.getBoundingClientRect();
    this.read(this.plot.binAt(event.clientX - place.left, event.clientY - place.top));
  }

  walk(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || !this.plot) return;
    event.preventDefault();
    this.read(this.index < 0 ? 0 : this.plot.step(this.index, ...arrow));
  }

  read(index) {
    const histogram = this.panel && this.current();
    this.index = histogram && index < histogram.values.length ? index : -1;
    if (!this.panel) return;
    this.plot?.point(this.index);
    const text = this.index < 0 ? "" : binText(histogram, this.index);
    const { reader, readout } = this.panel;
    readout.textContent = text || (histogram ? outsideText(histogram, this.data.words) : "");
    readout.classList.toggle("reading", Boolean(text));
    const last = Math.max(0, (histogram?.values.length ?? 1) - 1);
    const now = Math.max(0, this.index);
    set(reader, { "aria-valuemin": 0, "aria-valuemax": last, "aria-valuenow": now, "aria-valuetext": text || this.data.words.readerHint });
  }

  close() {
    this.stop();
    this.plot?.close();
    this.resizer.disconnect();
    this.panel?.root.remove();
    figures.delete(this.parent);
  }
}

// The page calls again with the same parent when its data changes; the figure on it goes on living.
const figures = new WeakMap();

export default function live(component) {
  const parent = component.parentElement;
  if (!figures.has(parent)) figures.set(parent, new Figure(parent));
  const figure = figures.get(parent);
  figure.take(component);
  return () => figure.close();
}
