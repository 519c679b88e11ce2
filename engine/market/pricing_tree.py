"""American put by a binomial tree whose last step is the Black formula, extrapolated in the step count.

Used only where the put has two exercise boundaries (yield < rate < 0), which the fixed-point method does
not cover. Method: Broadie and Detemple (1996), "BBSR".
"""

from __future__ import annotations

import math

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.pricing_european import black_price

TREE_STEPS = 600


@kernel
def _smoothed_tree_put(
    ratio: float, years: float, rate: float, dividend_yield: float, volatility: float, steps: int
) -> float:
    step_years = years / steps
    deviation = volatility * math.sqrt(step_years)
    growth = math.exp((rate - dividend_yield) * step_years)
    discount = math.exp(-rate * step_years)
    up = math.exp(deviation)
    chance = min(max((growth - 1.0 / up) / (up - 1.0 / up), 0.0), 1.0)
    values = np.empty(steps)
    for i in range(steps):
        node = ratio * math.exp((2 * i - steps + 1) * deviation)
        values[i] = max(1.0 - node, black_price(False, node * growth, 1.0, deviation, discount))
    for level in range(steps - 2, -1, -1):
        node = ratio * math.exp(-level * deviation)
        for i in range(level + 1):
            held = discount * (chance * values[i + 1] + (1.0 - chance) * values[i])
            values[i] = max(held, 1.0 - node)
            node *= up * up
    return float(values[0])


@in_place
def tree_put(ratio: float, years: float, rate: float, dividend_yield: float, volatility: float) -> float:
    """Unit American put at underlying `ratio`; error below 1e-4 of the strike, usually below 1e-5."""
    fine = _smoothed_tree_put(ratio, years, rate, dividend_yield, volatility, TREE_STEPS)
    coarse = _smoothed_tree_put(ratio, years, rate, dividend_yield, volatility, TREE_STEPS // 2)
    return max(2.0 * fine - coarse, 1.0 - ratio, 0.0)
