// What the account's worker answers to "why": trees, contributions, scenario losses.

import { byId, drawn, el, reconcile, setText, svg } from "./dom.js";
import { cents, moment, plain, words } from "./format.js";
import { drawScenarios } from "./scenarios.js";
import { showTree } from "./tree.js";

const paintScenarios = drawn(byId("scenarios"), drawScenarios);

export function showExplanation({ statement, explanation }) {
  say(`Computed by the account's worker on request, as of ${moment(statement.as_of_ns / 1e6)} UTC. Parts add up to the amount above them; each is rounded to the nearest cent.`, false);
  const place = statement.silos.map((silo) => silo.silo);
  const silos = explanation.silos.toSorted((a, b) => place.indexOf(a.silo) - place.indexOf(b.silo));
  const trees = [
    ...silos.map((silo) => ({ ...silo, title: `${words(silo.silo)} · ${silo.rulebook_id}` })),
    ...explanation.equity.map((entry) => ({ ...entry, title: `${words(entry.silo)} · equity`, worst_scenario: "" })),
    { ...explanation.unified, title: `Unified · ${statement.unified.rulebook_id} (shadow)` },
  ];
  reconcile(byId("trees"), trees, (tree) => tree.title, () => el("div", { class: "tree" }), (box, tree) => showTree(box, tree.tree, tree.title, tree.worst_scenario ? `worst: ${tree.worst_scenario}` : ""));
  showPositions(explanation.contributions);
  paintScenarios(explanation.scenario_losses);
}

export function showExplanationError(message) {
  say(message, true);
}

function say(text, isError) {
  setText(byId("explained-note"), text);
  byId("explained-note").className = isError ? "small bad" : "small";
}

function showPositions(contributions) {
  const largest = Math.max(1, ...contributions.map((position) => Math.abs(Number(position.loss))));
  reconcile(byId("positions").tBodies[0], contributions, (position) => position.instrument_id, newPosition, (row, position) => {
    const [, quantity, loss, share] = row.cells;
    const amount = Number(position.loss);
    setText(quantity, plain(position.quantity));
    setText(loss, cents(position.loss));
    loss.classList.toggle("freed", amount < 0);
    const width = (Math.abs(amount) / largest) * 50;
    const bar = svg("rect", { class: amount < 0 ? "bar-gain" : "bar-loss", x: amount < 0 ? 50 - width : 50, width, height: 10 });
    share.replaceChildren(svg("svg", { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, bar, svg("line", { class: "axis", x1: 50, x2: 50, y1: 0, y2: 10 })));
  });
}

function newPosition(position) {
  return el("tr", {}, el("td", {}, position.instrument_id), el("td", { class: "num" }), el("td", { class: "num strong" }), el("td", { class: "bar-cell chart" }));
}

for (const [id, open] of [["open-all", true], ["close-all", false]]) {
  byId(id).addEventListener("click", () => {
    for (const details of byId("trees").querySelectorAll("details:not(.more)")) details.open = open;
  });
}
