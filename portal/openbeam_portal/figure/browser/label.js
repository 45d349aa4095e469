// Titles as authors write them for matplotlib, `$p_T^{\mu}$ [GeV]`, cut into pieces that a browser can show. No DOM here.

const NAMES = {
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", Delta: "Δ", epsilon: "ε", eta: "η", theta: "θ", kappa: "κ", lambda: "λ",
  Lambda: "Λ", mu: "μ", nu: "ν", Xi: "Ξ", pi: "π", rho: "ρ", sigma: "σ", Sigma: "Σ", tau: "τ", phi: "φ", varphi: "φ", Phi: "Φ",
  chi: "χ", psi: "ψ", Psi: "Ψ", omega: "ω", Omega: "Ω", Upsilon: "Υ", ell: "ℓ", pm: "±", mp: "∓", times: "×", cdot: "·",
  to: "→", rightarrow: "→", sqrt: "√", infty: "∞", leq: "≤", geq: "≥", prime: "′", sum: "Σ",
};
// Words that only set the letters' style: what they are set on is shown, they are not.
const STYLED = /\\(?:mathrm|text|mathit|mathbf|mathsf)\s*\{([^{}]*)\}/g;
const STYLES = /\\(?:rm|it|bf|left|right)\b\s*/g;

function plainMath(math) {
  return math
    .replace(STYLED, "$1")
    .replace(STYLES, "")
    .replace(/\\[,;:! ]/g, " ")
    .replace(/\\([A-Za-z]+)\s*/g, (_, name) => NAMES[name] ?? name);
}

function mathPieces(math) {
  const found = [];
  const pattern = /([_^])(?:\{([^{}]*)\}|(.))|([^_^]+)/gu;
  for (const [, mark, group, single, text] of plainMath(math).matchAll(pattern)) {
    const content = (text ?? group ?? single ?? "").replace(/[{}]/g, "");
    if (content) found.push({ text: content, shift: mark === "_" ? -1 : mark === "^" ? 1 : 0 });
  }
  return found;
}

/** Pieces `{text, shift}`; shift is 1 for a superscript, -1 for a subscript. */
export function labelPieces(label) {
  return String(label)
    .split(/\$/)
    .flatMap((part, i) => (i % 2 ? mathPieces(part) : part ? [{ text: part, shift: 0 }] : []));
}

/** The same without raised and lowered letters, for those who listen. */
export const labelText = (label) => labelPieces(label).map((piece) => piece.text).join("");
