"""``marginmon margin``: requirements of a book file."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from streams.replay.book_file import read_book
from streams.replay.command_errors import FILE, PARAMETERS, SCENARIOS, Time, refuse_in_one_line, time_text
from streams.replay.files import FileError
from streams.replay.margin import MarginedBook
from streams.replay.margin_report import print_report, print_rulebook


@click.command()
@click.argument("file", type=FILE)
@click.option("--rulebook", metavar="ID", help="Only this rulebook's requirement with its explanation.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of tables: sorted keys, money as text.")
@PARAMETERS
@SCENARIOS
@click.option("--as-of", type=Time(), help="Time of the evaluation [default: the latest price's].")
@refuse_in_one_line
def margin(
    file: Path,
    rulebook: str | None,
    as_json: bool,
    parameters: Path | None,
    scenarios: Path | None,
    as_of: int | None,
) -> None:
    """Margin the accounts of a book FILE under today's silo rulebooks and the unified candidate.

    FILE is JSON: accounts, instruments, prices, positions, trades, collateral in the shapes of the topics
    (docs/bring-your-own.md); gzip too. Exit code 0 if every figure is complete, 1 if something could not be
    margined (named on stderr; the rest is), 2 for a bad file or setting.

    \b
    Example:
      marginmon margin book.json
      marginmon margin book.json --rulebook finra-4210g --json
    """
    book, unknown = read_book(file)
    margined = MarginedBook(book, parameters, scenarios, as_of)
    if rulebook is not None and rulebook not in margined.rulebook_ids:
        known = ", ".join(margined.rulebook_ids)
        raise FileError(file, "", f"no rulebook {rulebook}", f"--rulebook takes one of {known}")
    for path in unknown:
        click.echo(f"left out: {path}: unknown key", err=True)
    for line in margined.warnings:
        click.echo(line, err=True)
    if as_json:
        click.echo(
            json.dumps(_document(margined, unknown, rulebook), indent=2, sort_keys=True, ensure_ascii=False)
        )
    elif rulebook is not None:
        print_rulebook(Console(), rulebook, margined.under(rulebook))
    else:
        print_report(Console(), margined.views)
    raise SystemExit(0 if margined.complete else 1)


def _document(margined: MarginedBook, unknown: list[str], rulebook: str | None) -> dict[str, object]:
    return {
        "as_of": time_text(margined.as_of_ns),
        "as_of_ns": margined.as_of_ns,
        "complete": margined.complete,
        "unknown_keys": unknown,
        "warnings": margined.warnings,
        **(
            {"accounts": margined.views}
            if rulebook is None
            else {"rulebook_id": rulebook, "requirements": margined.under(rulebook)}
        ),
    }
