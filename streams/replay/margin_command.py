"""``marginmon margin``: requirements of a book file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from streams.replay.book_check import Problem
from streams.replay.book_file import read_book
from streams.replay.command_errors import FILE, PARAMETERS, SCENARIOS, Time, refuse_in_one_line, time_text
from streams.replay.files import FileError
from streams.replay.margin import MarginedBook
from streams.replay.margin_report import print_report, print_rulebooks
from streams.replay.simm_command import run_crif, simm_options


@click.command()
@click.argument("file", type=FILE, required=False)
@click.option(
    "--rulebook",
    "rulebook_ids",
    metavar="ID",
    multiple=True,
    help="Only this rulebook's requirement with its explanation; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of tables: sorted keys, money as text.")
@PARAMETERS
@SCENARIOS
@click.option("--as-of", type=Time(), help="Time of the evaluation [default: the latest price's].")
@simm_options
@refuse_in_one_line
def margin(
    file: Path | None,
    rulebook_ids: tuple[str, ...],
    as_json: bool,
    parameters: Path | None,
    scenarios: Path | None,
    as_of: int | None,
    **simm: Any,
) -> None:
    """Margin the accounts of a book FILE under today's silo rulebooks and the unified candidate.

    FILE is JSON: accounts, instruments, prices, positions, trades, collateral in the shapes of the topics
    (docs/bring-your-own.md); gzip too. A rulebook that policy.toml gives no product is a comparison: it takes every
    position that it covers, whatever silo holds it.

    Exit code 0 if every figure is complete, 1 if something could not be margined (named on stderr and under
    refused_positions; the rest is), 2 for a bad file or setting.

    With --crif a file of sensitivities (docs/rulebooks/isda-simm.md) or of trades of the schedule
    (docs/rulebooks/schedule-im.md) takes the book's place.

    \b
    Example:
      marginmon margin book.json
      marginmon margin book.json --rulebook finra-4210g --rulebook one-pot --json
      marginmon margin --crif crif.csv --rulebook isda-simm --version 2.8+2512 --horizon 10d --json
      marginmon margin --crif schedule.csv --rulebook schedule-im --as-of 2026-11-27
    """
    if (file is None) == (simm["crif"] is None):
        raise click.UsageError("give either a book FILE or --crif FILE")
    if file is None:
        raise SystemExit(run_crif(simm, rulebook_ids, parameters, as_of, as_json=as_json))
    book, unknown = read_book(file)
    margined = MarginedBook(book, parameters, scenarios, as_of)
    for rulebook_id in rulebook_ids:
        _check_rulebook(file, rulebook_id, margined)
    for path in unknown:
        click.echo(f"left out: {path}: unknown key", err=True)
    for line in margined.warnings:
        click.echo(line, err=True)
    if as_json:
        click.echo(
            json.dumps(
                _document(margined, unknown, rulebook_ids), indent=2, sort_keys=True, ensure_ascii=False
            )
        )
    elif rulebook_ids:
        print_rulebooks(Console(), margined.under(rulebook_ids))
    else:
        print_report(Console(), margined.views)
    raise SystemExit(0 if margined.complete else 1)


def _refused(problem: Problem) -> dict[str, str]:
    """Which, where, why and what to do."""
    return {
        "account_id": problem.account_id,
        "instrument_id": problem.instrument_id,
        "place": problem.place,
        "reason": problem.reason.value,
        "detail": problem.detail,
        "remedy": problem.reason.action,
    }


def _check_rulebook(file: Path, rulebook_id: str, margined: MarginedBook) -> None:
    """
    Raises:
        FileError: there is no such rulebook.
    """
    if rulebook_id in margined.rulebook_ids:
        return
    raise FileError(
        file, "", f"no rulebook {rulebook_id}", f"--rulebook takes one of {', '.join(margined.rulebook_ids)}"
    )


def _document(margined: MarginedBook, unknown: list[str], rulebook_ids: tuple[str, ...]) -> dict[str, object]:
    return {
        "as_of": time_text(margined.as_of_ns),
        "as_of_ns": margined.as_of_ns,
        "complete": margined.complete,
        "refused_positions": [_refused(problem) for problem in margined.refused],
        "unknown_keys": unknown,
        "warnings": margined.warnings,
        **(
            {"accounts": margined.views}
            if not rulebook_ids
            else {"rulebook_ids": list(rulebook_ids), "requirements": margined.under(rulebook_ids)}
        ),
    }
