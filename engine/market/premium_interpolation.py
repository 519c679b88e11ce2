"""American puts with strike 1 by premium: interpolated in volatility and in the distance above the boundary."""

from __future__ import annotations

import math

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.boundary_guess import NODES
from engine.market.premium_tables import (
    DISTANCES,
    FIRST_COVERED,
    LAGRANGE_FACTORS,
    LARGEST_DISTANCE,
    LAST_COVERED,
    LOWEST_VOLATILITY,
    STENCIL,
    VOLATILITY_STEP,
    Curve,
    Float64s,
    interpolation_weights,
    make_premium,
    nodes_around,
)
from engine.market.pricing_american import LEAST_DEVIATION
from engine.market.pricing_european import normal_cdf

LEAST_SLOPE_DISTANCE = 1e-4
"""The slope of the premium is taken no nearer to the boundary, where the root of the distance has none."""


@in_place
def _weight_slopes(place: float, slopes: Float64s) -> None:
    """Derivatives of `_weights`."""
    for i in range(STENCIL):
        total = 0.0
        for left_out in range(STENCIL):
            product = 1.0
            for j in range(STENCIL):
                if j not in (i, left_out):
                    product *= place - j
            total += product if left_out != i else 0.0
        slopes[i] = total * LAGRANGE_FACTORS[i]


@in_place
def puts_by_premium(curve: Curve, ratios: Float64s, volatilities: Float64s, puts: Float64s) -> None:
    """Fill puts float64[S]: unit American puts at underlyings ``ratios``; NaN where the tables do not reach.

    The hot loop of scenario rows: everything of the curve is in local variables, since reading a tuple of arrays per
    point costs more than the arithmetic.
    """
    boundary, premium = curve.boundary, curve.premium
    by_volatility, by_distance = curve.by_volatility, curve.by_distance
    log_top, root_years, discount, carry = curve.log_top, curve.root_years, curve.discount, curve.carry
    drift = (curve.rate - curve.dividend_yield) * curve.years
    for s in range(puts.size):
        ratio, deviation = ratios[s], volatilities[s] * root_years
        puts[s] = math.nan
        if not (0.0 < ratio < math.inf and LEAST_DEVIATION <= deviation < math.inf):
            continue
        place = math.log(volatilities[s] / LOWEST_VOLATILITY) / VOLATILITY_STEP
        if not FIRST_COVERED <= place < LAST_COVERED:
            continue
        log_ratio, first = math.log(ratio), int(place) - FIRST_COVERED
        interpolation_weights(place - first, by_volatility)
        distance = log_ratio - log_top
        for i in range(STENCIL):
            if math.isnan(premium[first + i, 0]):
                make_premium(curve, first + i)
            distance += by_volatility[i] * boundary[first + i, NODES]
        distance /= deviation
        puts[s] = 1.0 - ratio
        if not distance > 0.0:
            continue
        early = 0.0
        if distance < LARGEST_DISTANCE:
            start, between = _distance_place(distance)
            interpolation_weights(between, by_distance)
            early = max(_table_sum(premium, by_volatility, by_distance, first, start), 0.0)
        upper = (log_ratio + drift) / deviation + 0.5 * deviation
        cash, asset = discount, ratio * carry
        european = max(cash * normal_cdf(deviation - upper) - asset * normal_cdf(-upper), cash - asset, 0.0)
        puts[s] = max(european + early, puts[s])


@kernel
def put_by_premium(curve: Curve, ratio: float, volatility: float) -> float:
    """`puts_by_premium` at one point."""
    put = np.empty(1)
    puts_by_premium(curve, np.full(1, ratio), np.full(1, volatility), put)
    return float(put[0])


@in_place
def put_slope_by_premium(curve: Curve, ratio: float, volatility: float, place: float) -> float:
    """Derivative of `put_by_premium` to ``ratio``; ``place`` >= 0 is that of the volatility."""
    log_ratio, deviation = math.log(ratio), volatility * curve.root_years
    first, distance = nodes_around(curve, place), log_ratio - curve.log_top
    for i in range(STENCIL):
        if math.isnan(curve.premium[first + i, 0]):
            make_premium(curve, first + i)
        distance += curve.by_volatility[i] * curve.boundary[first + i, NODES]
    distance /= deviation
    if distance <= 0.0:
        return -1.0
    premium_slope = 0.0
    if distance < LARGEST_DISTANCE:
        start, between = _distance_place(max(distance, LEAST_SLOPE_DISTANCE))
        _weight_slopes(between, curve.by_distance)
        places_per_distance = 0.5 * (DISTANCES - 1) ** 2 / (LARGEST_DISTANCE * (start + between))
        premium_slope = (
            _table_sum(curve.premium, curve.by_volatility, curve.by_distance, first, start)
            * places_per_distance
            / (deviation * ratio)
        )
    upper = (log_ratio + (curve.rate - curve.dividend_yield) * curve.years) / deviation + 0.5 * deviation
    return max(premium_slope - curve.carry * normal_cdf(-upper), -1.0)


@in_place
def _distance_place(distance: float) -> tuple[int, float]:
    """First distance node around a distance, and the distance's place from there on, in nodes."""
    place = math.sqrt(distance / LARGEST_DISTANCE) * (DISTANCES - 1)
    start = min(max(int(place) - FIRST_COVERED, 0), DISTANCES - STENCIL)
    return start, place - start


@in_place
def _table_sum(
    premium: Float64s, by_volatility: Float64s, by_distance: Float64s, first: int, start: int
) -> float:
    """Premiums from these nodes on, by the weights."""
    total = 0.0
    for i in range(STENCIL):
        row = 0.0
        for j in range(STENCIL):
            row += by_distance[j] * premium[first + i, start + j]
        total += by_volatility[i] * row
    return total
