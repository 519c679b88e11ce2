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
        console.print(_table(document))
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
                table.add_row(f"{risk_class} {kind}", _money(types[kind]))
    table.add_section()
    for name, amount in document["product_classes"].items():
        table.add_row(f"SIMM {name}", _money(amount))
    for name, amount in document["add_ons"].items():
        table.add_row(f"add-on: {name}", _money(amount))
    table.add_section()
    table.add_row(Text("total", style="bold"), _money(document["total"]))
    other = "post" if document["side"] == "collect" else "collect"
    table.add_row(f"total, {other}", _money(document[f"{other}_total"]))
    return table


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _grow(tree: Tree, part: dict[str, Any]) -> None:
    facts = ", ".join(
        f"{name} {value:,.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in part["facts"].items()
    )
    label = Text(f"{part['name']}  {_money(part['amount'])}")
    label.append(f"  ({facts})" if facts else "", style="dim")
    branch = tree.add(label)
    for child in part["parts"]:
        _grow(branch, child)
