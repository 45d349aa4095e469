// Counts by name (a cutflow, flavours): one level bar a name, with its count.
import { drawHeader, proportions } from "./frame.js";
import { labelText } from "./label.js";
import { short, grouped } from "./text.js";
import { draw, set } from "./svg.js";

const MOST = 60;

/** Same door as StepPlot, for an axis of names. */
export class BarPlot {
  constructor(svg) {
    this.svg = svg;
    this.header = draw("g");
    this.rows = draw("g");
    this.bars = [];
    svg.replaceChildren(this.header, this.rows);
  }

  show(model) {
    const { histogram, width, header, count } = model;
    const { size } = proportions(width);
    const names = histogram.axes[0].names.slice(0, MOST);
    const narrow = width < 560;
    const top = size * (narrow ? 3 : 1.75);
    const row = size * 2.75;
    const height = Math.round(top + names.length * row + size * 2.4);
    this.place = { top, row, names };
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height, "font-size": size });
    drawHeader(this.header, { box: { left: 0, right: width, top }, size, header, count, narrow });
    this.build(names.length);
    const tallest = Math.max(...histogram.values, 0) || 1;
    names.forEach((name, i) => {
      const value = histogram.values[i];
      const part = model.log && value > 0 ? Math.log10(1 + value) / Math.log10(1 + tallest) : value / tallest;
      this.fillRow(i, { name, value, part: Math.max(0, part), width, size, y: top + i * row });
    });
    set(this.title, { x: width, y: height - size * 0.6 });
    this.title.textContent = labelText(histogram.axes[0].label);
  }

  build(rows) {
    if (this.bars.length === rows) return;
    this.bars = Array.from({ length: rows }, () => ({
      name: draw("text"),
      count: draw("text", { "text-anchor": "end", class: "number" }),
      track: draw("rect", { class: "track", rx: 2 }),
      bar: draw("rect", { class: "bar", rx: 2 }),
    }));
    this.title = draw("text", { class: "title", "text-anchor": "end" });
    this.rows.replaceChildren(...this.bars.flatMap((bar) => Object.values(bar)), this.title);
  }

  fillRow(i, { name, value, part, width, size, y }) {
    const row = this.bars[i];
    const thick = size * 0.72;
    set(row.name, { x: 0, y: y + size * 1.25 });
    set(row.count, { x: width, y: y + size * 1.25 });
    set(row.track, { x: 0, y: y + size * 1.65, width, height: thick });
    set(row.bar, { x: 0, y: y + size * 1.65, height: thick });
    const room = Math.floor((width - size * 6) / (size * 0.52));
    row.name.textContent = name.length > room ? `${name.slice(0, Math.max(1, room - 1))}…` : name;
    row.count.textContent = Number.isInteger(value) ? grouped(value) : short(value);
    row.bar.style.width = `${(width * part).toFixed(1)}px`;
  }

  binAt(_px, py) {
    const index = Math.floor((py - this.place.top) / this.place.row);
    return index >= 0 && index < this.place.names.length ? index : -1;
  }

  point(index) {
    this.bars.forEach((row, i) => row.bar.classList.toggle("pointed", i === index));
  }

  step(index, dx, dy) {
    return Math.min(this.bars.length - 1, Math.max(0, index + dx - dy));
  }

  close() {}
}
