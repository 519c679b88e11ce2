// One account: figures, explanation, calls.

import { showAnswerable } from "./answer.js";
import { badge } from "./badges.js";
import { showCalls } from "./call_table.js";
import { byId, drawn, el, setText } from "./dom.js";
import { minute, moment, scopeName, cents, words } from "./format.js";
import { intradayMarks, showIntraday } from "./intraday.js";
import { showExceptable } from "./exception.js";
import { showExplanation, showExplanationError } from "./explanation.js";
import { siloCards } from "./silos.js";
import { Stream } from "./stream.js";
import { showTotals } from "./totals.js";
import { drawWaterfall } from "./waterfall.js";

const accountId = byId("figures").dataset.account;
const path = encodeURIComponent(accountId);
const NO_DAY = "1970-01-01"; // the contract's word for none
const EXPLAIN_EVERY_MS = 2000;
const paintWaterfall = drawn(byId("waterfall"), drawWaterfall);

function showAccount(view) {
  byId("figures").hidden = !view.statement;
  byId("waiting").hidden = Boolean(view.statement);
  setText(byId("waiting-why"), view.feed.message || "Kafka answers; no statement of this account has been published.");
  if (!view.statement) return;
  showStatement(view.statement, view);
  paintWaterfall(view.waterfall);
  showCases(view.cases);
  showAnswerable(view.cases);
  showCalls(view.calls, (row) => `#${row.case_number}.${row.sequence}`);
  explainSoon();
}

function showStatement(statement, view) {
  const gap = statement.gap;
  showTotals(gap, Number(gap.silo_sum) ? Number(gap.gap) / Number(gap.silo_sum) : null);
  setText(byId("silo-note"), statement.silos.length === 1 ? "1 silo" : `${statement.silos.length} silos`);
  setText(byId("unified-note"), `${statement.unified.rulebook_id} ${statement.unified.rulebook_version}${statement.unified.eligible ? "" : " · not eligible"}`);
  const owner = [statement.owner, statement.desk].filter(Boolean).join(" · ");
  setText(byId("account-note"), `${owner ? `${owner} · ` : ""}${statement.business_date === NO_DAY ? "no start-of-day record" : `business date ${statement.business_date}`} · as of ${moment(statement.as_of_ns / 1e6)} UTC`);
  const quality = statement.quality;
  const marks = [view.standing, ...intradayMarks(statement.intraday), quality.stale ? "stale" : null, quality.incomplete.length ? "incomplete" : null].filter(Boolean);
  byId("standing").replaceChildren(...marks.flatMap((mark) => [badge(mark), " "]));
  byId("silos").replaceChildren(...siloCards(statement));
  showIntraday(statement.intraday);
  showExceptable(statement.intraday);
  showQuality(statement, view);
}

function showQuality(statement, view) {
  const { quality, inputs } = statement;
  const offset = (number) => (number < 0 ? "none" : String(number));
  const facts = [
    ["Prices", quality.stale ? "stale" : "fresh"],
    ["Oldest price age", `${(quality.oldest_price_age_ms / 1000).toFixed(1)} s when computed`],
    ["Missing", quality.incomplete.length ? quality.incomplete.join("; ") : "nothing"],
    ["Worst unified scenario", statement.unified.worst_scenario || "none"],
    ["As of", `${moment(statement.as_of_ns / 1e6)} UTC`],
    ["Published", `${moment(view.published_ms)} UTC, sequence ${statement.sequence}`],
    ["Latest price", `${moment(inputs.price_time_ns / 1e6)} UTC`],
    ["Partition", String(inputs.partition)],
    ["Trades offset", offset(inputs.trades_offset)],
    ["Collateral offset", offset(inputs.collateral_offset)],
    ["Start-of-day offset", offset(inputs.positions_offset)],
    ["Served by", statement.served_by],
  ];
  byId("quality").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function showCases(cases) {
  const open = cases.filter((row) => row.state !== "clear");
  byId("cases").replaceChildren(...open.map((row) => el("p", {},
    el("span", { class: `tag tag-${row.binding ? "binding" : "shadow"}` }, row.binding ? "binding" : "shadow"),
    el("strong", {}, scopeName(row.scope)), badge(row.state),
    Number(row.amount) ? el("strong", {}, cents(row.amount)) : words(row.reason.toLowerCase()),
    row.due_ms === null ? "" : el("span", { class: "muted" }, `due ${minute(row.due_ms)} UTC`))));
}

// The worker is asked at most every two seconds, and again after the newest change.
let asking = false;
let askAgain = false;

async function explainSoon() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  do {
    askAgain = false;
    await explain();
    await new Promise((resolve) => setTimeout(resolve, EXPLAIN_EVERY_MS));
  } while (askAgain);
  asking = false;
}

async function explain() {
  try {
    const answer = await fetch(`/api/accounts/${path}`, { headers: { accept: "application/json" } });
    const body = await answer.json();
    if (body.explained) showExplanation(body.explained);
    else showExplanationError(body.explanation_error ?? body.error);
  } catch {
    showExplanationError("The server of this page does not answer; trying again with the next change.");
  }
}

new Stream(`/events?account=${path}`, { account: showAccount });
