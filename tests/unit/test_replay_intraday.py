"""Intraday deficits in a replay: beside the calls, the same bytes each time, the same as by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.file_book import MINUTE_NS, T0_NS, book, quote, write_json, write_market

_DAY_MINUTES = 24 * 60


def margin_book() -> dict[str, Any]:
    """Account M: 10,000 in cash, no portfolio margin; it buys 80 SPY at 600 and sells them half an hour later."""

    def trade(trade_id: str, minute: int, quantity: float) -> dict[str, Any]:
        return {
            "trade_id": trade_id, "version": 1, "account_id": "M", "instrument_id": "SPY", "quantity": quantity,
            "price": 600.0, "business_date": "2026-09-21", "trade_time_ns": T0_NS + minute * MINUTE_NS,
        }  # fmt: skip

    opening = {
        "account_id": "M", "business_date": "2026-09-18", "as_of_ns": T0_NS - MINUTE_NS,
        "cash": [{"silo": "securities", "amount": 10_000}],
    }  # fmt: skip
    return book(
        accounts=[{"account_id": "M"}],
        prices=[],
        positions=[opening],
        trades=[trade("t1", 5, 80), trade("t2", 35, -80)],
    )


def replayed(folder: Path, hash_seed: str) -> bytes:
    rows = [quote(minute, "SPY", 599.5, 600.5) for minute in (0, 5, 10, 35, 40)]
    rows += [quote(days * _DAY_MINUTES, "SPY", 599.5, 600.5) for days in (1, 2, 7, 8, 21, 22)]
    market = write_market(folder, rows)
    command = [sys.executable, "-m", "streams.cli", "replay", "--json"]
    files = ["--market", str(market), "--book", str(write_json(folder, margin_book()))]
    done = subprocess.run(
        [*command, *files], capture_output=True, check=False, env=os.environ | {"PYTHONHASHSEED": hash_seed}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_days_of_a_deficit_are_told_and_each_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first = replayed(tmp_path, "1")
    assert replayed(tmp_path, "2") == first
    events = json.loads(first)["intraday_deficits"]
    # 80 x 600 x 25 % = 12,000 to be maintained of 10,000; sold again, so that no margin is freed after the close
    assert [(event["reason"], event["amount"], event["business_date"]) for event in events] == [
        ("OPENED", "2000.00", "2026-09-21"),
        ("OCCURRED", "2000.00", "2026-09-21"),
        ("NOT_PROMPT", "2000.00", "2026-09-28"),
        ("EXPIRED", "2000.00", "2026-10-12"),
    ]
    (statement,) = json.loads(first)["statements"]
    assert statement["intraday"]["open_deficits"] == 0
