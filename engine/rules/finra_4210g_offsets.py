"""Offsets between class groups of FINRA 4210(g) as a compiled loop, and the arrays that it reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.instruments import Instrument
from engine.rules.finra_4210g_groups import group_of
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.interface import Float64s, Int64s

Bools = NDArray[np.bool_]
MINIMUMS = 2  # columns behind the valuation points: minimum of the long contracts, of the short ones


class OffsetTables:
    """Groups by place in the parameters' order, and the group of each netting set.

    Attributes:
        of_set: int64 by netting set, its group; -1 for none.
        within: int64[groups], the group around each, always a later one; -1 for none.
        offset: float64[groups], share of a member's gain that counts.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._groups = parameters.groups
        place = {group.name: index for index, group in enumerate(self._groups)}
        self._place = place | {"": -1}
        self.within = np.array([self._place[group.within] for group in self._groups], np.int64)
        self.offset = np.array([group.offset for group in self._groups], np.float64)
        self.of_set = np.zeros(0, np.int64)
        self._sets: list[str] = []
        self._index_of_set: dict[str, int] = {}
        self._group_of_root: dict[str, int] = {}

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the order of netting sets; a set whose underlying is not known yet is in no group."""
        if list(netting_sets[: len(self._sets)]) != self._sets:
            self._sets, self._index_of_set = [], {}
        known = len(self._sets)
        fresh = list(netting_sets[known:])
        groups = np.array([self._group_of_root.get(name, -1) for name in fresh], np.int64)
        self.of_set = np.append(self.of_set[:known], groups)
        self._sets += fresh
        self._index_of_set |= {name: known + index for index, name in enumerate(fresh)}

    def learn(self, root: Instrument) -> None:
        """The underlying was published, for the first time or anew."""
        group = self._place[group_of(self._groups, root)]
        self._group_of_root[root.instrument_id] = group
        index = self._index_of_set.get(root.instrument_id, -1)
        if index >= 0:
            self.of_set[index] = group


@kernel
def _charge(exposures: Float64s, unit: int, points: int) -> float:
    """The larger of worst loss and minimum."""
    worst = 0.0
    for point in range(points):
        worst = min(worst, exposures[unit, point])  # NaN wins
    return float(max(-worst, exposures[unit, points] + exposures[unit, points + 1]))


@in_place
def _count(exposures: Float64s, unit: int, points: int, offset: float, sums: Float64s, group: int) -> None:
    """Add a member to its group: losses and minimums in full, of gains the share that offsets."""
    for point in range(points):
        pnl = exposures[unit, point]
        sums[group, point] += offset * pnl if pnl > 0.0 else pnl
    for column in range(points, points + MINIMUMS):
        sums[group, column] += exposures[unit, column]


@in_place
def account_total(
    exposures: Float64s,
    first: int,
    last: int,
    sets: Int64s,
    of_set: Int64s,
    within: Int64s,
    offset: Float64s,
    points: int,
    concentration_limit: float,
    concentration_rate: float,
    sums: Float64s,
    held: Bools,
) -> float:
    """Requirement of the account that owns the units ``first:last`` of ``exposures`` and ``sets``.

    ``sums`` float64[groups, k] of zeros and ``held`` bool[groups] of False are room to work in, left as they were.
    """
    total = largest = 0.0
    grouped = False
    for unit in range(first, last):
        group = of_set[sets[unit]]
        if group < 0:
            charge = _charge(exposures, unit, points)
            largest = max(largest, charge)
            total += charge
        else:
            _count(exposures, unit, points, offset[group], sums, group)
            held[group] = True
            grouped = True
    # Members stand before the group they are in, so one walk takes every group up.
    for group in range(len(within) if grouped else 0):
        if not held[group]:
            continue
        around = within[group]
        if around < 0:
            total += _charge(sums, group, points)
        else:
            _count(sums, group, points, offset[around], sums, around)
            held[around] = True
        held[group] = False
        sums[group] = 0.0
    if concentration_rate > 0.0:
        total += concentration_rate * max(0.0, largest - concentration_limit * total)
    return float(total)


@kernel
def combine_accounts(
    exposures: Float64s,
    sets: Int64s,
    offsets: Int64s,
    of_set: Int64s,
    within: Int64s,
    offset: Float64s,
    points: int,
    concentration_limit: float,
    concentration_rate: float,
) -> Float64s:
    """Requirement of each account.

    Args:
        exposures: float64[u, points + 2 or more] of class groups, grouped by account. sets: int64[u].
        offsets: int64[a + 1]; account i owns units ``offsets[i]:offsets[i + 1]``.
        of_set, within, offset: see :class:`OffsetTables`.
        concentration_limit, concentration_rate: see :class:`Parameters`.

    Returns:
        float64[a, 2]: initial and maintenance, which are equal.
    """
    requirements = np.zeros((len(offsets) - 1, 2))
    sums, held = np.zeros((len(within), exposures.shape[1])), np.zeros(len(within), np.bool_)
    for account in range(len(requirements)):
        requirements[account, :] = account_total(
            exposures, offsets[account], offsets[account + 1], sets, of_set, within, offset, points,
            concentration_limit, concentration_rate, sums, held,
        )  # fmt: skip
    return requirements
