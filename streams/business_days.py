"""The business days of an exchange, from a maintained calendar library, as the value that the engine counts with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from engine.base.business_days import BusinessDays, date_text, day_of
from engine.base.trading_days import TradingDays
from engine.base.units import NANOSECONDS_PER_SECOND

_SATURDAY = 5


def exchange_days(
    first: date, last: date, closed: Collection[date] = (), exchange: str = "XNYS"
) -> BusinessDays:
    """Weekdays between two dates (both included) on which the exchange opens, if only for half a day.

    Args:
        closed: further days on which it is closed: those that it announces at short notice, such as a day of
            mourning, come with the next release of the library only.
        exchange: market identifier code.

    Raises:
        MarginError: BAD_PARAMETER if no business day lies between the dates.
        NotImplementedError: the library does not know the exchange.
    """
    count = (last - first).days + 1
    every = (first + timedelta(days=number) for number in range(count))
    opens = [day for day in every if day not in closed and is_open(exchange, day)]
    return BusinessDays(exchange, [day_of(day.isoformat()) for day in opens])


def is_open(market: str, day: date) -> bool:
    """Whether an exchange or payment system opens on a day, if only for half of it.

    Raises:
        NotImplementedError: the library does not know the market.
    """
    return day.weekday() < _SATURDAY and day not in _holidays(market, day.year)


@lru_cache(maxsize=256)
def _holidays(market: str, year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays(market, years=year))


def trading_days(days: BusinessDays, end: time, zone: str) -> TradingDays:
    """The days with the instants at which the clocks of a time zone show ``end`` on them, daylight saving included."""
    at = (
        datetime.combine(date.fromisoformat(date_text(day)), end, ZoneInfo(zone))
        for day in days.days.tolist()
    )
    return TradingDays(
        days, [int(instant.astimezone(UTC).timestamp()) * NANOSECONDS_PER_SECOND for instant in at]
    )
