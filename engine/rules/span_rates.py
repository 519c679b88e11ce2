"""Dated margin rates of a futures contract: the rate in force on a date."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from engine.base.errors import MarginError, Reason


@dataclass(frozen=True, slots=True)
class Rate:
    """Outright rates of one standard contract, in force from ``effective_from`` until the next one."""

    effective_from: date
    initial_usd: float
    maintenance_usd: float


@dataclass(frozen=True, slots=True)
class DatedRates:
    """The history of one contract; ``rates`` ascend by date."""

    name: str
    rates: tuple[Rate, ...]

    def begin_by(self, day: date) -> bool:
        """Whether some rate is in force on a day."""
        return bool(self.rates) and self.rates[0].effective_from <= day

    def on(self, day: date) -> Rate:
        """The rate in force on a day.

        Raises:
            MarginError: BAD_PARAMETER if the history begins later.
        """
        position = bisect_right(self.rates, day, key=lambda rate: rate.effective_from)
        if position == 0:
            begin = f"begins on {self.rates[0].effective_from}" if self.rates else "is empty"
            detail = f"no rate on {day}: history {begin}"
            raise MarginError(Reason.BAD_PARAMETER, f"rates of {self.name}", detail)
        return self.rates[position - 1]


def dated_rates(rows: Iterable[tuple[date, float, float]], name: str = "contract") -> DatedRates:
    """Rates by date from rows (date, initial, maintenance), USD per contract, in any order.

    Of several rows of one date the last one stands, as in a corrected advisory.

    Raises:
        MarginError: BAD_PARAMETER naming the row if a rate is not positive or initial is below maintenance.
    """
    by_date: dict[date, Rate] = {}
    for day, initial_usd, maintenance_usd in rows:
        if not (math.isfinite(initial_usd) and 0.0 < maintenance_usd <= initial_usd):
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rates of {name} on {day}",
                f"initial {initial_usd} and maintenance {maintenance_usd} are not initial >= maintenance > 0",
            )
        by_date[day] = Rate(day, float(initial_usd), float(maintenance_usd))
    return DatedRates(name, tuple(by_date[day] for day in sorted(by_date)))
