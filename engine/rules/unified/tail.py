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

_LANES_PER_RANK = 4  # measured: fewer bound the tail worse, more cost more to rank


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
def tail_scratch(ranks: int, count: int) -> tuple[Float64s, Float64s]:
    """Room that :func:`tail_loss` works in."""
    return np.empty(min(_LANES_PER_RANK * ranks, count)), np.empty(count)


@kernel
def _lane_minima(pnl: Float64s, row: int, count: int, lanes: Float64s) -> None:
    """lanes[i] = the least of pnl[row, i], pnl[row, i + lanes], pnl[row, i + 2 lanes] ..."""
    width = len(lanes)
    lanes[:] = pnl[row, :width]
    for first in range(width, count, width):
        part = pnl[row, first : min(first + width, count)]  # indexed from 0: compiled to vector instructions
        for lane in range(len(part)):
            lanes[lane] = part[lane] if part[lane] < lanes[lane] else lanes[lane]  # noqa: FURB136


@kernel
def _least_of_rank(values: Float64s, rank: int) -> float:
    """The value that fewer than ``rank`` of the others are below; the largest such."""
    found = -np.inf
    for i in range(len(values)):
        value = values[i]
        below = 0
        for j in range(len(values)):
            below += values[j] < value
        found = value if below < rank and value > found else found
    return found


@kernel
def tail_loss(
    pnl: Float64s, row: int, count: int, weights: Float64s, scratch: tuple[Float64s, Float64s]
) -> float:
    """Weighted worst losses of ``pnl[row, :count]`` by partial selection; NaN if any P&L is NaN.

    The least P&L of each of a few lanes bounds the tail from above; what lies below the bound is a handful, whose
    ranks are counted. Without a branch that depends on the data but one per lane: a processor that guesses
    branches wrongly would cost more than the comparisons.

    Args:
        pnl: float64[u, >= count], losses negative.
        weights: float64[r] of :func:`rank_weights`.
        scratch: of :func:`tail_scratch`.
    """
    lanes, below = scratch
    ranks, numbers = len(weights), 0
    for place in range(count):
        numbers += pnl[row, place] == pnl[row, place]
    if numbers < count:  # no comparison holds with NaN: it would be left out silently
        return float(np.nan)
    _lane_minima(pnl, row, count, lanes)
    bound = _least_of_rank(lanes, ranks)
    found = 0
    for lane in range(len(lanes)):
        if lanes[lane] < bound:
            for place in range(lane, count, len(lanes)):
                value = pnl[row, place]
                below[found] = value
                found += value < bound
    risk = 0.0
    for i in range(found):
        value, rank = below[i], 0
        for j in range(found):
            rank += (below[j] < value) | ((below[j] == value) & (j < i))
        risk -= weights[rank] * value if rank < ranks else 0.0
    for rank in range(found, ranks):  # what is left of the tail equals the bound
        risk -= weights[rank] * bound
    return risk


def tail_weights(pnl: Float64s, weights: Float64s) -> Float64s:
    """float64[n]: the weight of each scenario in the tail; of equal losses the earlier scenario comes first.

    ``-pnl @ tail_weights(pnl, weights)`` is the same figure as :func:`tail_loss`.
    """
    # Candidates first: everything not above the last value of the tail, in scenario order.
    last = np.partition(pnl, len(weights) - 1)[len(weights) - 1]
    candidates = np.flatnonzero(pnl <= last)
    order = candidates[np.argsort(pnl[candidates], kind="stable")][: len(weights)]
    scenario_weights = np.zeros(len(pnl))
    scenario_weights[order] = weights
    return scenario_weights
