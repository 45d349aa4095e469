// A histogram on two axes of numbers: cells in shades of one colour, one path a shade.
import { axisTicks, drawFrame, drawHeader, plotBox, proportions, widestLabel } from "./frame.js";
import { makeScale } from "./scale.js";
import { short } from "./text.js";
import { draw, set } from "./svg.js";

const SHADES = 14;

/** The shade (1 to SHADES) of a content; 0 for an empty cell. */
export function shade(value, tallest, log) {
  if (!(value > 0)) return 0;
  const part = log ? Math.log1p(value) / Math.log1p(tallest) : value / tallest;
  return Math.max(1, Math.min(SHADES, Math.ceil(part * SHADES)));
}

/** Path text of each shade. `x` and `y` are pixel edges; values run with y fastest. */
export function shadePaths(values, x, y, log) {
  const tallest = Math.max(...values, 0);
  const paths = Array.from({ length: SHADES + 1 }, () => "");
  const rows = y.length - 1;
  values.forEach((value, n) => {
    const level = shade(value, tallest, log);
    if (!level) return;
    const i = Math.floor(n / rows);
    const j = n % rows;
    const [left, right, low, high] = [x[i], x[i + 1], y[j], y[j + 1]].map((v) => v.toFixed(1));
    paths[level] += `M${left},${low}H${right}V${high}H${left}Z`;
  });
  return paths.slice(1);
}

/** Same door as StepPlot, for two axes. */
export class HeatPlot {
  constructor(svg) {
    this.svg = svg;
    const opacity = (i) => (0.1 + (0.9 * (i + 1)) / SHADES).toFixed(2);
    this.shades = Array.from({ length: SHADES }, (_, i) => draw("path", { class: "cell", "fill-opacity": opacity(i) }));
    this.cursor = draw("rect", { class: "cell-cursor", visibility: "hidden" });
    this.frame = draw("g");
    this.key = draw("g");
    this.header = draw("g");
    svg.replaceChildren(...this.shades, this.frame, this.cursor, this.key, this.header);
  }

  show(model) {
    this.model = model;
    const { histogram, width, header, count } = model;
    const { size, height } = proportions(width);
    const narrow = width < 560;
    const [first, second] = histogram.axes.map((axis) => ({ ...axis, low: axis.edges[0], high: axis.edges.at(-1) }));
    const yTicks = axisTicks({ ...second, length: height * 0.7, size });
    const box = plotBox(width, height, size, { widest: widestLabel(yTicks), headers: narrow ? 2 : 1 });
    box.right -= Math.round(size * 3.6);
    const xTicks = axisTicks({ ...first, length: box.right - box.left, size, plain: true });
    const x = makeScale({ ...first, from: box.left, to: box.right });
    const y = makeScale({ ...second, from: box.bottom, to: box.top });
    this.place = { x: first.edges.map(x), y: second.edges.map(y) };
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height, "font-size": size });
    shadePaths(histogram.values, this.place.x, this.place.y, model.log).forEach((d, i) => set(this.shades[i], { d }));
    drawFrame(this.frame, {
      box,
      size,
      x: { ticks: xTicks, scale: x, label: first.label },
      y: { ticks: yTicks, scale: y, label: second.label },
    });
    this.drawKey(box, size, Math.max(...histogram.values, 0));
    drawHeader(this.header, { box, size, header, count, narrow });
  }

  drawKey(box, size, tallest) {
    const tall = (box.bottom - box.top) / SHADES;
    const left = box.right + size * 0.6;
    const cells = this.shades.map((path, i) =>
      draw("rect", {
        class: "cell",
        x: left,
        y: (box.bottom - (i + 1) * tall).toFixed(1),
        width: size * 0.8,
        height: tall.toFixed(1),
        "fill-opacity": path.getAttribute("fill-opacity"),
      }),
    );
    const label = (text, y) => draw("text", { x: left + size * 1.1, y, class: "number" }, text);
    this.key.replaceChildren(...cells, label(short(tallest), box.top + size * 0.8), label("0", box.bottom));
  }

  binAt(px, py) {
    const { x, y } = this.place;
    const i = x.findIndex((edge, n) => n > 0 && px <= edge) - 1;
    const j = y.findIndex((edge, n) => n > 0 && py >= edge) - 1;
    return i < 0 || j < 0 || px < x[0] || py > y[0] ? -1 : i * (y.length - 1) + j;
  }

  point(index) {
    const { x, y } = this.place;
    const rows = y.length - 1;
    if (index < 0) {
      set(this.cursor, { visibility: "hidden" });
      return;
    }
    const [i, j] = [Math.floor(index / rows), index % rows];
    const corner = { x: x[i], y: y[j + 1], width: x[i + 1] - x[i], height: y[j] - y[j + 1] };
    set(this.cursor, { visibility: "visible", ...corner });
  }

  step(index, dx, dy) {
    const rows = this.place.y.length - 1;
    const columns = this.place.x.length - 1;
    const i = Math.min(columns - 1, Math.max(0, Math.floor(index / rows) + dx));
    const j = Math.min(rows - 1, Math.max(0, (index % rows) + dy));
    return i * rows + j;
  }

  close() {}
}
