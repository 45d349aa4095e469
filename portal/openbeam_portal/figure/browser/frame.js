// The frame of a figure in the manner of particle physics: ticks inside and on all sides, titles at the far ends.
import { linearTicks, logTicks, tickText } from "./scale.js";
import { draw, drawLabel } from "./svg.js";

/** Size of the letters and height of the figure for a width in pixels. */
export function proportions(width) {
  const size = Math.round(Math.min(17, Math.max(12.5, 10.5 + width / 170)) * 2) / 2;
  const ratio = width < 520 ? 0.86 : 0.6;
  return { size, height: Math.round(Math.min(620, Math.max(270, width * ratio))) };
}

/** The plotting area, in pixels. `widest` is the length in letters of the longest label beside the y axis. */
export function plotBox(width, height, size, { widest, headers }) {
  return {
    left: Math.round(size * 1.7 + Math.max(2, widest) * size * 0.56 + 8),
    right: Math.round(width - size * 1.1),
    top: Math.round(size * (headers > 1 ? 3 : 1.75)),
    bottom: Math.round(height - size * 3.1),
  };
}

/** Ticks with their labels for one axis of `length` pixels. */
export function axisTicks({ log, low, high, length, size, plain }) {
  const wanted = Math.max(2, Math.floor(length / (size * (plain ? 5 : 3.4))));
  const ticks = log ? logTicks(low, high, wanted) : linearTicks(low, high, Math.min(wanted, 8));
  const small = log && plain && low >= 1e-3 && high <= 1e5;
  const labels = ticks.major.map((value) => tickText(value, { log, power: ticks.power, step: ticks.step, plain: small }));
  return { ...ticks, labels };
}

/** Length in letters of the longest label. */
export const widestLabel = (ticks) => Math.max(...ticks.labels.map((l) => l.text.length + (l.power ? 1 : 0)), 1);

function tickPath(values, place, long, { box, upright }) {
  return values
    .map((value) => {
      const p = place(value).toFixed(1);
      return upright
        ? `M${p},${box.bottom}v${-long}M${p},${box.top}v${long}`
        : `M${box.left},${p}h${long}M${box.right},${p}h${-long}`;
    })
    .join("");
}

function tickLabel(label, attributes, size) {
  const text = draw("text", attributes, label.text);
  if (label.power !== undefined) {
    text.append(draw("tspan", { dy: -size * 0.42, "font-size": size * 0.72 }, String(label.power).replace("-", "−")));
  }
  return text;
}

function xLabels({ ticks, scale, box, size }) {
  return ticks.major.map((value, i) => {
    const attributes = { x: scale(value).toFixed(1), y: box.bottom + size * 1.3, "text-anchor": "middle" };
    return tickLabel(ticks.labels[i], attributes, size);
  });
}

function yLabels({ ticks, scale, box, size }) {
  return ticks.major.map((value, i) => {
    const attributes = { x: box.left - size * 0.45, y: (scale(value) + size * 0.34).toFixed(1), "text-anchor": "end" };
    return tickLabel(ticks.labels[i], attributes, size);
  });
}

/** Draw frame, ticks and titles anew into `group`. `x` and `y` are `{ticks, scale, label}`. */
export function drawFrame(group, { box, size, x, y }) {
  const width = box.right - box.left;
  const lines =
    tickPath(x.ticks.major, x.scale, size * 0.55, { box, upright: true }) +
    tickPath(x.ticks.minor, x.scale, size * 0.28, { box, upright: true }) +
    tickPath(y.ticks.major, y.scale, size * 0.55, { box, upright: false }) +
    tickPath(y.ticks.minor, y.scale, size * 0.28, { box, upright: false });
  group.replaceChildren(
    draw("path", { class: "ticks", d: lines }),
    draw("rect", { class: "border", x: box.left, y: box.top, width, height: box.bottom - box.top }),
    ...xLabels({ ...x, box, size }),
    ...yLabels({ ...y, box, size }),
    drawLabel({ class: "title", x: box.right, y: box.bottom + size * 2.65, "text-anchor": "end" }, x.label, size),
    drawLabel(
      { class: "title", transform: `translate(${size} ${box.top}) rotate(-90)`, "text-anchor": "end" },
      y.label,
      size,
    ),
  );
}

/** Whose data this is, at the left; how much of it and from when, at the right (on a line of its own where narrow). */
export function drawHeader(group, { box, size, header, count, narrow }) {
  const left = draw("text", { class: "header", x: box.left, y: narrow ? size * 1.15 : box.top - size * 0.5 });
  if (header.experiment) left.append(draw("tspan", { "font-weight": 700 }, header.experiment), " ");
  left.append(draw("tspan", { "font-style": "italic" }, header.kind));
  const right = [count, header.collision].filter(Boolean).join("  ·  ");
  const place = narrow ? { x: box.left } : { x: box.right, "text-anchor": "end" };
  group.replaceChildren(left, draw("text", { class: "header count", y: box.top - size * 0.5, ...place }, right));
}
