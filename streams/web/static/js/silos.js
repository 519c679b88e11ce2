// Silos and the unified candidate side by side.

import { meter } from "./badges.js";
import { el } from "./dom.js";
import { cents, percent, words } from "./format.js";

const share = (requirement, equity) => (Number(equity) > 0 ? Number(requirement) / Number(equity) : Number(requirement) > 0 || Number(equity) < 0 ? null : 0);

function pairs(rows) {
  return el("dl", { class: "pairs" }, ...rows.flatMap(([name, amount, look = ""]) => [
    el("dt", { class: look }, name),
    el("dd", { class: `${look} ${Number(amount) < 0 ? "negative" : ""}` }, cents(amount)),
  ]));
}

function use(part) {
  return el("p", { class: "use" }, el("span", { class: "muted" }, "Utilisation"), meter(part), el("span", { class: `value ${part === null || part >= 1 ? "bad" : ""}` }, percent(part)));
}

function excess(amount) {
  return [Number(amount) < 0 ? "Excess (deficit)" : "Excess", amount, "strong rule"];
}

// What is not collected, where the rule says so or a counterparty group shares it; why less is collected than required.
function collection(silo) {
  const shared = Number(silo.threshold) !== 0 || silo.allocation;
  const notes = [silo.exception, silo.allocation].filter(Boolean);
  return [
    ...(shared ? [pairs([["Threshold, not collected", silo.threshold, "rule"], ["Minimum transfer", silo.minimum_transfer]])] : []),
    ...notes.map((note) => el("p", { class: `small ${note.startsWith("OVER_ALLOCATED") ? "bad" : ""}` }, note)),
  ];
}

export function siloCards(statement) {
  const cards = statement.silos.map((silo) => el("article", { class: "panel silo" },
    el("h2", {}, words(silo.silo), el("span", { class: "tag tag-binding" }, "binding")),
    el("p", { class: "small" }, `${silo.rulebook_id} ${silo.rulebook_version}`),
    pairs([["Maintenance", silo.maintenance, "strong"], ["Initial", silo.initial], ["Equity", silo.equity], excess(silo.excess)]),
    use(share(silo.maintenance, silo.equity)),
    ...collection(silo)));
  return [...cards, unifiedCard(statement.unified)];
}

function unifiedCard(unified) {
  const parts = unified.parts.filter((part) => Number(part.amount) !== 0).map((part) => [words(part.name), part.amount]);
  return el("article", { class: "panel silo silo-unified" },
    el("h2", {}, "Unified", el("span", { class: "tag tag-shadow" }, "shadow")),
    el("p", { class: "small" }, `${unified.rulebook_id} ${unified.rulebook_version}${unified.eligible ? "" : " · account not eligible: keeps the sum of its silos"}`),
    pairs([...parts, ["Requirement", unified.requirement, "strong rule"], ["Equity", unified.equity], excess(unified.excess)]),
    use(share(unified.requirement, unified.equity)));
}
