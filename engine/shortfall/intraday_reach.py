"""One netting set's day in unknown order: the holdings that can be reached, and the worst of them.

See ``intraday_order`` for why holdings, not orders, need be tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.base.errors import MarginError, Reason
from engine.shortfall.intraday_activity import ActivityKind, is_reducing, trade_kind
from engine.shortfall.intraday_parameters import IntradayParameters

Quantities = Mapping[str, float]
MarginOf = Callable[[str, Quantities], float]
"""Margin to be maintained in USD for a netting set that holds these quantities by instrument_id, at fixed prices."""

_Held = tuple[float, ...]  # quantities by instrument of the netting set


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


class Point(NamedTuple):
    """A moment of one netting set, or of money that came or went. The larger is worse; of equal shortfalls the one
    with less equity.

    Attributes:
        shortfall_usd: margin less the equity changes that led here. spent_usd: minus those changes.
        kind: of the IML-reducing transaction that it comes right after; empty for any moment.
        name, instruments, held: of the netting set; for money the kind of activity and nothing.
    """

    shortfall_usd: float
    spent_usd: float
    kind: str
    name: str
    instruments: tuple[str, ...] = ()
    held: tuple[float, ...] = ()

    @property
    def margin_usd(self) -> float:
        return self.shortfall_usd - self.spent_usd


class Worst(NamedTuple):
    """The worst of a netting set: after any of its activities, and right after an IML-reducing one if there is."""

    anywhere: Point
    reducing: Point | None
    exact: bool


def worst_of_money(activity: Activity, parameters: IntradayParameters) -> Worst:
    """Money comes or goes by itself; going, it is the worst right after it."""
    kind, spent = activity.kind_after(0.0), -activity.equity_change_usd
    anywhere = Point(max(spent, 0.0), max(spent, 0.0), "", kind.value)
    if not is_reducing(kind, activity.equity_change_usd, parameters.reducing):
        return Worst(anywhere, None, True)
    return Worst(anywhere, anywhere._replace(kind=kind.value), True)


class NettingSetDay:
    """The day of one netting set.

    Raises, in :meth:`worst`:
        MarginError: NOT_FINITE if the margin function gives no number.
    """

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
        self._instruments = tuple(sorted({*held, *(each.instrument_id for each in activities)}))
        self._opening: _Held = tuple(held.get(each, 0.0) for each in self._instruments)
        self._margins: dict[_Held, float] = {}

    def worst(self, most_holdings: int) -> Worst:
        reached = self._reachable(self._activities, most_holdings)
        if reached is None:
            return self._bound()
        anywhere = max(self._point(held, change) for held, change in reached.items())
        return Worst(anywhere, self._worst_reducing(most_holdings), True)

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

    def _worst_reducing(self, most: int) -> Point | None:
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
                    points.append(self._point(after, change + last.equity_change_usd, kind.value))
        return max(points, default=None)

    def _bound(self) -> Worst:
        """No order is worse: every activity's own margin and every loss on top of the opening's margin."""
        shortfall, spent = self._margin(self._opening), 0.0
        nothing: _Held = (0.0,) * len(self._instruments)
        for activity in self._activities:
            alone = self._margin(self._after(nothing, activity))
            shortfall += max(alone - activity.equity_change_usd, 0.0)
            spent += max(-activity.equity_change_usd, 0.0)
        point = Point(shortfall, spent, "", f"{self._name}, upper bound")
        can_reduce = any(each.kind is None or each.kind in self._reducing for each in self._activities)
        return Worst(point, point._replace(kind="transaction") if can_reduce else None, False)

    def _after(self, held: _Held, activity: Activity) -> _Held:
        place = self._instruments.index(activity.instrument_id)
        return (*held[:place], held[place] + activity.quantity, *held[place + 1 :])

    def _margin(self, held: _Held) -> float:
        if held not in self._margins:
            margin = self._margin_of(self._name, dict(zip(self._instruments, held, strict=True)))
            if not math.isfinite(margin):
                raise MarginError(
                    Reason.NOT_FINITE, f"netting set {self._name}", f"margin of {held} is {margin}"
                )
            self._margins[held] = margin
        return self._margins[held]

    def _point(self, held: _Held, change_usd: float, kind: str = "") -> Point:
        shortfall = self._margin(held) - change_usd
        return Point(shortfall, -change_usd, kind, self._name, self._instruments, held)
