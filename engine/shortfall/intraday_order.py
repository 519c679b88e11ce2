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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.base.errors import MarginError, Reason
from engine.shortfall.intraday_activity import ActivityKind, Level, is_reducing, trade_kind
from engine.shortfall.intraday_deficit import NO_DEFICIT, DayDeficit, DayReason, deficit_at
from engine.shortfall.intraday_parameters import IntradayParameters

Quantities = Mapping[str, float]
MarginOf = Callable[[str, Quantities], float]
"""Margin to be maintained in USD for a netting set that holds these quantities by instrument_id, at fixed prices."""

_Held = tuple[float, ...]  # quantities by instrument of one netting set
_MOST_HOLDINGS = 20_000


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity of an account.

    Attributes:
        equity_change_usd: what it adds to equity at the prices of the calculation: a deposit (a withdrawal is
            negative), of a trade ``quantity * multiplier * (price of the calculation - its price)`` less fees.
        netting_set, instrument_id, quantity: what it adds to holdings; empty and 0 for money.
        kind: None for a trade, whose kind depends on what is held before it.
    """

    equity_change_usd: float
    netting_set: str = ""
    instrument_id: str = ""
    quantity: float = 0.0
    is_option: bool = False
    kind: ActivityKind | None = None

    def __post_init__(self) -> None:
        if self.kind is None and (self.quantity == 0.0 or not self.netting_set):
            detail = "has neither a kind nor a netting set and a quantity, which would tell it"
            raise MarginError(Reason.OUT_OF_RANGE, f"activity of {self.equity_change_usd} USD", detail)

    def kind_after(self, held: float) -> ActivityKind:
        """What it is when so much of its instrument is held before it."""
        return self.kind or trade_kind(held, self.quantity, is_option=self.is_option)


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


class _Point(NamedTuple):
    """Margin less equity changes of one netting set; among equals the one with less equity is worse."""

    shortfall_usd: float
    spent_usd: float  # minus the equity changes that led here


class _Worst(NamedTuple):
    """The worst of a netting set: after any of its activities, and right after an IML-reducing one if there is."""

    anywhere: _Point
    reducing: _Point | None
    exact: bool


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


def _badness(deficit: DayDeficit) -> tuple[float, bool, float]:
    """Of equal amounts the one with less equity, so that it is called minor last."""
    had_one = deficit.reason is not DayReason.NO_REDUCING_TRANSACTION
    return deficit.amount_usd, had_one, -deficit.equity_usd


def _worst_of_step(
    opening: OpeningBook,
    step: Sequence[Activity],
    margin_of: MarginOf,
    parameters: IntradayParameters,
    most_holdings: int,
) -> DayDeficit | None:
    """None if no order of the step has an IML-reducing transaction."""
    groups: dict[str, list[Activity]] = {name: [] for name in opening.held}
    money: list[_Worst] = []
    for activity in step:
        if activity.netting_set:
            groups.setdefault(activity.netting_set, []).append(activity)
        else:
            money.append(_worst_of_money(activity, parameters))
    worsts = money + [
        _NettingSet(name, opening.held.get(name, {}), members, margin_of, parameters).worst(most_holdings)
        for name, members in groups.items()
    ]
    point = _worst_together(worsts)
    if point is None:
        return None
    equity = opening.equity_usd - point.spent_usd
    worst = Level(equity, equity + point.shortfall_usd - opening.equity_usd)
    return deficit_at(worst, exact=all(each.exact for each in worsts))


def _worst_of_money(activity: Activity, parameters: IntradayParameters) -> _Worst:
    """Money comes or goes by itself; going, it is the worst right after it."""
    gone = _Point(-activity.equity_change_usd, -activity.equity_change_usd)
    kind = activity.kind_after(0.0)
    last = gone if is_reducing(kind, activity.equity_change_usd, parameters.reducing) else None
    return _Worst(max(gone, _Point(0.0, 0.0)), last, True)


def _worst_together(worsts: Sequence[_Worst]) -> _Point | None:
    """One netting set ends with an IML-reducing transaction, all others stand at their worst anywhere."""
    best: _Point | None = None
    for place, ends in enumerate(worsts):
        if ends.reducing is None:
            continue
        points = [ends.reducing, *(other.anywhere for other in (*worsts[:place], *worsts[place + 1 :]))]
        total = _Point(*(math.fsum(column) for column in zip(*points, strict=True)))
        best = total if best is None else max(best, total)
    return best


class _NettingSet:
    """The day of one netting set."""

    def __init__(
        self,
        name: str,
        held: Quantities,
        activities: Sequence[Activity],
        margin_of: MarginOf,
        parameters: IntradayParameters,
    ) -> None:
        self._name = name
        self._activities = activities
        self._margin_of = margin_of
        self._reducing = parameters.reducing
        self._instruments = sorted({*held, *(each.instrument_id for each in activities)})
        self._opening: _Held = tuple(held.get(each, 0.0) for each in self._instruments)
        self._margins: dict[_Held, float] = {}

    def worst(self, most_holdings: int) -> _Worst:
        reached = self._reachable(self._activities, most_holdings)
        if reached is None:
            return self._bound()
        anywhere = max(self._point(held, change) for held, change in reached.items())
        return _Worst(anywhere, self._worst_reducing(most_holdings), True)

    def _reachable(self, activities: Sequence[Activity], most: int) -> dict[_Held, float] | None:
        """The lowest equity change by holding, over all sets of the activities; None beyond so many holdings."""
        found = {self._opening: 0.0}
        for activity in activities:
            for held, change in list(found.items()):
                after, spent = self._after(held, activity), change + activity.equity_change_usd
                if spent < found.get(after, math.inf):
                    found[after] = spent
            if len(found) > most:
                return None
        return found

    def _worst_reducing(self, most: int) -> _Point | None:
        """The worst right after an IML-reducing transaction: each activity in turn is the last one."""
        points = []
        for last in dict.fromkeys(self._activities):  # equal ones need not be tried twice
            others = list(self._activities)
            others.remove(last)
            before = self._reachable(others, most)
            assert before is not None, "fewer activities reach fewer holdings"
            for held, change in before.items():
                after = self._after(held, last)
                level_change = self._margin(held) - self._margin(after) + last.equity_change_usd
                kind = last.kind_after(held[self._instruments.index(last.instrument_id)])
                if is_reducing(kind, level_change, self._reducing):
                    points.append(self._point(after, change + last.equity_change_usd))
        return max(points, default=None)

    def _bound(self) -> _Worst:
        """No order is worse: every activity's own margin and every loss on top of the opening's margin."""
        shortfall, spent = self._margin(self._opening), 0.0
        nothing: _Held = (0.0,) * len(self._instruments)
        for activity in self._activities:
            alone = self._margin(self._after(nothing, activity))
            shortfall += max(alone - activity.equity_change_usd, 0.0)
            spent += max(-activity.equity_change_usd, 0.0)
        point = _Point(shortfall, spent)
        can_reduce = any(each.kind is None or each.kind in self._reducing for each in self._activities)
        return _Worst(point, point if can_reduce else None, False)

    def _after(self, held: _Held, activity: Activity) -> _Held:
        place = self._instruments.index(activity.instrument_id)
        return (*held[:place], held[place] + activity.quantity, *held[place + 1 :])

    def _margin(self, held: _Held) -> float:
        if held not in self._margins:
            self._margins[held] = self._margin_of(self._name, dict(zip(self._instruments, held, strict=True)))
        return self._margins[held]

    def _point(self, held: _Held, change_usd: float) -> _Point:
        return _Point(self._margin(held) - change_usd, -change_usd)
