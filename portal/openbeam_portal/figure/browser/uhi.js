// A histogram as it travels (UHI JSON, schema 1) turned into what a figure needs. No DOM here.

const KINDS = {
  regular: (axis) => numeric(axis, spread(axis.lower, axis.upper, axis.bins)),
  variable: (axis) => numeric(axis, axis.edges),
  category_str: (axis) => named(axis, axis.categories),
  category_int: (axis) => named(axis, axis.categories),
  boolean: (axis) => named({ ...axis, flow: false }, ["false", "true"]),
};

function spread(lower, upper, bins) {
  return Array.from({ length: bins + 1 }, (_, i) => lower + ((upper - lower) * i) / bins);
}

const finite = (list) => Array.isArray(list) && list.every((v) => Number.isFinite(v));

function numeric(axis, edges) {
  if (!finite(edges) || edges.length < 2) throw new TypeError("an axis has no edges");
  const metadata = axis.metadata ?? {};
  const wished = metadata.scale === "log" || axis.writer_info?.["boost-histogram"]?.transform === "log";
  return {
    edges,
    bins: edges.length - 1,
    before: axis.underflow ? 1 : 0,
    after: axis.overflow ? 1 : 0,
    log: wished && edges[0] > 0,
    marks: marksOf(metadata, edges),
    ...titled(metadata),
  };
}

function named(axis, categories) {
  const names = (categories ?? []).map(String);
  return { names, bins: names.length, before: 0, after: axis.flow ? 1 : 0, marks: [], ...titled(axis.metadata ?? {}) };
}

function titled(metadata) {
  const label = String(metadata.label || metadata.name || "");
  return { label, unit: /\[([^\]]{1,20})\]\s*$/.exec(label)?.[1] ?? "" };
}

// UHI metadata holds plain values only, so an author names peaks in one text: "3.097 = J/ψ; 91.19 = Z".
function marksOf(metadata, edges) {
  const inside = (mark) => mark.at >= edges[0] && mark.at <= edges[edges.length - 1] && mark.label;
  return String(metadata.marks ?? "")
    .split(";")
    .map((part) => part.split("="))
    .map(([at, ...label]) => ({ at: Number.parseFloat(at), label: label.join("=").trim() }))
    .filter(inside)
    .slice(0, 20);
}

const number = (value) => (Number.isFinite(value) ? value : 0);
const extent = (axis) => axis.bins + axis.before + axis.after;

function flat(values, axes) {
  const all = values.flat(axes.length);
  if (all.length !== axes.reduce((product, axis) => product * extent(axis), 1)) throw new TypeError("bins are missing");
  return all.map(number);
}

function errorsOf(storage, counts, axes) {
  if (!storage.variances) return counts.map((v) => Math.sqrt(Math.abs(v)));
  const variances = flat(storage.variances, axes).map((v) => Math.sqrt(Math.max(0, v)));
  if (!storage.counts) return variances;
  const entries = flat(storage.counts, axes);
  return variances.map((v, i) => (entries[i] > 0 ? v / Math.sqrt(entries[i]) : 0));
}

function inner(list, axes) {
  if (axes.length === 1) return list.slice(axes[0].before, axes[0].before + axes[0].bins);
  const [x, y] = axes;
  const rows = [];
  for (let i = 0; i < x.bins; i += 1) {
    const start = (i + x.before) * extent(y) + y.before;
    rows.push(...list.slice(start, start + y.bins));
  }
  return rows;
}

/**
 * `{name, label, axes, values, errors, below, above, mean}`. Flow bins are taken out of `values`; on one axis they are
 * told apart as `below` and `above`, on two their sum is `above`. Throws TypeError for what is not a histogram.
 */
export function parseHistogram(uhi, name) {
  const axes = (uhi?.axes ?? []).map((axis) => {
    const kind = KINDS[axis?.type];
    if (!kind) throw new TypeError("an axis of an unknown kind");
    return kind(axis);
  });
  const storage = uhi?.storage ?? {};
  if (axes.length < 1 || axes.length > 2 || !Array.isArray(storage.values)) throw new TypeError("not one or two axes");
  const all = flat(storage.values, axes);
  const values = inner(all, axes);
  const metadata = uhi.metadata ?? {};
  const mean = String(storage.type).includes("mean");
  const one = axes.length === 1 && !mean;
  const rest = sum(all) - sum(values);
  const below = one && axes[0].before ? all[0] : 0;
  return {
    name,
    label: String(metadata.label || ""),
    title: titleOf(metadata, axes) || name,
    axes,
    values,
    errors: inner(errorsOf(storage, all, axes), axes),
    below,
    above: mean ? 0 : rest - below,
    total: sum(all),
    mean,
  };
}

// What a figure is of: the quantity on its one axis, or what the author called a map.
function titleOf(metadata, axes) {
  if (metadata.title || axes.length > 1) return String(metadata.title || metadata.label || "");
  return axes[0].label.replace(/\s*\[[^\]]*\]\s*$/, "");
}

const sum = (list) => list.reduce((total, v) => total + v, 0);
