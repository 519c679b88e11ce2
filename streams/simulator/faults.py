"""Records that cannot be used, one kind for each way in which producers go wrong; they belong on the DLQ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from streams.simulator.accounts import SimulatedAccount
from streams.simulator.market import SimulatedMarket, business_date
from streams.simulator.record import SimulatedRecord, raw

_NS: Final = 1_000_000_000
PRICE_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "negative": {"bid": -1.0, "ask": -0.5, "mark": -0.75},
    "crossed": {"bid": 101.0, "ask": 99.0},
    "empty": {"mark": None},
    "huge": {"mark": 1e300},
    "wrong_type": {"mark": "one hundred"},
}
TRADE_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "no_such_day": {"business_date": "2026-02-30"},
    "unknown_silo": {"silo": "piggy_bank"},
    "huge_quantity": {"quantity": 1e15},
    "missing_version": {"version": None},
    "wrong_status": {"status": "maybe"},
}
BYTES_FAULTS: Final = ("cut_off", "not_a_number", "not_json", "foreign_key", "clock_skew")
KINDS: Final = (*PRICE_FAULTS, *TRADE_FAULTS, *BYTES_FAULTS)


class FaultyProducers:
    """Makes unusable records.

    Attributes:
        counts: by kind.
    """

    def __init__(
        self, market: SimulatedMarket, accounts: Sequence[SimulatedAccount], draws: np.random.Generator
    ) -> None:
        self._accounts = list(accounts)
        self._draws = draws
        self._names = [
            listing.instrument_id
            for listing in market.listings
            if not listing.late and not listing.record.negative_price_allowed
        ]
        self._number = 0
        self.counts = dict.fromkeys(KINDS, 0)

    def next_faults(self, count: int, now_ns: int) -> list[SimulatedRecord]:
        """That many unusable records of kinds drawn at random."""
        kinds = self._draws.integers(len(KINDS), size=count).tolist()
        return [self.fault(KINDS[kind], now_ns) for kind in kinds]

    def fault(self, kind: str, now_ns: int) -> SimulatedRecord:
        """An unusable record of this kind."""
        self.counts[kind] += 1
        self._number += 1
        price, trade = self._price(now_ns), self._trade(now_ns)
        if kind in PRICE_FAULTS:
            return raw("prices", price["instrument_id"], price | PRICE_FAULTS[kind])
        if kind in TRADE_FAULTS:
            return raw("trades", trade["account_id"], trade | TRADE_FAULTS[kind])
        if kind == "foreign_key":
            return raw("trades", "ACC-OF-SOMEBODY-ELSE", trade)
        if kind == "clock_skew":
            return raw("prices", price["instrument_id"], price | {"source_time_ns": now_ns + 3600 * _NS})
        return SimulatedRecord("trades", trade["account_id"].encode(), self._bytes(kind, trade))

    def _bytes(self, kind: str, trade: dict[str, Any]) -> bytes:
        if kind == "not_a_number":
            return json.dumps(trade | {"price": float("nan")}).encode()
        whole = json.dumps(trade).encode()
        return whole[: len(whole) // 2] if kind == "cut_off" else b"T-1,ACC-000001,SPY,100,639.00"

    def _price(self, now_ns: int) -> dict[str, Any]:
        name = self._names[int(self._draws.integers(len(self._names)))]
        return {
            "instrument_id": name,
            "mark": 100.0,
            "source_time_ns": now_ns,
            "sequence": 0,  # read again when its time is no longer ahead, it must not win
        }

    def _trade(self, now_ns: int) -> dict[str, Any]:
        account = self._accounts[int(self._draws.integers(len(self._accounts)))]
        return {
            "trade_id": f"BAD-{self._number}",
            "version": 1,
            "account_id": account.account_id,
            "instrument_id": next(iter(account.target)),
            "quantity": 1.0,
            "price": 100.0,
            "business_date": business_date(now_ns),
            "trade_time_ns": now_ns,
        }
