"""Qualified stock baskets of FINRA 4210(g) as a compiled loop, and the arrays that it reads.

The plain twin with the rule in words is :mod:`engine.rules.finra_4210g_baskets_plain`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.kernel import kernel
from engine.market.instruments import Instrument
from engine.rules.finra_4210g_offsets import MINIMUMS, OffsetTables, account_total
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.interface import Float64s, Int64s


class BasketTables:
    """Compositions in the parameters' order against netting sets.

    Attributes:
        index_set: int64[c], netting set of the index; -1 while nobody holds anything in its class group.
        weight: float64[c, sets], share of the index's capitalization; 0 for what is no constituent.
        least, minimum: float64[c], by the class of the index as it is published.
        moves: float64[sets, points] of indexes and constituents, zeros while they are not published.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._rule, self._compositions = parameters.basket, parameters.compositions
        self._relevant = {name for each in self._compositions for name in (each.index, *each.weights)}
        self._points = 2 * parameters.points_per_side
        self._sets: dict[str, int] = {}
        self._moves_of: dict[str, tuple[float, ...]] = {}
        count = len(self._compositions)
        terms = [self._rule.terms("")] * count
        self.least = np.array([least for least, _ in terms])
        self.minimum = np.array([minimum for _, minimum in terms])
        self.index_set = np.full(count, -1, np.int64)
        self.weight: Float64s = np.zeros((count, 0))
        self.moves: Float64s = np.zeros((0, self._points))

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the order of netting sets."""
        if not self._compositions:
            return
        self._sets = {name: index for index, name in enumerate(netting_sets)}
        self.index_set = np.array([self._sets.get(each.index, -1) for each in self._compositions], np.int64)
        self.weight = np.array(
            [[each.weights.get(name, 0.0) for name in netting_sets] for each in self._compositions]
        )
        self.moves = np.zeros((len(netting_sets), self._points))
        for name, moves in self._moves_of.items():
            self._place(name, moves)

    def learn(self, root: Instrument, moves: tuple[float, ...]) -> None:
        """The underlying of a class group was published, for the first time or anew."""
        if root.instrument_id not in self._relevant:
            return
        self._moves_of[root.instrument_id] = moves
        self._place(root.instrument_id, moves)
        for place, each in enumerate(self._compositions):
            if each.index == root.instrument_id:
                self.least[place], self.minimum[place] = self._rule.terms(root.index_class)

    def _place(self, name: str, moves: tuple[float, ...]) -> None:
        if name in self._sets:
            self.moves[self._sets[name]] = moves


def combine_with_baskets(
    parameters: Parameters,
    groups: OffsetTables,
    baskets: BasketTables,
    exposures: Float64s,
    sets: Int64s,
    offsets: Int64s,
) -> Float64s:
    """float64[a, 2]; exposures as of :class:`Finra4210g` with the value of stocks in the last column."""
    found: Float64s = _combine(
        exposures, sets, offsets, groups.of_set, groups.within, groups.offset, baskets.index_set, baskets.weight,
        baskets.least, baskets.minimum, baskets.moves, parameters.basket.offset, parameters.concentration_limit,
        parameters.concentration_rate,
    )  # fmt: skip
    return found


@kernel
def _combine(
    exposures: Float64s,
    sets: Int64s,
    offsets: Int64s,
    of_set: Int64s,
    within: Int64s,
    offset: Float64s,
    index_set: Int64s,
    weight: Float64s,
    least: Float64s,
    minimum: Float64s,
    moves: Float64s,
    basket_offset: float,
    concentration_limit: float,
    concentration_rate: float,
) -> Float64s:
    """Each account without baskets, then with one index after the other where that asks for less."""
    points = moves.shape[1]
    requirements = np.zeros((len(offsets) - 1, 2))
    sums, held = np.zeros((len(within), exposures.shape[1])), np.zeros(len(within), np.bool_)
    for account in range(len(requirements)):
        first, last = offsets[account], offsets[account + 1]
        own, count = sets[first:last], last - first
        best = exposures[first:last]
        total = account_total(
            best, 0, count, own, of_set, within, offset, points, concentration_limit, concentration_rate, sums, held
        )  # fmt: skip
        formed = 0  # side of the baskets that stand: none offsets another, so all are on one
        for place in range(len(index_set)):
            index = -1
            for unit in range(count):
                if own[unit] == index_set[place]:
                    index = unit
            if index < 0:
                continue
            kept_side, kept = 0, best
            for side in (1, -1):
                if formed == -side:
                    continue
                trial = best.copy()
                done = _take_basket(
                    trial, own, index, weight[place], least[place], minimum[place], moves, side, basket_offset
                )
                if not done:
                    continue
                asked = account_total(
                    trial, 0, count, own, of_set, within, offset, points, concentration_limit, concentration_rate,
                    sums, held,
                )  # fmt: skip
                if asked < total:
                    total, kept_side, kept = asked, side, trial
            if kept_side != 0:
                best, formed = kept, kept_side
        requirements[account, :] = total
    return requirements


@kernel
def _take_basket(
    exposures: Float64s,
    sets: Int64s,
    index: int,
    weight: Float64s,
    least: float,
    minimum: float,
    moves: Float64s,
    side: int,
    offset: float,
) -> bool:
    """Move a basket from the class groups of its stocks to that of its index; whether there is one to move."""
    points = moves.shape[1]
    value = points + MINIMUMS
    need = 0.0
    for point in range(points):
        move = moves[sets[index], point]
        if move * side > 0.0:
            need = max(need, -exposures[index, point] / abs(move))
    if not need > 0.0:
        return False
    level = np.zeros(len(sets))
    for unit in range(len(sets)):
        if unit != index and weight[sets[unit]] > 0.0:
            level[unit] = side * exposures[unit, value] / weight[sets[unit]]
    order = np.argsort(-level)
    covered, largest, coverage, members = 0.0, 0.0, 0.0, 0
    for place in range(len(order)):
        unit = order[place]
        if not level[unit] > 0.0:
            break
        covered += weight[sets[unit]]
        if covered >= least - 1e-12 and level[unit] * covered > largest:
            largest, coverage, members = level[unit] * covered, covered, place + 1
    if members == 0:
        return False
    worth = min(largest, need)
    for place in range(members):
        unit = order[place]
        taken = side * worth * weight[sets[unit]] / coverage
        exposures[unit, value] -= taken
        for point in range(points):
            exposures[unit, point] -= taken * moves[sets[unit], point]
    for point in range(points):
        own, other = exposures[index, point], side * worth * moves[sets[index], point]
        exposures[index, point] = (offset * own if own > 0.0 else own) + (
            offset * other if other > 0.0 else other
        )
    exposures[index, points] += minimum * worth
    return True
