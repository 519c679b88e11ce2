// Intraday margin (FINRA 4210(d)(2)): the day's deficit so far, what is outstanding, the freeze.

import { byId, el } from "./dom.js";
import { cents, words } from "./format.js";

export function intradayMarks(intraday) {
  if (!intraday) return [];
  const deficit = Number(intraday.deficit_today) > 0 || intraday.open_deficits > 0;
  return [intraday.frozen ? "frozen" : null, deficit ? "intraday_deficit" : null];
}

export function showIntraday(intraday) {
  byId("intraday-panel").hidden = !intraday;
  if (!intraday) return;
  const facts = [
    ["Highest deficit today", cents(intraday.deficit_today)],
    ["Outstanding of earlier days", intraday.open_deficits ? `${cents(intraday.outstanding)} in ${intraday.open_deficits}` : "none"],
    ["Freeze decided at the close of", intraday.freeze_due_date ?? "–"],
    ["Expires at the close of", intraday.expires_date ?? "–"],
    ["Frozen", intraday.frozen ? `until ${intraday.frozen_until}: no new short position, no new debit` : "no"],
    ["Violations of the freeze", intraday.freeze_violations || "none"],
    ...intraday.deficits.map((deficit) => [`Deficit ${deficit.deficit_id}`, `${cents(deficit.amount)} of ${deficit.business_date}: ${words(deficit.state)}${deficit.late ? ", late" : ""}${deficit.counts ? "" : ", does not count"}${deficit.extended_until ? `, time until ${deficit.extended_until}` : ""}`]),
  ];
  byId("intraday").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
