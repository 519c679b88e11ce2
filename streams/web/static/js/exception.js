// Exceptions that the firm grants for intraday deficits: extraordinary circumstances, or more time until a day.

import { answersFrom, offer } from "./answer_panel.js";
import { byId } from "./dom.js";
import { cents } from "./format.js";

export function showExceptable(intraday) {
  const deficits = (intraday?.deficits ?? []).filter((deficit) => deficit.state !== "expired");
  offer("exception", deficits.map((deficit) => ({ id: deficit.deficit_id, label: `${deficit.business_date}, ${cents(deficit.amount)}` })));
}

function request(kind) {
  const text = byId("exception-text").value.trim();
  const until = byId("exception-until").value;
  if (!text) return "Say why: the reason stands in the event.";
  if (kind === "extraordinary") return { kind, text };
  return until ? { kind, text, until } : "Name the business day to whose close there is time.";
}

answersFrom("exception", request, ({ deficit_date: day, response }) => {
  const what = response.until ? `more time until ${response.until}` : "extraordinary circumstances";
  return `Granted by ${response.operator} for the deficit of ${day}: ${what}.`;
});
