// The outline of a histogram as SVG path text, and where names of peaks go. No DOM here.

const at = (value) => value.toFixed(1);

/** A closed outline over `tops` (pixels), standing on `base`. `edges` has one entry more than `tops`. */
export function areaPath(edges, tops, base) {
  let path = `M${at(edges[0])},${at(base)}`;
  tops.forEach((top, i) => {
    path += `V${at(top)}H${at(edges[i + 1])}`;
  });
  return `${path}V${at(base)}Z`;
}

/** The outline alone, without the sides and the bottom where the histogram is empty. */
export function linePath(edges, tops, base) {
  let path = `M${at(edges[0])},${at(base)}`;
  tops.forEach((top, i) => {
    path += `V${at(top)}H${at(edges[i + 1])}`;
  });
  return `${path}V${at(base)}`;
}

/** Upright bars of one standard deviation about each value; `y` maps a value to a pixel. Empty bins have none. */
export function errorPath(edges, values, errors, y, { top, bottom }) {
  const inside = (pixel) => Math.min(bottom, Math.max(top, pixel));
  let path = "";
  values.forEach((value, i) => {
    if (!(errors[i] > 0) || value === 0) return;
    const middle = (edges[i] + edges[i + 1]) / 2;
    path += `M${at(middle)},${at(inside(y(value + errors[i])))}V${at(inside(y(value - errors[i])))}`;
  });
  return path;
}

/** Short level strokes at each value, for a profile (a mean in each bin). */
export function levelPath(edges, tops, errors) {
  return tops.map((top, i) => (errors[i] > 0 ? `M${at(edges[i])},${at(top)}H${at(edges[i + 1])}` : "")).join("");
}

/** Whether error bars say something: bins wide enough for the eye, and not too many of them. */
export const wantsErrors = (bins, width) => bins <= 120 && width / bins >= 6;

/** Places for names of peaks: over the tallest bin near each, never over one another, never above `ceiling`. */
export function placeMarks(marks, { x, edges, tops, ceiling, size }) {
  const placed = [];
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const centre = x(mark.at);
    const width = mark.label.length * size * 0.55 + 4;
    const reach = size * 0.6;
    const near = tops.filter((_, i) => edges[i + 1] > centre - reach && edges[i] < centre + reach);
    let height = Math.min(...near) - size * 0.55;
    for (const other of placed) {
      const touches = Math.abs(other.x - centre) < (other.width + width) / 2;
      if (touches && Math.abs(other.y - height) < size * 1.1) height = other.y - size * 1.15;
    }
    placed.push({ x: centre, y: Math.max(ceiling + size, height), width, label: mark.label });
  }
  return placed;
}
