"""A replay: order of events, calls, timeline, and the same bytes whatever the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.replay.book_file import Book
from streams.replay.market_file import merged
from streams.replay.price_feed import PriceFeed
from streams.replay.steps import steps, within
from tests.file_book import BOOK, MINUTE_NS, T0_NS, book, quote, trade, write_json, write_market

NO_PRICES = book(prices=[])


def run(market: list[Path], book_file: Path, *arguments: str | Path) -> Result:
    files = [text for file in market for text in ("--market", str(file))]
    return CliRunner().invoke(main, ["replay", *files, "--book", str(book_file), *map(str, arguments)])


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def two_prices(minute: int, spy: float, es: float) -> list[str]:
    return [quote(minute, "SPY", spy - 0.05, spy + 0.05), quote(minute, "ES", es - 0.25, es + 0.25)]


def falling_market(folder: Path) -> Path:
    """SPY from 600 to 582 in 40 minutes, ES with it: the securities silo of the book runs dry."""
    rows = [row for m in range(41) for row in two_prices(m, 600 - 0.45 * m, 6010 - 4.5 * m)]
    return write_market(folder, rows)


def test_the_last_statement_is_that_of_the_book_at_the_last_prices(tmp_path: Path) -> None:
    replayed = document(run([falling_market(tmp_path)], write_json(tmp_path, NO_PRICES), "--json"))
    last_ns = T0_NS + 40 * MINUTE_NS
    prices = [
        {"instrument_id": "SPY", "bid": 581.95, "ask": 582.05, "source_time_ns": last_ns, "sequence": 1},
        {"instrument_id": "ES", "bid": 5829.75, "ask": 5830.25, "source_time_ns": last_ns, "sequence": 1},
    ]
    file = write_json(tmp_path, book(prices=prices), "last.json")
    margined = json.loads(CliRunner().invoke(main, ["margin", str(file), "--json"]).stdout)
    (expected,), (seen,) = [v["statement"] for v in margined["accounts"]], replayed["statements"]
    for key in ("silos", "unified", "gap", "utilisation", "quality", "as_of_ns"):
        assert seen[key] == expected[key]
    assert seen["silos"][0]["maintenance"] == "232800.00"  # 8 % of 5,000 x 582


def test_calls_come_at_the_minute_of_the_deficit(tmp_path: Path) -> None:
    """Equity 5,000 S - 2.7 M against 400 S: short by 1,000 (the minimum) from S = 586.74, the 30th minute."""
    replayed = document(run([falling_market(tmp_path)], write_json(tmp_path, NO_PRICES), "--json"))
    calls = [c for c in replayed["calls"] if c["scope"] == "silo:securities"]
    first = next(call for call in calls if call["state"] == "issued")
    spy = 600 - 0.45 * 30
    assert first["as_of_ns"] == T0_NS + 30 * MINUTE_NS
    assert float(first["margin_call_amount"]) == pytest.approx(400 * spy - (5000 * spy - 2_700_000), abs=0.01)
    assert [call["sequence"] for call in calls] == list(range(1, len(calls) + 1))


def test_the_timeline_shows_the_figures_as_they_stood(tmp_path: Path) -> None:
    replayed = document(
        run([falling_market(tmp_path)], write_json(tmp_path, NO_PRICES), "--json", "--every", "15m")
    )
    # Steps from 14:14 to 14:54: rows at the first, at 14:15, 14:30, 14:45 and at the last.
    rows = {row["time"]: row["silos"]["securities"]["maintenance"] for row in replayed["timeline"]}
    assert rows == {
        "2026-09-21T14:14:00Z": "240000.00",
        "2026-09-21T14:15:00Z": f"{400 * (600 - 0.45 * 1):.2f}",
        "2026-09-21T14:30:00Z": f"{400 * (600 - 0.45 * 16):.2f}",
        "2026-09-21T14:45:00Z": f"{400 * (600 - 0.45 * 31):.2f}",
        "2026-09-21T14:54:00Z": "232800.00",
    }
    assert replayed["evaluations"] == 41


def test_an_interval_without_events_has_no_row(tmp_path: Path) -> None:
    rows = [*two_prices(0, 600, 6010), *two_prices(50, 600, 6010)]
    market = write_market(tmp_path, rows)
    replayed = document(run([market], write_json(tmp_path, NO_PRICES), "--json", "--every", "15m"))
    assert [row["time"][11:16] for row in replayed["timeline"]] == ["14:14", "14:15", "15:04"]


def test_what_accounts_do_enters_at_its_time(tmp_path: Path) -> None:
    def sale(minute: int, version: int, quantity: float) -> dict[str, Any]:
        return {
            "trade_id": "T", "version": version, "account_id": "A", "instrument_id": "SPY", "quantity": quantity,
            "price": 600.0, "business_date": "2026-09-21", "trade_time_ns": T0_NS + minute * MINUTE_NS,
        }  # fmt: skip

    whole = book(prices=[], trades=[sale(3, 2, -2000), sale(1, 1, -1000), sale(9, 3, -3000)])
    rows = [row for minute in range(5) for row in two_prices(minute, 600, 6010)]
    market = write_market(tmp_path, rows)
    replayed = document(run([market], write_json(tmp_path, whole), "--json", "--every", "60s"))
    held = [row["silos"]["securities"]["maintenance"] for row in replayed["timeline"]]
    assert held == ["240000.00", "192000.00", "192000.00", "144000.00", "144000.00"]
    assert replayed["messages"]["trades.applied"] == 2  # the third is later than the last price


def test_activity_between_two_prices_belongs_to_the_later_one(tmp_path: Path) -> None:
    whole = Book.model_validate(book(prices=[]))
    market = write_market(tmp_path, [*two_prices(0, 600, 6010), *two_prices(2, 600, 6010)])
    late = whole.positions[0].model_copy(update={"as_of_ns": T0_NS + MINUTE_NS})
    course = list(steps(whole.model_copy(update={"positions": (late,)}), PriceFeed(whole), merged([market])))
    assert [(step.time_ns, len(step.activity), len(step.prices)) for step in course] == [
        (T0_NS, 0, 2), (T0_NS + 2 * MINUTE_NS, 1, 2)
    ]  # fmt: skip


def test_the_books_prices_are_events_of_their_times(tmp_path: Path) -> None:
    whole = Book.model_validate(BOOK)
    market = write_market(tmp_path, [quote(1, "SPY", 600, 601)])
    course = list(steps(whole, PriceFeed(whole), merged([market])))
    assert [(step.time_ns, len(step.prices)) for step in course] == [(T0_NS, 2), (T0_NS + MINUTE_NS, 1)]


def test_a_window_includes_both_ends_and_reads_no_further(tmp_path: Path) -> None:
    market = write_market(tmp_path, [*(trade(m, "SPY", 600) for m in range(5)), "nonsense"])
    chosen = list(within(merged([market]), T0_NS + MINUTE_NS, T0_NS + 3 * MINUTE_NS))
    assert [(event.time_ns - T0_NS) // MINUTE_NS for event in chosen] == [1, 2, 3]


def test_a_window_without_events_is_refused(tmp_path: Path) -> None:
    market = write_market(tmp_path, two_prices(0, 600, 6010))
    result = run([market], write_json(tmp_path, NO_PRICES), "--from", "2027-01-01")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{market}: no market event between --from and --to; widen the window\n"


def test_a_bad_row_ends_the_replay_in_one_line(tmp_path: Path) -> None:
    market = write_market(tmp_path, [*two_prices(0, 600, 6010), "1,SPY,quote,1,2,,"])
    result = run([market], write_json(tmp_path, NO_PRICES))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{market}: row 3, ts_utc_ms: goes back in time; sort the file by ts_utc_ms\n"


def test_crossed_quotes_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    rows = [*two_prices(0, 600, 6010), *(quote(1, "SPY", 601, 600) for _ in range(30))]
    market = write_market(tmp_path, rows)
    result = run([market], write_json(tmp_path, NO_PRICES), "--json")
    replayed = document(result)
    assert replayed["messages"]["prices.rejected"] == 30
    assert replayed["left_out"][0].startswith("market.csv row 3: CROSSED_QUOTE: instrument SPY")
    assert (len(replayed["left_out"]), replayed["left_out"][-1]) == (21, "10 more like these")


def test_what_cannot_be_margined_is_named_and_ends_in_exit_code_1(tmp_path: Path) -> None:
    whole = book(prices=[])
    whole["positions"][0]["positions"].append({"instrument_id": "QQQ", "quantity": 1})
    result = run([write_market(tmp_path, two_prices(0, 600, 6010))], write_json(tmp_path, whole), "--json")
    assert result.exit_code == 1
    assert "incomplete: positions[0].positions[2]: UNKNOWN_INSTRUMENT" in result.stderr
    (statement,) = json.loads(result.stdout)["statements"]
    assert len(statement["quality"]["incomplete"]) == 1


def test_a_summary_for_a_terminal(tmp_path: Path) -> None:
    result = run([falling_market(tmp_path)], write_json(tmp_path, NO_PRICES))
    assert result.exit_code == 0
    assert "41 evaluations" in result.stdout
    assert "market events: quote 82" in result.stdout


def test_the_timeline_as_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "timeline.parquet"
    file = write_json(tmp_path, NO_PRICES)
    result = run([falling_market(tmp_path)], file, "--parquet", out)
    assert (result.exit_code, result.stdout) == (0, "")
    rows = document(run([falling_market(tmp_path)], file, "--json"))["timeline"]
    table = parquet.read_table(out).to_pylist()
    assert len(table) == len(rows) == 5
    for read, row in zip(table, rows, strict=True):
        assert read["account_id"] == row["account_id"]
        assert str(read["silo_sum"]) == row["silo_sum"]
        assert str(read["securities.maintenance"]) == row["silos"]["securities"]["maintenance"]
        assert sum(v for k, v in read.items() if k.startswith("gap.")) == read["gap"]


@pytest.mark.parametrize(
    "environment", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "NUMBA_NUM_THREADS": "1"}]
)
def test_the_same_files_give_the_same_bytes_in_any_process(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    market, file = falling_market(tmp_path), write_json(tmp_path, NO_PRICES)
    expected = run([market], file, "--json").stdout
    arguments = ["replay", "--market", str(market), "--book", str(file), "--json"]
    out = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        env=os.environ | {"PYTHONPATH": os.getcwd()} | environment, check=True, capture_output=True,
    )  # fmt: skip
    assert out.stdout.decode() == expected


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--every", "15"], "'15' is no duration such as 90s, 15m, 2h or 1d"),
        (["--to-kafka", "--speed", "0"], "'0' is neither a positive number nor max"),
        (["--from", "noon"], "'noon' is no time such as"),
    ],
)
def test_a_bad_setting_is_refused(tmp_path: Path, arguments: list[str], line: str) -> None:
    result = run([falling_market(tmp_path)], write_json(tmp_path, NO_PRICES), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert line in result.stderr
