// A histogram on one axis of numbers: filled steps that grow as events arrive.
import { axisTicks, drawFrame, drawHeader, plotBox, proportions, widestLabel } from "./frame.js";
import { makeScale, verticalRange } from "./scale.js";
import { areaPath, errorPath, levelPath, linePath, placeMarks, wantsErrors } from "./steps.js";
import { draw, drawLabel, set } from "./svg.js";

const GROWTH = 260;
const ease = (t) => 1 - (1 - t) ** 3;
const blend = (a, b, t) => a + (b - a) * t;

/** Draws into an svg element; `show` may be called as often as events arrive. */
export class StepPlot {
  constructor(svg) {
    this.svg = svg;
    this.parts = {
      area: draw("path", { class: "area" }),
      line: draw("path", { class: "line" }),
      errors: draw("path", { class: "errors" }),
      cursor: draw("rect", { class: "cursor", visibility: "hidden" }),
      frame: draw("g"),
      marks: draw("g", { class: "marks" }),
      header: draw("g"),
    };
    svg.replaceChildren(...Object.values(this.parts));
    this.range = null;
    this.now = null;
    this.timer = 0;
  }

  /** `model`: histogram, log, share, header, count, width, room (for a notice), still (no movement). */
  show(model) {
    this.model = model;
    const { histogram, log, share } = model;
    const reach = histogram.values.map((v, i) => v + (histogram.mean ? histogram.errors[i] : 0));
    const smallest = Math.min(0, ...histogram.values);
    const previous = this.log === log ? this.range : null;
    const tallest = Math.max(...reach) * (model.room ? (log ? 8 : 1.3) : 1);
    this.range = verticalRange({ tallest, smallest, log, share, previous });
    this.log = log;
    this.layOut();
    this.goTo({ values: histogram.values, errors: histogram.errors, ...this.range });
  }

  layOut() {
    const { histogram, width, header, log } = this.model;
    const { size, height } = proportions(width);
    const narrow = width < 560;
    const room = plotBox(width, height, size, { widest: 3, headers: narrow && header.collision ? 2 : 1 });
    const ticks = axisTicks({ log, ...this.range, length: room.bottom - room.top, size });
    const box = plotBox(width, height, size, { widest: widestLabel(ticks), headers: narrow ? 2 : 1 });
    const [axis] = histogram.axes;
    const low = axis.edges[0];
    const high = axis.edges[axis.edges.length - 1];
    const x = makeScale({ log: axis.log, low, high, from: box.left, to: box.right });
    const xTicks = axisTicks({ log: axis.log, low, high, length: box.right - box.left, size, plain: true });
    this.place = { size, height, box, x, edges: axis.edges.map(x), xTicks, narrow };
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height, "font-size": size });
  }

  goTo(target) {
    cancelAnimationFrame(this.timer);
    const start = this.now;
    const same = start && start.values.length === target.values.length && start.log === this.log;
    if (!same || this.model.still) {
      this.paint({ ...target, log: this.log });
      return;
    }
    const began = performance.now();
    const step = (moment) => {
      const t = Math.min(1, Math.max(0, (moment - began) / GROWTH));
      this.paint(this.between(start, target, ease(t)));
      if (t < 1) this.timer = requestAnimationFrame(step);
    };
    this.timer = requestAnimationFrame(step);
  }

  between(start, target, t) {
    const high = this.log ? 10 ** blend(Math.log10(start.high), Math.log10(target.high), t) : blend(start.high, target.high, t);
    return {
      values: target.values.map((v, i) => blend(start.values[i], v, t)),
      errors: target.errors.map((v, i) => blend(start.errors[i], v, t)),
      low: this.log ? target.low : blend(start.low, target.low, t),
      high,
      log: this.log,
    };
  }

  paint(now) {
    this.now = now;
    const { box, edges } = this.place;
    const y = makeScale({ log: this.log, low: now.low, high: now.high, from: box.bottom, to: box.top });
    const tops = now.values.map((v) => Math.min(box.bottom, y(v)));
    const base = this.log ? box.bottom : y(0);
    const { mean } = this.model.histogram;
    const visible = mean || wantsErrors(now.values.length, box.right - box.left);
    set(this.parts.area, { d: mean ? "" : areaPath(edges, tops, base) });
    set(this.parts.line, { d: mean ? levelPath(edges, tops, now.errors) : linePath(edges, tops, base) });
    set(this.parts.errors, { d: visible ? errorPath(edges, now.values, now.errors, y, box) : "" });
    this.paintFrame(now, y);
    this.paintMarks(visible ? now.values.map((v, i) => Math.min(box.bottom, y(v + now.errors[i]))) : tops);
  }

  paintFrame(now, y) {
    const { box, size, x, xTicks, narrow } = this.place;
    const { histogram, header, count } = this.model;
    const words = [histogram.axes[0].label, histogram.label, header.experiment, header.kind];
    const key = JSON.stringify([box, size, now.low, now.high, this.log, words]);
    if (key !== this.key) {
      const ticks = axisTicks({ log: this.log, low: now.low, high: now.high, length: box.bottom - box.top, size });
      const label = histogram.label || this.model.words.events;
      drawFrame(this.parts.frame, {
        box,
        size,
        x: { ticks: xTicks, scale: x, label: histogram.axes[0].label },
        y: { ticks, scale: y, label },
      });
      this.key = key;
    }
    drawHeader(this.parts.header, { box, size, header, count, narrow });
  }

  paintMarks(tops) {
    const { box, size, x, edges } = this.place;
    const places = placeMarks(this.model.histogram.axes[0].marks, { x, edges, tops, ceiling: box.top, size });
    const middle = (p) => ({ x: p.x.toFixed(1), y: p.y.toFixed(1), "text-anchor": "middle" });
    const texts = places.map((p) => drawLabel(middle(p), p.label, size));
    this.parts.marks.replaceChildren(...texts);
  }

  /** Index of the bin at a pixel, or -1 outside. */
  binAt(px) {
    const { edges } = this.place;
    if (px < edges[0] || px > edges[edges.length - 1]) return -1;
    return Math.min(edges.length - 2, edges.findIndex((edge, i) => i > 0 && px <= edge) - 1);
  }

  /** Mark a bin, or none (-1). */
  point(index) {
    const { box, edges } = this.place;
    if (index < 0 || index >= edges.length - 1) {
      set(this.parts.cursor, { visibility: "hidden" });
      return;
    }
    const width = Math.max(1.5, edges[index + 1] - edges[index]);
    set(this.parts.cursor, { visibility: "visible", x: edges[index], y: box.top, width, height: box.bottom - box.top });
  }

  /** Which bin an arrow key leads to. */
  step(index, dx) {
    return Math.min(this.model.histogram.values.length - 1, Math.max(0, index + dx));
  }

  close() {
    cancelAnimationFrame(this.timer);
  }
}
