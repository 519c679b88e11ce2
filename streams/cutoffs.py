"""Cut-offs of business days from a maintained calendar library and the system's time zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from engine.base.units import NANOSECONDS_PER_SECOND
from streams.business_days import is_open

_HALF_DAYS = "half_day"


@dataclass(frozen=True, slots=True)
class MarketCutoffs:
    """Implements :class:`engine.shortfall.deadline.Cutoffs`.

    Attributes:
        market: identifier code of an exchange or payment system (XNYS, XCME, XFED ...).
        at: local time of the cut-off. half_day_at: on days on which the market closes early.
    """

    market: str
    zone: ZoneInfo
    at: time
    half_day_at: time

    def after(self, time_ns: int, business_days: int) -> int:
        """See :meth:`engine.shortfall.deadline.Cutoffs.after`."""
        day = datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, self.zone).date()
        if business_days == 0:
            if is_open(self.market, day) and self._cutoff_ns(day) >= time_ns:
                return self._cutoff_ns(day)
            business_days = 1
        for _ in range(business_days):
            day += timedelta(days=1)
            while not is_open(self.market, day):
                day += timedelta(days=1)
        return self._cutoff_ns(day)

    def _cutoff_ns(self, day: date) -> int:
        at = self.half_day_at if day in _half_days(self.market, day.year) else self.at
        # Of a local time that the clocks pass twice or never, the first reading counts.
        local = datetime.combine(day, at, self.zone)
        return int(local.astimezone(UTC).timestamp()) * NANOSECONDS_PER_SECOND


@lru_cache(maxsize=256)
def _half_days(market: str, year: int) -> frozenset[date]:
    known = holidays.financial_holidays(market)
    if _HALF_DAYS not in known.supported_categories:
        return frozenset()
    return frozenset(holidays.financial_holidays(market, years=year, categories=_HALF_DAYS))
