"""One simulated instrument, and the dates on which contracts expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from streams.contracts.reference import InstrumentRecord

QUARTERLY: Final = (3, 6, 9, 12)
EVEN_MONTHS: Final = (2, 4, 6, 8, 10, 12)
MONTHLY: Final = tuple(range(1, 13))
MONTH_CODES: Final = "FGHJKMNQUVXZ"
_FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument and how it trades.

    Attributes:
        base_price: at the start, before noise; 0 for options, whose price follows from their underlying.
        base_volatility: of options, per year, at the money at the start; 0 else.
        tick: smallest price step.
        half_spread: half the distance of bid and ask as a share of the price.
        quotes: how often it is quoted for each time that the least quoted instrument is.
        late: not listed at the start of the day.
    """

    record: InstrumentRecord
    base_price: float
    tick: float
    half_spread: float
    quotes: int
    base_volatility: float = 0.0
    late: bool = False

    @property
    def instrument_id(self) -> str:
        return self.record.instrument_id


def third_friday(year: int, month: int) -> date:
    """The usual expiry day of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def expiries(start: date, months: tuple[int, ...], count: int, least_days: int = 20) -> list[date]:
    """The next third Fridays of the given calendar months that lie at least ``least_days`` ahead."""
    found: list[date] = []
    year, month = start.year, start.month
    while len(found) < count:
        day = third_friday(year, month)
        if month in months and day >= start + timedelta(days=least_days):
            found.append(day)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def contract_code(root: str, expiry: date) -> str:
    """Exchange style name, e.g. ESZ6."""
    return f"{root}{MONTH_CODES[expiry.month - 1]}{expiry.year % 10}"
