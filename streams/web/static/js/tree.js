// Explanation trees: parts that add up, facts beside them. Open parts stay open while figures move.

import { el, reconcile, setText } from "./dom.js";
import { cents, plain, words } from "./format.js";

const FACTS_SHOWN = 12; // the rest (a P&L per scenario) opens on demand
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

export function showTree(container, root, title, extra) {
  reconcile(container, [root], () => "root", newNode, (node, part) => updateNode(node, part, title, extra));
  if (!container.dataset.begun) {
    container.dataset.begun = "yes";
    container.firstElementChild.open = true;
  }
}

const isLeaf = (part) => !part.parts.length && !Object.keys(part.facts).length;

function keyed(parts) {
  const seen = new Map();
  return parts.map((part) => {
    const number = seen.get(part.name) ?? 0;
    seen.set(part.name, number + 1);
    return { part, key: `${part.name}#${number}#${isLeaf(part)}` };
  });
}

function newNode(part) {
  const name = el("span", { class: "name" });
  const amount = el("span", { class: "amount" });
  if (isLeaf(part)) return el("div", { class: "leaf" }, el("div", { class: "line" }, name, amount));
  const more = el("details", { class: "more" }, el("summary"), el("dl", { class: "facts" }));
  return el("details", {}, el("summary", {}, name, amount), el("dl", { class: "facts" }), more, el("div", { class: "parts" }));
}

function updateNode(node, part, title = null, extra = "") {
  const name = node.querySelector(".name");
  const text = title ?? words(part.name);
  if (name.dataset.text !== text + extra) {
    name.dataset.text = text + extra;
    name.replaceChildren(text, ...(extra ? [" ", el("span", { class: "extra" }, extra)] : []));
  }
  const amount = node.querySelector(".amount");
  setText(amount, cents(part.amount));
  amount.classList.toggle("freed", Number(part.amount) < 0);
  if (isLeaf(part)) return;
  updateFacts(node, Object.entries(part.facts));
  const parts = node.querySelector(":scope > .parts");
  reconcile(parts, keyed(part.parts), (entry) => entry.key, (entry) => newNode(entry.part), (child, entry) => updateNode(child, entry.part));
}

function updateFacts(node, facts) {
  const [list, more] = [node.children[1], node.children[2]];
  const shown = facts.length > FACTS_SHOWN + 1 ? FACTS_SHOWN : facts.length;
  listFacts(list, facts.slice(0, shown));
  more.hidden = shown === facts.length;
  setText(more.firstElementChild, `${facts.length - shown} more`);
  listFacts(more.lastElementChild, facts.slice(shown));
}

function listFacts(list, facts) {
  const create = ([name]) => el("div", {}, el("dt", {}, words(name)), el("dd"));
  reconcile(list, facts, ([name]) => name, create, (row, [name, value]) => setText(row.lastElementChild, factText(name, value)));
}

function factText(name, value) {
  if (value === null) return "unbounded"; // JSON has no infinity
  if (name.endsWith("_usd") && NUMBER.test(value)) return cents(value);
  if (typeof value === "number" || NUMBER.test(value)) {
    const number = Number(value);
    return Math.abs(number) >= 1000 && !Number.isInteger(number) ? cents(number) : plain(number);
  }
  return String(value);
}
