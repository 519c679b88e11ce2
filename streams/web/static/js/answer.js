// Answers to the account's calls.

import { answersFrom, offer } from "./answer_panel.js";
import { byId } from "./dom.js";
import { scopeName, words } from "./format.js";

const OPEN = ["issued", "acknowledged", "partly_met", "disputed", "overdue", "liquidation_eligible"];

export function showAnswerable(cases) {
  const open = cases.filter((row) => OPEN.includes(row.state));
  offer("answer", open.map((row) => ({ id: row.call_id, label: `${scopeName(row.scope)}, ${row.binding ? "binding" : "shadow"}` })));
}

answersFrom(
  "answer",
  (kind) => ({ kind, text: byId("answer-text").value }),
  (event) => `Taken: the call is ${words(event.state)}, answered by ${event.response.operator}.`,
);
