"""Contract months of each commodity as columns, and what spreads and deliveries take from them."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from engine.rules.interface import Float64s, Int64s
from engine.rules.span_parameters import Parameters

Bools = NDArray[np.bool_]


class MonthTables:
    """A contract month takes the next column of its commodity when it is first seen.

    Attributes:
        order: int64[commodities, month columns], the columns by ascending month; -1 behind the last of them.
        inter_month: arguments of the kernel that forms inter-month spreads, in its order: per commodity where its
            spreads start; per spread where its legs start and the charge; per leg sign and delta per spread, and
            bool[legs, month columns], the months that it may use.
        delivery: float64[commodities, month columns, 2], charge per delta used by spreads and left outright.
    """

    order: Int64s
    inter_month: tuple[Int64s, Int64s, Float64s, Float64s, Float64s, Bools]
    delivery: Float64s

    def __init__(self, parameters: Parameters) -> None:
        self._commodities = list(parameters.commodities.values())
        width = parameters.month_columns
        self._columns: list[dict[str, int]] = [{} for _ in self._commodities]
        spreads = [spread for commodity in self._commodities for spread in commodity.inter_month]
        legs = [leg for spread in spreads for leg in spread.legs]
        self.order = np.full((len(self._commodities), width), -1, np.int64)
        self.delivery = np.zeros((len(self._commodities), width, 2))
        self.inter_month = (
            starts([len(commodity.inter_month) for commodity in self._commodities]),
            starts([len(spread.legs) for spread in spreads]),
            np.array([spread.charge_usd for spread in spreads], np.float64),
            np.array([leg.sign for leg in legs], np.float64),
            np.array([leg.delta_per_spread for leg in legs], np.float64),
            np.zeros((len(legs), width), np.bool_),
        )

    def column(self, commodity: int, month: str) -> int:
        """Column of a contract month; -1 if it is new and all are taken."""
        columns = self._columns[commodity]
        if month not in columns and len(columns) < self.order.shape[1]:
            columns[month] = len(columns)
            self._learn(commodity, month)
        return columns.get(month, -1)

    def _learn(self, commodity: int, month: str) -> None:
        columns, terms = self._columns[commodity], self._commodities[commodity]
        self.order[commodity, : len(columns)] = [columns[each] for each in sorted(columns)]
        spread_start, leg_start, *_, usable = self.inter_month
        first = leg_start[spread_start[commodity]]
        legs = [leg for spread in terms.inter_month for leg in spread.legs]
        for place, leg in enumerate(legs, start=int(first)):
            usable[place, columns[month]] = terms.takes(leg, month)
        for delivery in terms.delivery:
            if delivery.month == month:
                self.delivery[commodity, columns[month]] = delivery.spread_usd, delivery.outright_usd


def starts(lengths: list[int]) -> Int64s:
    """int64[n + 1] where each of consecutive groups starts."""
    return np.array([0, *accumulate(lengths)], np.int64)
