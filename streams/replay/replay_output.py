"""A replay's result as JSON, as a Parquet table, as a summary for a terminal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from streams.replay.command_errors import time_text
from streams.replay.file_engine import FileEngine
from streams.replay.files import FileError
from streams.replay.margin_report import money, table_of
from streams.replay.price_feed import PriceFeed
from streams.replay.replay import ReplayResult

_MONEY_DIGITS: Final = 20


def document(result: ReplayResult, files: FileEngine, feed: PriceFeed) -> dict[str, Any]:
    """Everything as JSON values; money as decimal text."""
    outcomes = {f"{topic}.{outcome}": n for (topic, outcome), n in sorted(files.counts.items()) if n}
    return {
        "from": time_text(result.first_ns),
        "to": time_text(result.last_ns),
        "evaluations": result.steps,
        "market_events": dict(sorted(feed.counts.items())),
        "messages": outcomes,
        "problems": [str(problem) for problem in files.problems],
        "left_out": files.left_out,
        "calls": [call.model_dump(mode="json") for call in result.calls],
        "intraday_deficits": [event.model_dump(mode="json") for event in result.intraday],
        "timeline": [row | {"time": time_text(row["time_ns"])} for row in result.timeline],
        "statements": [statement.model_dump(mode="json") for statement in result.statements],
    }


def write_parquet(result: ReplayResult, file: Path) -> None:
    """The timeline as a table: time, account, amounts as decimals, a column per silo figure and gap term.

    Raises:
        FileError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise FileError(
            file, "", "writing Parquet needs pyarrow", "pip install 'marginmon[parquet]'"
        ) from None
    rows = [_flat(row) for row in result.timeline]
    amounts = sorted({name for row in rows for name in row} - {"time_ns", "account_id", "stale"})
    schema = pa.schema(
        [
            ("time_ns", pa.timestamp("ns", tz="UTC")), ("account_id", pa.string()), ("stale", pa.bool_()),
            *((name, pa.decimal128(_MONEY_DIGITS, 2)) for name in amounts),
        ]
    )  # fmt: skip
    try:
        pa.parquet.write_table(pa.Table.from_pylist(rows, schema), file)
    except OSError as error:
        raise FileError(
            file, "", f"cannot be written: {error}", "name a file in an existing folder"
        ) from None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {name: row[name] for name in ("time_ns", "account_id", "stale")}
    for silo, figures in row["silos"].items():
        flat |= {f"{silo}.{name}": Decimal(amount) for name, amount in figures.items()}
    flat |= {f"gap.{term['name']}": Decimal(term["amount"]) for term in row["terms"]}
    return flat | {
        name: Decimal(value)
        for name, value in row.items()
        if name not in flat and name not in {"silos", "terms"}
    }


def _intraday_table(result: ReplayResult) -> Table:
    table = table_of("Intraday deficits", "time", "account", "reason", "of", "amount", "frozen until")
    for event in result.intraday:
        amount = money(event.model_dump(mode="json")["amount"])
        table.add_row(
            time_text(event.as_of_ns), event.account_id, event.reason, event.deficit_date, amount,
            event.account_frozen_until or "",
        )  # fmt: skip
    return table


def print_summary(console: Console, result: ReplayResult, files: FileEngine, feed: PriceFeed) -> None:
    """What came in, the calls in order, the last figures of every account."""
    console.print(f"{time_text(result.first_ns)} to {time_text(result.last_ns)}, {result.steps} evaluations")
    console.print("market events: " + ", ".join(f"{name} {n:,}" for name, n in sorted(feed.counts.items())))
    calls = table_of(
        "Calls", "time", "account", "scope", "state", "reason", "amount", "excess", "worst scenario"
    )
    for call in result.calls:
        shown = call.model_dump(mode="json")
        calls.add_row(
            time_text(call.as_of_ns), call.account_id, call.scope, call.state, call.reason,
            money(shown["margin_call_amount"]), money(shown["margin_excess"]), call.worst_scenario,
        )  # fmt: skip
    console.print(calls)
    if result.intraday:
        console.print(_intraday_table(result))
    last = table_of(
        "At the end",
        "account",
        "silo sum",
        "unified",
        "gap",
        "silo deficit",
        "unified deficit",
        "trapped excess",
    )
    for statement in result.statements:
        gap = statement.gap.model_dump(mode="json")
        names = ("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess")
        last.add_row(statement.account_id, *(money(gap[name]) for name in names))
    console.print(last)
    for problem in files.problems:
        console.print(f"incomplete: {problem}", style="red", markup=False)
