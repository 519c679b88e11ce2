// The account's profit or loss in its worst scenarios, worst first.

import { svg } from "./dom.js";
import { compact, dollars } from "./format.js";

const SHOWN = 12;
const ROW = 24;

export function drawScenarios(losses, width) {
  const shown = losses.slice(0, SHOWN).map((entry) => ({ name: entry.scenario, pnl: -Number(entry.loss) }));
  const left = Math.min(230, Math.round(width * 0.44));
  const right = width < 420 ? 70 : 100;
  const low = Math.min(0, ...shown.map((entry) => entry.pnl));
  const high = Math.max(0, ...shown.map((entry) => entry.pnl));
  const x = (pnl) => left + ((pnl - low) / Math.max(high - low, 1)) * (width - left - right - 8);
  const height = shown.length * ROW + 4;
  const told = shown.map((entry) => `${entry.name} ${dollars(entry.pnl)}`).join("; ");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `P&L in USD by scenario: ${told}.` });
  const longest = Math.floor((left - 10) / 6.9);
  shown.forEach((entry, place) => {
    const y = 2 + place * ROW;
    const [from, to] = [x(entry.pnl), x(0)].sort((a, b) => a - b);
    const name = entry.name.length > longest ? `${entry.name.slice(0, longest - 1)}…` : entry.name;
    const bold = place === 0 ? "total" : "";
    picture.append(
      svg("text", { class: bold, x: left - 8, y: y + 13, "text-anchor": "end" }, name, svg("title", {}, entry.name)),
      svg("rect", { class: entry.pnl < 0 ? "bar-loss" : "bar-gain", x: from, y: y + 1, width: Math.max(to - from, 1), height: 15, rx: 1.5 }),
      svg("text", { class: bold, x: width - 2, y: y + 13, "text-anchor": "end" }, right < 100 ? compact(entry.pnl) : dollars(entry.pnl)),
    );
  });
  picture.append(svg("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: height }));
  return [picture];
}
