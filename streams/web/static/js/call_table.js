// Rows of call events; binding and shadow look different and say which they are.

import { badge } from "./badges.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { cents, minute, moment, scopeName, time, words } from "./format.js";

export function showCalls(rows, lead) {
  const body = byId("calls").tBodies[0];
  reconcile(body, rows, (row) => row.event_id, (row) => line(row, lead), () => {});
  const shadow = rows.filter((row) => !row.binding).length;
  setText(byId("calls-shown"), rows.length ? `${rows.length} newest: ${rows.length - shadow} binding, ${shadow} shadow` : "No calls yet.");
}

const reason = (name) => words(name.toLowerCase()).toLowerCase();

// An event never changes, so a row is made once.
function line(row, lead) {
  const kind = row.binding ? "binding" : "shadow";
  return el("tr", { "data-kind": kind },
    el("td", {}, el("time", { datetime: new Date(row.time_ms).toISOString(), title: `${moment(row.time_ms)} UTC${row.due_ms === null ? "" : `, due ${minute(row.due_ms)} UTC`}` }, time(row.time_ms))),
    el("td", {}, lead(row)),
    el("td", { class: "wide" }, el("span", {}, scopeName(row.scope), " ", el("span", { class: `tag tag-${kind}` }, kind))),
    el("td", { class: "wide" }, el("span", {}, badge(row.state), " ", el("span", { class: "reason" }, reason(row.reason)), ...(row.stale ? [" ", badge("stale")] : []))),
    el("td", { class: "num wide strong", "data-label": "Amount" }, Number(row.amount) ? cents(row.amount) : "–"));
}
