// Steps from the silos' requirements down to the unified one: a row per step, so that names stay readable.

import { svg } from "./dom.js";
import { compact, dollars, signed, words } from "./format.js";

const ROW = 28;
const BAR = 18;
const TOP = 4;
const BASELINE = 14;

function label(step) {
  if (step.kind === "total") return step.silo === "silos" ? "Silo total" : "Unified total";
  if (step.kind === "silo") return words(step.silo);
  return step.silo ? `${words(step.kind)}: ${words(step.silo).toLowerCase()}` : words(step.kind);
}

function look(step) {
  if (step.kind === "total") return step.silo === "silos" ? "bar-silo" : "bar-unified";
  if (step.kind === "silo") return "bar-part";
  return Number(step.amount) < 0 ? "bar-freed" : "bar-added";
}

const figure = (step) => (step.kind === "total" || step.kind === "silo" ? dollars(step.amount) : signed(step.amount));

const shows = (step) => step.kind !== "rest" || Math.abs(Number(step.amount)) >= 0.5; // cents are no bar

export function drawWaterfall(allSteps, width) {
  const steps = allSteps.filter(shows);
  const narrow = width < 520;
  const left = narrow ? 148 : 210;
  const right = narrow ? 84 : 116;
  const levels = steps.flatMap((step) => [Number(step.start), Number(step.end)]);
  const low = Math.min(0, ...levels);
  const high = Math.max(1, ...levels);
  const x = (level) => left + ((level - low) / (high - low)) * (width - left - right - 12);
  const height = TOP + steps.length * ROW + 2;
  const told = steps.map((step) => `${label(step)} ${figure(step)}`).join("; ");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `Waterfall in USD: ${told}.` });
  picture.append(svg("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: height }));
  steps.forEach((step, place) => picture.append(...row(step, place, steps, x, { left, width, narrow })));
  return [picture];
}

function row(step, place, steps, x, { left, width, narrow }) {
  const y = TOP + place * ROW;
  const [from, to] = [x(Number(step.start)), x(Number(step.end))].sort((a, b) => a - b);
  const bold = step.kind === "total" ? "total" : "";
  const name = svg("text", { x: left - 10, y: y + BASELINE, "text-anchor": "end", class: `${bold} ${narrow ? "soft" : ""}` }, label(step));
  const amount = svg("text", { x: width - 2, y: y + BASELINE, "text-anchor": "end", class: bold }, narrow && figure(step).length > 11 ? compact(Number(step.amount)) : figure(step));
  const bar = svg("rect", { class: look(step), x: from, y, width: Math.max(to - from, 1.5), height: BAR, rx: 1.5 }, svg("title", {}, `${label(step)}: ${step.amount} USD`));
  const parts = [name, amount, bar];
  if (place + 1 < steps.length) {
    const level = x(Number(step.end));
    parts.unshift(svg("line", { class: "link", x1: level, x2: level, y1: y + BAR, y2: y + ROW }));
  }
  return parts;
}
