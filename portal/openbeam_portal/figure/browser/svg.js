// Elements made and filled without ever parsing text as markup: labels come from authors of functions.

import { labelPieces } from "./label.js";

const SVG = "http://www.w3.org/2000/svg";

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const child of children) element.append(child);
  return element;
}

/** An SVG element; children are elements or plain text. */
export const draw = (tag, attributes = {}, ...children) => dressed(document.createElementNS(SVG, tag), attributes, children);

/** An HTML element; children are elements or plain text. */
export const make = (tag, attributes = {}, ...children) => dressed(document.createElement(tag), attributes, children);

/** Give `element` these attributes. */
export const set = (element, attributes) => dressed(element, attributes, []);

/** A text element with raised and lowered letters where the label has them. */
export function drawLabel(attributes, label, size) {
  const text = draw("text", attributes);
  let offset = 0;
  for (const piece of labelPieces(label)) {
    const target = -0.36 * size * piece.shift + (piece.shift < 0 ? -0.12 * size : 0);
    const style = piece.shift ? { "font-size": (size * 0.74).toFixed(1) } : {};
    text.append(draw("tspan", { dy: (target - offset).toFixed(2), ...style }, piece.text));
    offset = target;
  }
  return text;
}
