"""Figures of the schedule for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from streams.replay.margin_report import table_of
from streams.replay.simm_report import collection_rows, money, print_document


def print_schedules(console: Console, documents: list[dict[str, Any]]) -> None:
    """Each portfolio: gross initial margin, replacement costs, the total of both sides."""
    for document in documents:
        title = (
            f"Portfolio {document['portfolio_id']}: standardized initial margin {document['version']}, "
            f"{document['side']}, {document['trades']} trades"
        )
        table = table_of(title, "margin", document["currency"])
        table.add_row("gross initial margin", money(document["gross_initial_margin"]))
        table.add_row("gross replacement cost", money(document["gross_replacement_cost"]))
        table.add_row("net replacement cost", money(document["net_replacement_cost"]))
        table.add_row("net to gross", f"{document['net_to_gross']:.6f}")
        table.add_section()
        table.add_row(Text("total", style="bold"), money(document["total"]))
        other = "post" if document["side"] == "collect" else "collect"
        table.add_row(f"total, {other}", money(document[f"{other}_total"]))
        collection_rows(table, document)
        print_document(console, table, document)
