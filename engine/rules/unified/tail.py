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

from engine.base.kernel import in_place, kernel

Float64s = NDArray[np.float64]
Int16s = NDArray[np.int16]
Int32s = NDArray[np.int32]

MOST_SCENARIOS = int(np.iinfo(np.int16).max)  # a tail keeps 1 + scenario in int16
_LANES_PER_RANK = 4  # measured: fewer bound the tail worse, more cost more to rank
_LOOSE = 4  # times the tail: with more losses than that above the bound, the lanes' bound is worth its time


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


def no_tails(units: int, ranks: int) -> Int16s:
    """int16[units, 2, ranks] for :func:`tail_loss`, nothing found yet: one tail of a unit, one of its account."""
    return np.zeros((units, 2, ranks), np.int16)


@kernel
def tail_scratch(ranks: int, count: int) -> tuple[Float64s, Int32s]:
    """Room that :func:`tail_loss` works in."""
    return np.empty(min(_LANES_PER_RANK * ranks, count)), np.empty(count, np.int32)


@in_place
def _lane_minima(pnl: Float64s, count: int, lanes: Float64s) -> None:
    """lanes[i] = the least of pnl[i], pnl[i + lanes], pnl[i + 2 lanes] ..."""
    width = len(lanes)
    for lane in range(width):
        lanes[lane] = pnl[lane]
    for first in range(width, count, width):
        part = pnl[first : min(first + width, count)]  # indexed from 0: compiled to vector instructions
        for lane in range(len(part)):
            lanes[lane] = part[lane] if part[lane] < lanes[lane] else lanes[lane]  # noqa: FURB136


@in_place
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


@in_place
def _find_tail(pnl: Float64s, count: int, bound: float, tail: Int16s, places: Int32s) -> None:
    """tail[r] = 1 + scenario of the r-th worst loss; the least P&L that at least ``len(tail)`` reach is <= bound.

    Without a branch that depends on the data in the long loop: a processor that guesses branches wrongly would
    cost more than the comparisons.
    """
    found, ranks = 0, len(tail)
    for place in range(count):
        places[found] = place
        found += pnl[place] < bound
    place = 0
    while found < ranks:  # what is left of the tail equals the bound
        places[found] = place
        found += pnl[place] == bound
        place += 1
    for i in range(found):
        value, rank = pnl[places[i]], 0
        for j in range(found):
            other = pnl[places[j]]
            rank += (other < value) | ((other == value) & (j < i))
        if rank < ranks:
            tail[rank] = places[i] + 1


@in_place
def _worst_first(pnl: Float64s, tail: Int16s) -> None:
    """Sort scenarios by loss: they nearly are, from the last time."""
    for i in range(1, len(tail)):
        place, j = tail[i], i
        while j > 0 and pnl[tail[j - 1] - 1] > pnl[place - 1]:
            tail[j] = tail[j - 1]
            j -= 1
        tail[j] = place


@in_place
def tail_loss(
    pnl: Float64s, count: int, weights: Float64s, tail: Int16s, lanes: Float64s, places: Int32s
) -> float:
    """Weighted worst losses of ``pnl[:count]``; NaN if any P&L is NaN.

    The tail that was found last time is where the search begins, and mostly where it ends: its least loss bounds
    the tail, and one count shows whether any other scenario loses more. What was found before changes nothing but
    the time: the losses of the tail are added in order of rank.

    Args:
        pnl: float64[>= count], losses negative.
        weights: float64[r] of :func:`rank_weights`, r <= count.
        tail: int16[r], 1 + scenario, distinct, or 0 for none known; becomes the tail, worst first.
        lanes, places: of :func:`tail_scratch`.
    """
    if tail[0] == 0:
        for rank in range(len(tail)):
            tail[rank] = rank + 1
    bound = -np.inf
    for rank in range(len(tail)):
        value = pnl[tail[rank] - 1]
        bound = value if value > bound else bound  # noqa: FURB136
    inside = 0
    for rank in range(len(tail)):
        inside += pnl[tail[rank] - 1] < bound
    below = numbers = 0
    for place in range(count):
        below += pnl[place] < bound
        numbers += pnl[place] == pnl[place]
    if numbers < count:  # no comparison holds with NaN: it would be left out silently
        return float(np.nan)
    if below == inside:
        _worst_first(pnl, tail)
    else:
        if below > _LOOSE * len(tail):
            _lane_minima(pnl, count, lanes)
            bound = _least_of_rank(lanes, len(tail))
        _find_tail(pnl, count, bound, tail, places)
    risk = 0.0
    for rank in range(len(tail)):
        risk -= weights[rank] * pnl[tail[rank] - 1]
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
