"""Spread lists of the parameters as the flat arrays that the kernels walk."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from engine.rules.interface import Float64s, Int64s
from engine.rules.span_parameters import Parameters


class SpreadTables:
    """Arguments of the two kernels, in their order.

    Attributes:
        inter_month: largest number of tiers; per commodity where its spreads start; per spread the two tiers
            (from 0) and the charge.
        inter_commodity: per commodity the initial factor; per spread where its legs start; per leg commodity,
            sign and delta per spread; per spread the credit rate.
    """

    inter_month: tuple[int, Int64s, Int64s, Int64s, Float64s]
    inter_commodity: tuple[Float64s, Int64s, Int64s, Float64s, Float64s, Float64s]

    def __init__(self, parameters: Parameters) -> None:
        commodities = list(parameters.commodities.values())
        months = [spread for commodity in commodities for spread in commodity.inter_month]
        self.inter_month = (
            max((len(commodity.tier_last_months) + 1 for commodity in commodities), default=1),
            _starts([len(commodity.inter_month) for commodity in commodities]),
            np.array([spread.first_tier - 1 for spread in months], np.int64),
            np.array([spread.second_tier - 1 for spread in months], np.int64),
            np.array([spread.charge_usd for spread in months], np.float64),
        )
        index = {commodity.name: position for position, commodity in enumerate(commodities)}
        legs = [leg for spread in parameters.inter_commodity for leg in spread.legs]
        self.inter_commodity = (
            np.array([commodity.initial_factor for commodity in commodities]),
            _starts([len(spread.legs) for spread in parameters.inter_commodity]),
            np.array([index[leg.commodity] for leg in legs], np.int64),
            np.array([leg.sign for leg in legs], np.float64),
            np.array([leg.delta_per_spread for leg in legs], np.float64),
            np.array([spread.credit_rate for spread in parameters.inter_commodity], np.float64),
        )


def _starts(lengths: list[int]) -> Int64s:
    return np.array([0, *accumulate(lengths)], np.int64)
