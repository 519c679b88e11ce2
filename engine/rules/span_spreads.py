"""Inter-commodity spreads and account classes of the parameters as the flat arrays that the kernels walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.portfolio.account_class import AccountClass
from engine.rules.interface import Float64s, Int64s
from engine.rules.span_months import starts
from engine.rules.span_parameters import InterCommoditySpread, Parameters

SpreadArrays = tuple[Int64s, Int64s, Float64s, Float64s, Float64s]


class SpreadTables:
    """Arguments of the kernel that combines commodities.

    Attributes:
        factors: float64[commodities, account classes, 2], risk and initial factor.
        before_months, after_months: super-inter-commodity and inter-commodity spreads; per spread where its legs
            start; per leg commodity, sign, delta per spread and credit rate.
    """

    factors: Float64s
    before_months: SpreadArrays
    after_months: SpreadArrays

    def __init__(self, parameters: Parameters) -> None:
        commodities = list(parameters.commodities.values())
        index = {commodity.name: position for position, commodity in enumerate(commodities)}
        self.factors = np.array(
            [[(each.risk, each.initial) for each in commodity.factors] for commodity in commodities]
        ).reshape(len(commodities), len(AccountClass), 2)
        self.before_months = _arrays(parameters.super_inter_commodity, index)
        self.after_months = _arrays(parameters.inter_commodity, index)


def _arrays(spreads: Sequence[InterCommoditySpread], index: dict[str, int]) -> SpreadArrays:
    legs = [leg for spread in spreads for leg in spread.legs]
    return (
        starts([len(spread.legs) for spread in spreads]),
        np.array([index[leg.commodity] for leg in legs], np.int64),
        np.array([leg.sign for leg in legs], np.float64),
        np.array([leg.delta_per_spread for leg in legs], np.float64),
        np.array([leg.credit_rate for leg in legs], np.float64),
    )
