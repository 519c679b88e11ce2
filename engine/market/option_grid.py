"""American prices of one option on many (underlying, volatility) points: shared boundaries or a small grid.

The price is the European price, exact per point, plus the early exercise premium. `prices_by_volatility`
solves one exact boundary per different volatility. `prices_by_grid` interpolates boundary and premium between
Chebyshev nodes: in log volatility, and in the distance above the exercise boundary in deviations,
`log(S / B) / (volatility * sqrt(years))`. The grid is thus fitted to the boundary: the kink of the price
lies on the grid's edge, and at or below it the price is the intrinsic value.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.market.exercise_boundary import NODES, exercise_boundary, highest_boundary
from engine.market.pricing_american import (
    european_put,
    exercise_premium,
    log_boundary_today,
    put_given_boundary,
)

VOLATILITY_NODES = 6
DISTANCE_NODES = 14
LARGEST_DISTANCE = 6.0
"""Deviations above every exercise boundary from which the premium counts as nothing."""


def _unit_nodes(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chebyshev nodes of the second kind on [0, 1], ascending, and their barycentric weights."""
    nodes = 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1))
    weights: NDArray[np.float64] = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    weights[0] *= 0.5
    weights[-1] *= 0.5
    return nodes, weights


_VOLATILITY_NODES, _VOLATILITY_WEIGHTS = _unit_nodes(VOLATILITY_NODES)
_DISTANCE_NODES, _DISTANCE_WEIGHTS = _unit_nodes(DISTANCE_NODES)


@kernel
def _interpolation(
    x: float, nodes: NDArray[np.float64], weights: NDArray[np.float64], shares: NDArray[np.float64]
) -> None:
    """Fill `shares` with the weight of each node's value at x."""
    total = 0.0
    for k in range(nodes.size):
        distance = x - nodes[k]
        if distance == 0.0:
            shares[:] = 0.0
            shares[k] = 1.0
            return
        shares[k] = weights[k] / distance
        total += shares[k]
    shares /= total


@kernel
def distinct_volatilities(
    volatility_points: NDArray[np.float64], volatility: float, chosen: NDArray[np.float64]
) -> int:
    """Collect different volatilities into `chosen`; their count, one more than fits if there are more."""
    chosen[0] = volatility
    count = 1
    for v in volatility_points:
        if not np.any(chosen[:count] == v):
            if count == chosen.size:
                return count + 1
            chosen[count] = v
            count += 1
    return count


@kernel
def _put_ratio(is_call: bool, underlying: float, strike: float) -> float:
    """Underlying over strike of the put with strike 1 that stands for the option."""
    return strike / underlying if is_call else underlying / strike


@kernel
def prices_by_volatility(
    is_call: bool,
    strike: float,
    years: float,
    put_rate: float,
    put_yield: float,
    underlying_points: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
    distinct: NDArray[np.float64],
    prices: NDArray[np.float64],
) -> None:
    """Exact prices: one boundary per different volatility, one premium integral per scenario."""
    for v in distinct:
        squares = exercise_boundary(years, put_rate, put_yield, v)
        for s in range(prices.size):
            if on_grid[s] and volatility_points[s] == v:
                ratio = _put_ratio(is_call, underlying_points[s], strike)
                put = put_given_boundary(ratio, years, put_rate, put_yield, v, squares)
                prices[s] = put * (underlying_points[s] if is_call else strike)


@kernel
def _fill_grid(
    years: float,
    put_rate: float,
    put_yield: float,
    low_volatility: float,
    log_span: float,
    highest_log_ratio: float,
    log_boundaries: NDArray[np.float64],
    premiums: NDArray[np.float64],
) -> float:
    """Fill boundary and premium on the nodes; returns the grid's width in deviations."""
    root_years = math.sqrt(years)
    log_top = math.log(highest_boundary(put_rate, put_yield))
    squares = np.empty((VOLATILITY_NODES, NODES + 1))
    width, needed = 0.0, 0.0
    for i in range(VOLATILITY_NODES):
        v = low_volatility * math.exp(_VOLATILITY_NODES[i] * log_span)
        squares[i] = exercise_boundary(years, put_rate, put_yield, v)
        log_boundaries[i] = log_boundary_today(put_rate, put_yield, squares[i])
        drift = max(0.5 * v * v - (put_rate - put_yield), 0.0) * root_years / v
        deviation = v * root_years
        width = max(width, LARGEST_DISTANCE + drift + (log_top - log_boundaries[i]) / deviation)
        needed = max(needed, (highest_log_ratio - log_boundaries[i]) / deviation)
    # between volatility nodes the farthest scenario may lie a little beyond what the nodes need
    width = min(width, 1.05 * max(needed, 0.0) + 0.1)
    for i in range(VOLATILITY_NODES):
        v = low_volatility * math.exp(_VOLATILITY_NODES[i] * log_span)
        for j in range(DISTANCE_NODES):
            log_ratio = log_boundaries[i] + _DISTANCE_NODES[j] * width * v * root_years
            premiums[i, j] = exercise_premium(log_ratio, years, put_rate, put_yield, v, squares[i])
    return width


@kernel
def prices_by_grid(
    is_call: bool,
    strike: float,
    years: float,
    put_rate: float,
    put_yield: float,
    underlying_points: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
    on_grid: NDArray[np.bool_],
    low_volatility: float,
    high_volatility: float,
    prices: NDArray[np.float64],
) -> None:
    """Interpolated prices of the scenarios marked `on_grid`."""
    highest_log_ratio = -math.inf
    for s in range(prices.size):
        if on_grid[s]:
            log_ratio = math.log(_put_ratio(is_call, underlying_points[s], strike))
            highest_log_ratio = max(highest_log_ratio, log_ratio)
    log_span = math.log(high_volatility / low_volatility)
    log_boundaries = np.empty(VOLATILITY_NODES)
    premiums = np.empty((VOLATILITY_NODES, DISTANCE_NODES))
    width = _fill_grid(
        years, put_rate, put_yield, low_volatility, log_span, highest_log_ratio, log_boundaries, premiums
    )
    by_volatility, by_distance = np.empty(VOLATILITY_NODES), np.empty(DISTANCE_NODES)
    for s in range(prices.size):
        if not on_grid[s]:
            continue
        v = volatility_points[s]
        ratio = _put_ratio(is_call, underlying_points[s], strike)
        place = math.log(v / low_volatility) / log_span
        _interpolation(place, _VOLATILITY_NODES, _VOLATILITY_WEIGHTS, by_volatility)
        log_boundary = 0.0
        for i in range(VOLATILITY_NODES):
            log_boundary += by_volatility[i] * log_boundaries[i]
        distance = (math.log(ratio) - log_boundary) / (v * math.sqrt(years))
        put = 1.0 - ratio
        if distance > 0.0:
            premium = 0.0
            if distance <= width:
                _interpolation(distance / width, _DISTANCE_NODES, _DISTANCE_WEIGHTS, by_distance)
                for i in range(VOLATILITY_NODES):
                    for j in range(DISTANCE_NODES):
                        premium += by_volatility[i] * by_distance[j] * premiums[i, j]
            european = european_put(ratio, years, put_rate, put_yield, v)
            put = max(european + max(premium, 0.0), put)
        prices[s] = put * (underlying_points[s] if is_call else strike)
