"""The day's deficit when the order of its activities is not known: the order that gives the highest.

The end-of-day method of FINRA 4210(d)(2). Exact without trying orders, by three facts:

* After a set of activities the account holds the same, whatever their order: only *which* came first matters.
* Margin adds up over netting sets and equity over activities, so the worst set of activities is the worst of each
  netting set by itself; only one of them has to end with an IML-reducing transaction.
* Within a netting set margin depends on what is held, so of all sets of activities that lead to the same holding
  only the one that costs most equity can be the worst. Holdings are far fewer than sets of activities.

So n activities of a netting set cost n times its reachable holdings instead of n! orders. Where even those are too
many, a bound takes their place: under a rule by which a position never needs more with others than by itself, no
order is worse than each activity's own margin on top of the opening's. The result says so (``exact``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.rules.requirement import Part
from engine.shortfall.intraday_deficit import NO_DEFICIT, SHORTFALL, DayDeficit, deficit_at
from engine.shortfall.intraday_parameters import IntradayParameters
from engine.shortfall.intraday_reach import (
    Activity,
    MarginOf,
    NettingSetDay,
    Point,
    Quantities,
    Worst,
    worst_of_money,
)

_MOST_HOLDINGS = 20_000


@dataclass(frozen=True, slots=True)
class OpeningBook:
    """What an account has before the day's activities: equity at the prices of the calculation; by netting set,
    quantities by instrument_id.
    """

    equity_usd: float
    held: Mapping[str, Quantities]

    def after(self, activities: Iterable[Activity]) -> OpeningBook:
        """The book once all of these have happened."""
        held = {name: dict(quantities) for name, quantities in self.held.items()}
        equity = self.equity_usd
        for activity in activities:
            equity += activity.equity_change_usd
            if activity.netting_set:
                quantities = held.setdefault(activity.netting_set, {})
                before = quantities.get(activity.instrument_id, 0.0)
                quantities[activity.instrument_id] = before + activity.quantity
        return OpeningBook(equity, held)


def deficit_of_worst_order(
    opening: OpeningBook,
    steps: Sequence[Sequence[Activity]],
    margin_of: MarginOf,
    parameters: IntradayParameters,
    most_holdings: int = _MOST_HOLDINGS,
) -> DayDeficit:
    """The highest deficit over all orders that the day may have had: the end-of-day method.

    Args:
        steps: activities whose order is known from step to step and unknown within a step; a day without any
            times is one step.
        most_holdings: of a netting set; beyond it the amount is an upper bound.
    """
    worst = NO_DEFICIT
    for step in steps:
        found = _worst_of_step(opening, step, margin_of, parameters, most_holdings)
        if found is not None:
            worst = max(worst, found, key=_badness)
        opening = opening.after(step)
    return worst


def _badness(deficit: DayDeficit) -> tuple[float, float]:
    """Of equal shortfalls the one with less equity is worse, so that it is called minor last."""
    shortfall = -math.inf if deficit.tree is None else deficit.tree.amount_usd
    return shortfall, -deficit.equity_usd


def _worst_of_step(
    opening: OpeningBook,
    step: Sequence[Activity],
    margin_of: MarginOf,
    parameters: IntradayParameters,
    most_holdings: int,
) -> DayDeficit | None:
    """None if no order of the step has an IML-reducing transaction."""
    groups: dict[str, list[Activity]] = {name: [] for name in opening.held}
    money: list[Worst] = []
    for activity in step:
        if activity.netting_set:
            groups.setdefault(activity.netting_set, []).append(activity)
        else:
            money.append(worst_of_money(activity, parameters))
    worsts = money + [
        NettingSetDay(name, opening.held.get(name, {}), members, margin_of, parameters).worst(most_holdings)
        for name, members in groups.items()
    ]
    points = _worst_together(worsts)
    if points is None:
        return None
    equity = opening.equity_usd - math.fsum(point.spent_usd for point in points)
    return deficit_at(_tree(points, opening), equity, exact=all(each.exact for each in worsts))


def _worst_together(worsts: Sequence[Worst]) -> list[Point] | None:
    """One netting set ends with an IML-reducing transaction, it stands first; all others stand at their worst."""
    best: tuple[float, float] | None = None
    chosen = None
    for place, ends in enumerate(worsts):
        if ends.reducing is None:
            continue
        points = [ends.reducing, *(other.anywhere for other in (*worsts[:place], *worsts[place + 1 :]))]
        total = (
            math.fsum(point.shortfall_usd for point in points),
            math.fsum(point.spent_usd for point in points),
        )
        if best is None or total > best:
            best, chosen = total, points
    return chosen


def _tree(points: Sequence[Point], opening: OpeningBook) -> Part:
    """What the deciding moment is made of; adds up to margin less equity."""
    parts = [Part("equity at the opening", -opening.equity_usd)]
    for point in points:
        if point.margin_usd or point.held:
            held = dict(zip(point.instruments, point.held, strict=True))
            parts.append(Part(f"margin of netting set {point.name}", point.margin_usd, facts={**held}))
        if point.spent_usd:
            parts.append(Part(f"equity spent: {point.name}", point.spent_usd))
    return Part.sum_of(SHORTFALL, parts, decided_by=points[0].kind, in_netting_set=points[0].name)
