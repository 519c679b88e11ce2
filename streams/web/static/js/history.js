// Silo and unified totals over the last minutes; the space between the lines is the gap.

import { svg } from "./dom.js";
import { compact, time } from "./format.js";

const HEIGHT = 190;
const PAD = { top: 12, right: 64, bottom: 22, left: 8 };
const LABEL_APART = 15;

export function drawHistory(samples, width) {
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img", "aria-label": told(samples) });
  const times = samples.map((sample) => sample[0]);
  const amounts = samples.flatMap((sample) => [sample[1], sample[2]]);
  const [low, high] = range(Math.min(...amounts), Math.max(...amounts));
  const span = Math.max(times.at(-1) - times[0], 1);
  const x = (at) => PAD.left + ((at - times[0]) / span) * (width - PAD.left - PAD.right);
  const y = (amount) => PAD.top + ((high - amount) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  const line = (column) => samples.map((sample) => `${x(sample[0]).toFixed(1)},${y(sample[column]).toFixed(1)}`);
  for (const level of [low, (low + high) / 2, high]) {
    picture.append(svg("line", { class: "axis", x1: PAD.left, x2: width - PAD.right, y1: y(level), y2: y(level) }));
    picture.append(svg("text", { class: "soft", x: PAD.left, y: y(level) - 3 }, compact(level)));
  }
  picture.append(
    svg("polygon", { class: "between", points: [...line(1), ...line(2).reverse()].join(" ") }),
    svg("polyline", { class: "line-silo", points: line(1).join(" ") }),
    svg("polyline", { class: "line-unified", points: line(2).join(" ") }),
    svg("text", { class: "soft", x: PAD.left, y: HEIGHT - 6 }, time(times[0])),
    svg("text", { class: "soft", x: width - PAD.right, y: HEIGHT - 6, "text-anchor": "end" }, time(times.at(-1))),
    ...names(samples.at(-1), y, width - PAD.right + 6),
  );
  return [picture];
}

function names(last, y, x) {
  let [silo, unified] = [y(last[1]) + 4, y(last[2]) + 4];
  if (Math.abs(silo - unified) < LABEL_APART) {
    const middle = (silo + unified) / 2;
    const up = silo <= unified ? -1 : 1;
    [silo, unified] = [middle + (up * LABEL_APART) / 2, middle - (up * LABEL_APART) / 2];
  }
  return [svg("text", { class: "name-silo", x, y: silo }, "silos"), svg("text", { class: "name-unified", x, y: unified }, "unified")];
}

function range(low, high) {
  const pad = Math.max((high - low) * 0.14, Math.abs(high) * 0.001, 1);
  return [low >= 0 ? Math.max(low - pad, 0) : low - pad, high + pad];
}

function told(samples) {
  const [first, last] = [samples[0], samples.at(-1)];
  return `Totals in USD from ${time(first[0])} to ${time(last[0])}: silos ${compact(first[1])} to ${compact(last[1])}, unified ${compact(first[2])} to ${compact(last[2])}.`;
}
