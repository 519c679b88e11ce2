"""A book and a market file whose account runs into an intraday deficit that nobody pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.file_book import MINUTE_NS, T0_NS, book, quote, write_market

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


def days_market(folder: Path) -> Path:
    """SPY at 600: the day of the trades, and later days until the deficit has expired."""
    rows = [quote(minute, "SPY", 599.5, 600.5) for minute in (0, 5, 10, 35, 40)]
    rows += [quote(days * _DAY_MINUTES, "SPY", 599.5, 600.5) for days in (1, 2, 7, 8, 21, 22)]
    return write_market(folder, rows)
