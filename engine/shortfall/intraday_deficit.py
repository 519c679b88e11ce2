"""The intraday margin deficit of a day: as levels were observed (the real-time method), and what it is called.

FINRA Rule 4210(d)(2): the highest (margin to be maintained - equity) right after an IML-reducing transaction.
A price that falls makes none by itself. Not for portfolio margin accounts, which have (g)(1)(J)-(K). The
end-of-day method, for a day whose order is not known, is ``intraday_order``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from engine.base.units import cents_up
from engine.rules.requirement import Part
from engine.shortfall.intraday_activity import ActivityKind, Level, is_reducing
from engine.shortfall.intraday_parameters import IntradayParameters


class DayReason(StrEnum):
    """Why a day has a deficit or none."""

    NO_REDUCING_TRANSACTION = "NO_REDUCING_TRANSACTION"
    COVERED = "COVERED"  # equity covered the margin to be maintained after each of them
    DEFICIT = "DEFICIT"


@dataclass(frozen=True, slots=True)
class DayDeficit:
    """The deficit of one day.

    Attributes:
        amount_usd: >= 0, rounded up to the cent.
        equity_usd: equity at the moment that decides (the highest shortfall), 0 without a reducing transaction.
        exact: False if the order was unknown and the amount is an upper bound.
        tree: margin less equity at that moment, as parts that add up; None without a reducing transaction.
    """

    amount_usd: float
    equity_usd: float
    reason: DayReason
    exact: bool = True
    tree: Part | None = None


SHORTFALL = "margin to be maintained less equity"
NO_DEFICIT = DayDeficit(0.0, 0.0, DayReason.NO_REDUCING_TRANSACTION)


@dataclass(frozen=True, slots=True)
class Observed:
    """One activity as seen when it happened: the levels right before and right after it, at the same prices."""

    kind: ActivityKind
    before: Level
    after: Level

    @property
    def level_change_usd(self) -> float:
        return self.after.intraday_margin_level_usd - self.before.intraday_margin_level_usd


def deficit_as_observed(observed: Iterable[Observed], parameters: IntradayParameters) -> DayDeficit:
    """The day's deficit from the levels seen around its activities, in any order: the real-time method."""
    reducing = [
        each for each in observed if is_reducing(each.kind, each.level_change_usd, parameters.reducing)
    ]
    if not reducing:
        return NO_DEFICIT
    worst = max(reducing, key=lambda each: (each.after.shortfall_usd, -each.after.equity_usd, each.kind))
    margin = Part("margin to be maintained", worst.after.maintenance_usd)
    equity = Part("equity", -worst.after.equity_usd)
    return deficit_at(Part.sum_of(SHORTFALL, [margin, equity], decided_by=worst.kind), worst.after.equity_usd)


def deficit_at(tree: Part, equity_usd: float, *, exact: bool = True) -> DayDeficit:
    """The day's deficit, given margin less equity and equity at the worst moment right after an IML-reducing
    transaction.
    """
    amount = max(float(cents_up(tree.amount_usd)), 0.0)
    reason = DayReason.DEFICIT if amount > 0.0 else DayReason.COVERED
    return DayDeficit(amount, equity_usd, reason, exact, tree)
