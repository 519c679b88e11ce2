// A panel whose buttons send an operator's answer. The token is entered once, kept in this page's memory only, and sent
// with the answers of every panel.

import { byId, el, setText } from "./dom.js";

let token = "";

// Shows the panel while there is something to answer, and keeps what is chosen while it is there.
export function offer(name, choices) {
  const panel = byId(`${name}-panel`);
  if (!panel) return; // nobody may answer here
  panel.hidden = choices.length === 0;
  const choice = byId(`${name}-id`);
  const listed = [...choice.options].map((option) => option.value).join();
  if (listed === choices.map(({ id }) => id).join()) return;
  const chosen = choice.value;
  choice.replaceChildren(...choices.map(({ id, label }) => el("option", { value: id }, label)));
  if (choices.some(({ id }) => id === chosen)) choice.value = chosen;
}

// request(kind) gives the body, or a text that says what is missing; taken(event) says what became of it.
export function answersFrom(name, request, taken) {
  const panel = byId(`${name}-panel`);
  for (const button of panel?.querySelectorAll("button") ?? []) {
    button.addEventListener("click", async () => {
      const buttons = [...panel.querySelectorAll("button")];
      buttons.forEach((each) => { each.disabled = true; });
      setText(byId(`${name}-said`), await said(name, request(button.value), taken));
      buttons.forEach((each) => { each.disabled = false; });
    });
  }
}

async function said(name, body, taken) {
  if (typeof body === "string") return body;
  token = byId(`${name}-token`).value.trim() || token;
  byId(`${name}-token`).value = "";
  setText(byId(`${name}-said`), "Sending.");
  try {
    const response = await fetch(`/api/calls/${encodeURIComponent(byId(`${name}-id`).value)}/answers`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.status === 401) token = "";
    if (response.status !== 200) return answer.error;
    byId(`${name}-text`).value = "";
    return taken(answer.event);
  } catch {
    return "The page cannot be reached; nothing is known of the answer.";
  }
}
