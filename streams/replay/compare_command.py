"""``marginmon compare``: what another policy does to a book file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streams.parameters import read_toml_file
from streams.replay.book_file import read_book
from streams.replay.command_errors import FILE, PARAMETERS, SCENARIOS, Time, refuse_in_one_line, time_text
from streams.replay.compare import Compared, Comparison
from streams.replay.compare import compare as compare_policies
from streams.replay.margin import MarginedBook
from streams.replay.margin_report import money, table_of


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--policy",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The other policy: a file in the form of policy.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of tables: sorted keys, money as text.")
@PARAMETERS
@SCENARIOS
@click.option("--as-of", type=Time(), help="Time of the evaluation [default: the latest price's].")
@refuse_in_one_line
def compare(
    file: Path,
    policy: Path,
    as_json: bool,
    parameters: Path | None,
    scenarios: Path | None,
    as_of: int | None,
) -> None:
    """Margin a book FILE, let another policy take effect, and show requirements, unified and gap before and after.

    The policy takes effect as it does in a running worker: products change silo and rulebook, positions follow,
    deposits and what was booked with a silo of its own stay. Exit code 0 if every figure is complete, 1 if something
    could not be margined, 2 for a bad file or setting, or a policy that cannot take effect.

    \b
    Example:
      marginmon compare book.json --policy cds-as-swaps.toml
    """
    book, unknown = read_book(file)
    margined = MarginedBook(book, parameters, scenarios, as_of)
    complete = margined.complete
    compared = compare_policies(margined, read_toml_file(policy))
    for path in unknown:
        click.echo(f"left out: {path}: unknown key", err=True)
    for line in margined.warnings:
        click.echo(line, err=True)
    if as_json:
        document = _document(compared, margined) | {"complete": complete and margined.complete}
        click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        _print(Console(), compared)
    raise SystemExit(0 if complete and margined.complete else 1)


def _document(compared: Comparison, margined: MarginedBook) -> dict[str, Any]:
    return {
        "as_of": time_text(margined.as_of_ns),
        "policy_versions": dict(zip(("before", "after"), compared.versions, strict=True)),
        "accounts": [
            {"account_id": name, "figures": [_row(row) for row in rows]}
            for name, rows in compared.accounts.items()
        ],
        "total": [_row(row) for row in compared.total],
    }


def _row(row: Compared) -> dict[str, str]:
    return {
        "figure": row.figure,
        "silo": row.silo,
        "before": str(row.before),
        "after": str(row.after),
        "change": str(row.change),
    }


def _print(console: Console, compared: Comparison) -> None:
    console.print("policy {} before, {} after".format(*compared.versions))
    for name, rows in compared.accounts.items():
        console.print(_table(f"Account {name}", rows))
    if len(compared.accounts) > 1:
        console.print(_table("All accounts", compared.total))


def _table(title: str, rows: list[Compared]) -> Table:
    table = table_of(title, "USD", "before", "after", "change")
    for row in rows:
        label = f"{row.figure} {row.silo}".strip().replace("_", " ")
        table.add_row(label, *(money(str(amount)) for amount in (row.before, row.after, row.change)))
    return table
