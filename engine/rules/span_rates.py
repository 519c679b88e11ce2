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
    """Outright rates, in force from ``effective_from`` until the next one.

    ``initial`` and ``maintenance`` are USD per standard contract, or with ``of_notional`` shares of its notional.
    """

    effective_from: date
    initial: float
    maintenance: float
    of_notional: bool = False


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


def dated_rates(
    rows: Iterable[tuple[date, float, float]], name: str = "contract", of_notional: bool = False
) -> DatedRates:
    """Rates by date from rows (date, initial, maintenance) in any order: USD per contract, or shares of notional.

    Of several rows of one date the last one stands, as in a corrected advisory.

    Raises:
        MarginError: BAD_PARAMETER naming the row if a rate is not positive or initial is below maintenance.
    """
    by_date: dict[date, Rate] = {}
    for day, initial, maintenance in rows:
        if not (math.isfinite(initial) and 0.0 < maintenance <= initial):
            raise MarginError(
                Reason.BAD_PARAMETER,
                f"rates of {name} on {day}",
                f"initial {initial} and maintenance {maintenance} are not initial >= maintenance > 0",
            )
        by_date[day] = Rate(day, float(initial), float(maintenance), of_notional)
    return DatedRates(name, tuple(by_date[day] for day in sorted(by_date)))
