// The first page: all accounts at a glance.

import { badge, meter, stateOrder } from "./badges.js";
import { showCalls } from "./call_table.js";
import { byId, drawn, el, reconcile, setFlag, setText } from "./dom.js";
import { count, dollars, percent, signed, words } from "./format.js";
import { drawHistory } from "./history.js";
import { Stream } from "./stream.js";
import { showTotals } from "./totals.js";
import { drawWaterfall } from "./waterfall.js";

const selection = { sort: "deficit", q: "" };
const paintWaterfall = drawn(byId("waterfall"), drawWaterfall);
const paintHistory = drawn(byId("history"), drawHistory);
let drawnSteps = "";

function showOverview(view) {
  byId("figures").hidden = view.totals.accounts === 0;
  byId("waiting").hidden = view.totals.accounts !== 0;
  setText(byId("waiting-why"), view.feed.message || "Kafka answers; no worker has published yet.");
  if (view.totals.accounts === 0) return;
  showTotals(view.totals, view.totals.gap_share);
  setText(byId("silo-note"), `${count(view.totals.accounts)} accounts, ${view.silos.length} silos`);
  setText(byId("unified-note"), view.candidate);
  setText(byId("unified-deficit"), `${count(view.totals.in_silo_deficit)} accounts · unified ${dollars(view.totals.unified_deficit)} (${count(view.totals.in_unified_deficit)})`);
  showCounts(view.totals);
  const steps = JSON.stringify(view.waterfall);
  if (steps !== drawnSteps) paintWaterfall(view.waterfall);
  drawnSteps = steps;
  showStates(view.calls_by_state);
  showAccounts(view.accounts);
  showCalls(view.newest_calls, (row) => el("a", { href: address(row.account_id) }, row.account_id));
}

const address = (accountId) => `/accounts/${encodeURIComponent(accountId)}`;

function showCounts(totals) {
  for (const [id, number] of [["in-call", totals.in_call], ["warning", totals.warning], ["stale", totals.stale]]) {
    setText(byId(id), count(number));
    setFlag(byId(id).parentElement, "data-some", number > 0);
  }
  setText(byId("accounts-note"), `of ${count(totals.accounts)}; ${count(totals.incomplete)} with missing input`);
}

function showStates(byState) {
  const states = stateOrder.filter((state) => byState.binding[state] || byState.shadow[state]);
  const cell = (number) => el("td", { class: number ? null : "none" }, number ? count(number) : "–");
  const rows = states.map((state) => el("tr", {}, el("th", { scope: "row" }, badge(state)), cell(byState.binding[state]), cell(byState.shadow[state])));
  const head = el("tr", {}, el("th", { scope: "col" }, "State"), el("th", { scope: "col" }, "binding"), el("th", { scope: "col" }, "shadow"));
  const table = el("table", { class: "states" }, el("thead", {}, head), el("tbody", {}, ...rows));
  const shown = states.length ? table : el("p", { class: "empty" }, "No warnings, no calls.");
  if (byId("states").textContent !== shown.textContent) byId("states").replaceChildren(shown);
}

function showAccounts(table) {
  const body = byId("accounts").tBodies[0];
  reconcile(body, table.rows, (row) => row.account_id, newRow, updateRow);
  const found = table.query ? ` match “${table.query}”` : "";
  setText(byId("accounts-shown"), table.rows.length ? `${count(table.rows.length)} of ${count(table.matching)}${found}, by ${words(table.sort).toLowerCase()}` : `No account matches “${table.query}”.`);
}

function newRow(row) {
  const name = el("td", {}, el("span", { class: "who" }, el("a", { href: address(row.account_id) }, row.account_id), el("span", { class: "sub" })));
  const cell = (label, wide) => el("td", { class: wide ? "num wide" : "num", "data-label": label });
  return el("tr", {}, name, el("td", { class: "marks" }), cell("Silo sum"), cell("Unified"), cell("Gap"), cell("Deficit"), cell("Utilisation"));
}

function updateRow(line, row) {
  const [name, state, silo, unified, gap, deficit, use] = line.cells;
  setFlag(line, "data-stale", row.stale);
  const owner = [row.owner, row.desk].filter(Boolean).join(" · ");
  setText(name.querySelector(".sub"), owner);
  setFlag(name.querySelector(".sub"), "title", Boolean(owner), owner);
  const marks = [row.standing, row.frozen ? "frozen" : null, row.intraday_deficit ? "intraday_deficit" : null, row.stale ? "stale" : null, row.incomplete ? "incomplete" : null].filter(Boolean);
  if (state.dataset.marks !== marks.join()) {
    state.dataset.marks = marks.join();
    state.replaceChildren(el("span", {}, ...marks.flatMap((mark) => [badge(mark), " "])));
  }
  setText(silo, dollars(row.silo_sum));
  setText(unified, dollars(row.unified));
  setText(gap, signed(row.gap));
  setText(deficit, Number(row.silo_deficit) ? dollars(row.silo_deficit) : "–");
  deficit.className = Number(row.silo_deficit) ? "num bad strong" : "num";
  const share = percent(row.utilisation);
  if (use.dataset.share !== share) {
    use.dataset.share = share;
    use.replaceChildren(share, meter(row.utilisation));
  }
}

const stream = new Stream(source(), { overview: showOverview, history: (samples) => samples.length > 1 && paintHistory(samples) });

function source() {
  return `/events?${new URLSearchParams(selection)}`;
}

function select(change) {
  Object.assign(selection, change);
  for (const head of document.querySelectorAll("[data-sort]")) setFlag(head, "aria-sort", head.dataset.sort === selection.sort, "descending");
  stream.follow(source());
}

for (const head of document.querySelectorAll("[data-sort]")) {
  setFlag(head, "aria-sort", head.dataset.sort === selection.sort, "descending");
  head.querySelector("button").addEventListener("click", () => select({ sort: head.dataset.sort }));
}

let typing = 0;
byId("filter").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => select({ q: event.target.value.trim() }), 250);
});

document.addEventListener("keydown", (event) => {
  const field = byId("filter");
  if (event.key === "/" && document.activeElement !== field) {
    event.preventDefault();
    field.focus();
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") moveAlong(event);
});

// Arrow keys walk the account links of the table that has the focus.
function moveAlong(event) {
  const body = document.activeElement?.closest?.("tbody");
  if (!body) return;
  const links = [...body.querySelectorAll("a")];
  const next = links[links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
