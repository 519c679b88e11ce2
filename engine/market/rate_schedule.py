"""Dates of interest rate swaps and of the par quotes of curves, on a calendar that knows weekends and no holidays.

Days are days since 1970. Periods are counted back from maturity, so an odd period stands first; their bounds move to
the next weekday, or to the one before where that would leave the month (modified following).
"""

from __future__ import annotations

from typing import Final

from engine.base.kernel import in_place
from engine.market.premium_dates import day_of, following, month_of

MONTHS_PER_UNIT: Final = {"M": 1, "Y": 12}
_LONGEST_MONTHS: Final = 720


def tenor_months(tenor: str) -> int:
    """Months of ``3M`` or ``10Y``; 0 if it is no such text."""
    count, unit = tenor[:-1], tenor[-1:]
    months = int(count) * MONTHS_PER_UNIT.get(unit, 0) if count.isdecimal() else 0
    return months if months <= _LONGEST_MONTHS else 0


@in_place
def _first_of(month: int) -> int:
    return day_of(month // 12, month % 12 + 1, 1)


@in_place
def add_months(day: int, months: int) -> int:
    """The same day of another month, or its last one."""
    month = month_of(day) + months
    day_of_month = day - _first_of(month_of(day))
    return _first_of(month) + min(day_of_month, _first_of(month + 1) - _first_of(month) - 1)


def modified_following(day: int) -> int:
    """A weekday: the next one, or the one before where the next lies in another month."""
    moved = following(day)
    if month_of(moved) == month_of(day):
        return moved
    return moved - 3  # the Friday before that Monday


def add_weekdays(day: int, count: int) -> int:
    """The weekday that is so many weekdays after a day, which itself first moves to a weekday."""
    moved = following(day)
    for _ in range(count):
        moved = following(moved + 1)
    return moved


def period_bounds(start: int, maturity: int, months: int) -> list[int]:
    """Unadjusted bounds of the periods between two days, ascending, both ends included."""
    bounds = [maturity]
    while (bound := add_months(maturity, -months * len(bounds))) > start:
        bounds.append(bound)
    return [start, *bounds[::-1]]
