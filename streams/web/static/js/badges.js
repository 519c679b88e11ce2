// States as text with a sign: colour is never the only signal.

import { el, svg } from "./dom.js";
import { words } from "./format.js";

const LOOKS = {
  issued: ["▲", "danger"],
  overdue: ["▲", "danger"],
  liquidation_eligible: ["▲", "danger"],
  disputed: ["?", "danger"],
  acknowledged: ["●", "warning"],
  partly_met: ["◐", "warning"],
  warning: ["!", "warning"],
  met: ["✓", "good"],
  clear: ["○", "plain"],
  cancelled: ["×", "plain"],
  in_call: ["▲", "danger"],
  frozen: ["■", "danger"],
  intraday_deficit: ["▼", "warning"],
  stale: ["◌", "warning"],
  incomplete: ["◌", "warning"],
};

export const stateOrder = Object.keys(LOOKS);

export function badge(state) {
  const [sign, look] = LOOKS[state] ?? ["·", "plain"];
  return el("span", { class: `tag tag-${look}` }, el("span", { "aria-hidden": "true" }, `${sign} `), words(state).toLowerCase());
}

// Share 0..1 of a bar; beyond 1 it is full. The mark stands where calls begin.
export function meter(share) {
  const level = share === null || share >= 1 ? "danger" : share >= 0.9 ? "warning" : "normal";
  const width = share === null ? 100 : Math.min(Math.max(share * 80, 0), 100);
  return svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 10 }),
    svg("rect", { class: "fill", "data-level": level, width, height: 10 }),
    svg("line", { class: "limit", x1: 80, x2: 80, y1: 0, y2: 10 }));
}
