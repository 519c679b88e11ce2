"""Timelines of intraday margin: every business day of the exchange is closed, what happens is told by date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from engine.base.business_days import date_text, day_of
from engine.shortfall.intraday_account import DayClose, IntradayAccount, IntradayEvent
from engine.shortfall.intraday_case import close_day
from engine.shortfall.intraday_deficit import NO_DEFICIT, DayDeficit, DayReason
from engine.shortfall.intraday_parameters import IntradayParameters
from streams.business_days import exchange_days

NYSE = exchange_days(date(2026, 1, 2), date(2028, 6, 30))


@dataclass(frozen=True)
class Day:
    """What is special about a day. Money that comes in raises the level too; ``level_usd`` is what else moved it."""

    deficit_usd: float = 0.0
    equity_usd: float = 10_000.0
    deposit_usd: float = 0.0
    level_usd: float = 0.0
    extraordinary: bool = False

    def close(self, day: int, level_usd: float) -> DayClose:
        deficit = NO_DEFICIT
        if self.deficit_usd:
            deficit = DayDeficit(self.deficit_usd, self.equity_usd, DayReason.DEFICIT)
        return DayClose(day, level_usd, self.deposit_usd, deficit, self.extraordinary)


QUIET = Day()


def tell(
    days: Mapping[str, Day], until: str, rule: IntradayParameters
) -> tuple[IntradayAccount, list[IntradayEvent]]:
    """Close every business day from the first one told to ``until``; the account then, and all events."""
    account, events, level = IntradayAccount("A"), [], 0.0
    first = day_of(min(days))
    for day in NYSE.days[(NYSE.days >= first) & (NYSE.days <= day_of(until))].tolist():
        told = days.get(date_text(day), QUIET)
        level += told.deposit_usd + told.level_usd
        account, new = close_day(account, told.close(day, level), NYSE, rule)
        events += new
    return account, events


def lines(events: list[IntradayEvent]) -> list[str]:
    """``2026-07-07 FROZEN``, one an event."""
    return [f"{date_text(event.day)} {event.reason}" for event in events]
