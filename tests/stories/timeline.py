"""Timelines of margin calls: what happens to an account at which time, and which events must follow.

One account and one fund for each story, all in one book; a story runs through files in memory and through a real Kafka
and a real worker alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from engine.shortfall.case import CallCase, call_id
from streams.replay.book_file import Book

SCOPE = "silo:securities"
SHARES, CASH = 10_000, -910_000.0  # at 100: equity 90,000 of which 80,000 are required
# A call of 97 is 17,600: equity 60,000, required 8 % of 970,000.


def at_ns(text: str) -> int:
    """``11-24 15:00`` of 2026, UTC."""
    return int(datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC).timestamp()) * 10**9


@dataclass(frozen=True, slots=True)
class Expected:
    """One event: when, the state, the reason, and the amount."""

    at: str
    state: str
    reason: str
    amount: str


@dataclass(frozen=True, slots=True)
class Story:
    """Attributes:
    prices: (time, price of the account's fund); a price that stands still is given at every time of any story, so that
        it is fresh, except at the times in ``silent``.
    deposits: (time, USD). answers: (time, kind, number of the case). opened: (time, cash) of a second start of day.
    approvals: of the account. refused: reasons of answers that are not taken, in order.
    """

    name: str
    prices: tuple[tuple[str, float], ...]
    expected: tuple[Expected, ...]
    deposits: tuple[tuple[str, float], ...] = ()
    answers: tuple[tuple[str, str, int], ...] = ()
    opened: tuple[tuple[str, float], ...] = ()
    approvals: tuple[str, ...] = ("portfolio_margin",)
    silent: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    shares: int = SHARES
    cash: float = CASH
    times: tuple[str, ...] = field(default=())

    @property
    def fund(self) -> str:
        return f"FUND-{self.name}"

    def moments(self) -> set[str]:
        """Every time at which something happens."""
        dated = (*self.prices, *self.deposits, *self.answers, *self.opened)
        return {entry[0] for entry in dated} | set(self.times) | {e.at for e in self.expected}

    def price_at(self, moment: str) -> float:
        """The last price given at or before a time."""
        return max((at, price) for at, price in self.prices if at <= moment)[1]


def book_of(stories: Iterable[Story]) -> Book:
    """The book of all stories; prices stand in market rows, not here."""
    stories = list(stories)
    return Book.model_validate(
        {
            "accounts": [{"account_id": s.name, "approvals": list(s.approvals)} for s in stories],
            "instruments": [
                {
                    "instrument_id": s.fund, "product": "etf", "index_class": "high_cap_broad",
                    "risk_factor": "EQ:SPX",
                }
                for s in stories
            ],
            "positions": [record for s in stories for record in _openings(s)],
            "collateral": [
                {
                    "collateral_id": f"{s.name}-{number}", "version": 1, "account_id": s.name, "silo": "securities",
                    "currency": "USD", "quantity": amount, "business_date": "2026-12-31", "time_ns": at_ns(at),
                }
                for s in stories
                for number, (at, amount) in enumerate(s.deposits)
            ],
            "responses": [
                {
                    "response_id": f"{s.name}-{number}", "account_id": s.name, "kind": kind, "operator": "desk",
                    "call_id": call_id(CallCase(s.name, SCOPE, case_number=case)), "time_ns": at_ns(at),
                }
                for s in stories
                for number, (at, kind, case) in enumerate(s.answers)
            ],
        }
    )  # fmt: skip


def _openings(story: Story) -> list[dict[str, Any]]:
    days = (
        ("2026-11-20", at_ns("11-24 14:00"), story.cash),
        *(("2026-11-24", at_ns(at), cash) for at, cash in story.opened),
    )
    return [
        {
            "account_id": story.name, "business_date": day, "as_of_ns": as_of_ns,
            "positions": [{"instrument_id": story.fund, "quantity": story.shares}],
            "cash": [{"silo": "securities", "amount": cash}],
        }
        for day, as_of_ns, cash in days
    ]  # fmt: skip


def market_rows(stories: Iterable[Story]) -> list[str]:
    """Trades of a market file: every fund at every moment of any story, unless it is silent there."""
    stories = list(stories)
    moments = sorted(set().union(*(story.moments() for story in stories)))
    return [
        f"{at_ns(moment) // 1_000_000},{story.fund},trade,,,{story.price_at(moment)},1"
        for moment in moments
        for story in stories
        if moment not in story.silent
    ]


def told(events: Iterable[dict[str, Any]], story: Story) -> list[Expected]:
    """The binding events of a story's account."""
    return [
        Expected(
            datetime.fromtimestamp(e["as_of_ns"] / 1e9, UTC).strftime("%m-%d %H:%M"), e["state"], e["reason"],
            e["margin_call_amount"],
        )
        for e in events
        if e["account_id"] == story.name and e["binding"]
    ]  # fmt: skip
