// The tiles on top of both pages.

import { byId, setFlag, setText } from "./dom.js";
import { cents, dollars, headline, percent } from "./format.js";

export function showMoney(id, text) {
  const element = byId(id);
  const shown = headline(text);
  setText(element, shown);
  setFlag(element, "data-length", shown.length > 11, shown.length > 14 ? "longer" : "long");
  setFlag(element, "title", true, `${cents(text)} USD`);
  return element;
}

export function showTotals(gap, share) {
  showMoney("silo-sum", gap.silo_sum);
  showMoney("unified", gap.unified);
  const freed = Number(gap.gap);
  showMoney("gap", gap.gap).className = `big ${freed > 0 ? "freed" : freed < 0 ? "negative" : ""}`;
  setText(byId("gap-share"), share === null ? "" : `${percent(share)} of the silo sum ${freed < 0 ? "more under unified" : "freed by unified"}`);
  const deficit = showMoney("silo-deficit", gap.silo_deficit);
  deficit.className = `big ${Number(gap.silo_deficit) > 0 ? "bad" : ""}`;
  setText(byId("unified-deficit"), `under unified ${dollars(gap.unified_deficit)}`);
  showMoney("trapped", gap.trapped_excess);
}
