"""SIMM figures for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from engine.rules.simm.vocabulary import MARGIN_TYPES, RISK_CLASSES
from streams.replay.margin_report import table_of


def print_portfolios(console: Console, documents: list[dict[str, Any]]) -> None:
    """Each portfolio: risk classes by margin type, product classes, add-ons, the total of both sides."""
    for document in documents:
        print_document(console, _table(document), document)


def print_document(console: Console, table: Table, document: dict[str, Any]) -> None:
    """A portfolio's table, its explanation if it was asked for, and whether rows are missing in it."""
    console.print(table)
    if "explanation" in document:
        tree = Tree(Text("explanation", style="bold"))
        _grow(tree, document["explanation"])
        console.print(tree)
    if not document["complete"]:
        rows = len(document["refused_rows"])
        console.print(Text(f"incomplete: {rows} rows refused, see above", style="bold red"))
    console.print()


def _table(document: dict[str, Any]) -> Table:
    regulation = f", {document['regulation']}" if document["regulation"] else ", not margined"
    title = (
        f"Portfolio {document['portfolio_id']}: ISDA SIMM {document['version']}, {document['horizon']}, "
        f"{document['side']}{regulation}"
    )
    table = table_of(title, "margin", document["currency"])
    for risk_class in RISK_CLASSES:
        types = document["risk_classes"].get(risk_class, {})
        for kind in MARGIN_TYPES:
            if kind in types:
                table.add_row(f"{risk_class} {kind}", money(types[kind]))
    table.add_section()
    for name, amount in document["product_classes"].items():
        table.add_row(f"SIMM {name}", money(amount))
    for name, amount in document["add_ons"].items():
        table.add_row(f"add-on: {name}", money(amount))
    table.add_section()
    table.add_row(Text("total", style="bold"), money(document["total"]))
    other = "post" if document["side"] == "collect" else "collect"
    table.add_row(f"total, {other}", money(document[f"{other}_total"]))
    collection_rows(table, document)
    return table


def collection_rows(table: Table, document: dict[str, Any]) -> None:
    """What threshold and minimum transfer leave, if groups were given."""
    collection = document.get("collection")
    if collection is None:
        return
    table.add_section()
    table.add_row(f"group {collection['group']}: required", money(collection["group_required"]))
    table.add_row(collection["reason"], "in scope" if collection["in_scope"] else "out of scope")
    table.add_row("threshold of the group", money(collection["threshold"]))
    table.add_row("to hold for this portfolio", money(collection["to_hold"]))
    table.add_row("held", money(collection["held"]))
    table.add_row("to move", money(collection["transfer"]))


def money(amount: float) -> str:
    """Two decimals."""
    return f"{amount:,.2f}"


def _grow(tree: Tree, part: dict[str, Any]) -> None:
    """Put an explanation's parts under a branch."""
    facts = ", ".join(
        f"{name} {value:,.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in part["facts"].items()
    )
    label = Text(f"{part['name']}  {money(part['amount'])}")
    label.append(f"  ({facts})" if facts else "", style="dim")
    branch = tree.add(label)
    for child in part["parts"]:
        _grow(branch, child)
