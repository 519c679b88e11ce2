// Answers to the account's calls. The token is entered once, kept in this page's memory only, and sent with answers.

import { byId, el, setText } from "./dom.js";
import { scopeName, words } from "./format.js";

const OPEN = ["issued", "acknowledged", "partly_met", "disputed", "overdue", "liquidation_eligible"];
let token = "";

export function showAnswerable(cases) {
  const panel = byId("answer-panel");
  if (!panel) return; // nobody may answer here
  const open = cases.filter((row) => OPEN.includes(row.state));
  panel.hidden = open.length === 0;
  const choice = byId("answer-call");
  const listed = [...choice.options].map((option) => option.value).join();
  if (listed === open.map((row) => row.call_id).join()) return;
  const chosen = choice.value;
  choice.replaceChildren(...open.map((row) => el("option", { value: row.call_id }, `${scopeName(row.scope)}, ${row.binding ? "binding" : "shadow"}`)));
  if (open.some((row) => row.call_id === chosen)) choice.value = chosen;
}

async function answer(kind) {
  token = byId("answer-token").value.trim() || token;
  byId("answer-token").value = "";
  setText(byId("answer-said"), "Sending.");
  try {
    const response = await fetch(`/api/calls/${encodeURIComponent(byId("answer-call").value)}/answers`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ kind, text: byId("answer-text").value }),
    });
    const said = await response.json();
    if (response.status === 401) token = "";
    setText(byId("answer-said"), response.status === 200 ? `Taken: the call is ${words(said.event.state)}, answered by ${said.event.response.operator}.` : said.error);
    if (response.status === 200) byId("answer-text").value = "";
  } catch {
    setText(byId("answer-said"), "The page cannot be reached; nothing is known of the answer.");
  }
}

for (const button of byId("answer-panel")?.querySelectorAll("button") ?? []) {
  button.addEventListener("click", async () => {
    const buttons = [...byId("answer-panel").querySelectorAll("button")];
    buttons.forEach((each) => { each.disabled = true; });
    await answer(button.value);
    buttons.forEach((each) => { each.disabled = false; });
  });
}
