"""A small book and market for tests of the file commands: SPY against an ES future, on made-up prices."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

T0_MS = 1_790_000_040_000  # 2026-09-21T14:14:00Z, a whole minute
T0_NS = T0_MS * 1_000_000
MINUTE_MS = 60_000
MINUTE_NS = MINUTE_MS * 1_000_000

BOOK: dict[str, Any] = {
    "accounts": [{"account_id": "A", "owner": "desk one", "approvals": ["portfolio_margin", "cross_margin"]}],
    "instruments": [
        {"instrument_id": "SPY", "product": "etf", "index_class": "high_cap_broad", "risk_factor": "EQ:SPX"},
        {
            "instrument_id": "ES", "product": "future", "multiplier": 50, "combined_commodity": "ES",
            "contract_month": "2026-12", "risk_factor": "EQ:SPX", "basis_factor": "BASIS:ES",
        },
    ],
    "prices": [
        {"instrument_id": "SPY", "bid": 599.9, "ask": 600.1, "source_time_ns": T0_NS, "sequence": 1},
        {"instrument_id": "ES", "mark": 6010.0, "source_time_ns": T0_NS, "sequence": 1},
    ],
    "positions": [
        {
            "account_id": "A", "business_date": "2026-09-18", "as_of_ns": T0_NS - MINUTE_NS,
            "positions": [
                {"instrument_id": "SPY", "quantity": 5000},
                {"instrument_id": "ES", "quantity": -10, "reference_price": 6000.0},
            ],
            "cash": [{"silo": "securities", "amount": -2_700_000}, {"silo": "futures", "amount": 300_000}],
        }
    ],
}  # fmt: skip


def book(**changes: Any) -> dict[str, Any]:
    """A copy of the book with other top-level entries."""
    return copy.deepcopy(BOOK) | changes


def write_json(folder: Path, content: Any, name: str = "book.json") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


HEADER = "ts_utc_ms,symbol,kind,bid,ask,price,size"


def write_market(folder: Path, rows: Iterable[str], name: str = "market.csv", header: str = HEADER) -> Path:
    """A market file; a name that ends in .gz is packed."""
    file = folder / name
    text = "\n".join([header, *rows]) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


def quote(minute: int, symbol: str, bid: float, ask: float) -> str:
    return f"{T0_MS + minute * MINUTE_MS},{symbol},quote,{bid},{ask},,"


def trade(minute: int, symbol: str, price: float) -> str:
    return f"{T0_MS + minute * MINUTE_MS},{symbol},trade,,,{price},100"
