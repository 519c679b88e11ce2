"""Expected shortfall and value at risk of equally likely scenarios as weights on the worst losses.

Both are ``sum over ranks of weight[rank] * loss[rank]`` with losses in descending order:

* expected shortfall by the fractional tail mean: of ``n`` scenarios the worst ``n * (1 - confidence)`` count,
  the last one with the remainder (Acerbi and Tasche 2002, the coherent form for a discrete distribution);
* value at risk: the single loss that at most ``n * (1 - confidence)`` scenarios exceed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel

Float64s = NDArray[np.float64]


def rank_weights(measure: str, confidence: float, scenario_count: int) -> Float64s:
    """Weights of the worst losses, the worst first.

    Args:
        measure: ``es`` or ``var``.
        confidence: e.g. 0.975.
        scenario_count: number of equally likely scenarios, >= 1.

    Returns:
        float64[r], 1 <= r <= scenario_count; they add up to 1. A tail thinner than one scenario is the worst
        scenario alone.
    """
    # Ten digits: 240 * (1 - 0.975) must be 6, not 6 and a seventh scenario of weight 1e-15.
    tail = round(scenario_count * (1.0 - confidence), 10)
    if measure == "var":
        weights = np.zeros(min(math.floor(tail) + 1, scenario_count))
        weights[-1] = 1.0
        return weights
    whole = math.floor(tail)
    counts = [1.0] * whole + ([tail - whole] if tail > whole else [])
    return np.array(counts) / tail


@kernel
def tail_loss(pnl: Float64s, weights: Float64s, worst: Float64s) -> float:
    """Weighted worst losses by partial selection; NaN if any P&L is NaN.

    Args:
        pnl: float64[n], losses negative.
        weights: float64[r] of :func:`rank_weights`.
        worst: float64[r], scratch.
    """
    last = len(weights) - 1
    worst[:] = -np.inf
    threshold = -np.inf
    total = 0.0
    for value in pnl:
        total += value
        if -value > threshold:
            place = last
            while place > 0 and -value > worst[place - 1]:
                worst[place] = worst[place - 1]
                place -= 1
            worst[place] = -value
            threshold = worst[last]
    if np.isnan(total):  # no comparison holds with NaN: it would be left out silently
        return float(np.nan)
    risk = 0.0
    for rank in range(last + 1):
        risk += weights[rank] * worst[rank]
    return risk


def tail_weights(pnl: Float64s, weights: Float64s) -> Float64s:
    """float64[n]: the weight of each scenario in the tail; of equal losses the earlier scenario comes first.

    ``-pnl @ tail_weights(pnl, weights)`` is the same figure as :func:`tail_loss`.
    """
    order = np.argsort(pnl, kind="stable")[: len(weights)]
    scenario_weights = np.zeros(len(pnl))
    scenario_weights[order] = weights
    return scenario_weights
