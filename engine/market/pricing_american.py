"""American options on a lognormal underlying: European price plus early exercise premium (Kim 1990).

Everything is done for a put with strike 1. A call is a put with strike and underlying, rate and yield
exchanged (McDonald and Schroder 1998): `call(S, K, r, q) = S * put(K / S, 1, q, r)`. Four regimes of that
put: never exercised early (no rate above zero, none above the yield): exactly European; one boundary (all usual cases);
two boundaries (yield < rate < 0): binomial tree; no volatility: the best deterministic exercise time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.boundary_guess import NODES, ROOT_TIME, highest_boundary
from engine.market.exercise_boundary import angle_rule, exercise_boundary, interpolation_row
from engine.market.pricing_european import black_forward_delta, black_price, normal_cdf
from engine.market.pricing_tree import tree_put

PREMIUM_POINTS = 25
LEAST_DEVIATION = 1e-6
"""Below this `volatility * sqrt(years)` an option is priced without volatility (error < 4e-7 of strike)."""
NO_RATE = 1e-12
"""A rate up to this, a year, is none: its early exercise premium is below `NO_RATE * years` of the strike, and
the boundary's equations lose their footing far below it."""
DELTA_BUMP = 1e-4
TREE_DELTA_BUMP = 5e-3

REGIME_EUROPEAN = 0
REGIME_ONE_BOUNDARY = 1
REGIME_TWO_BOUNDARIES = 2

_SINE, _COSINE, _WEIGHT = angle_rule(PREMIUM_POINTS)
_ROWS = np.array([interpolation_row(ROOT_TIME, c) for c in _COSINE])


@in_place
def exercise_regime(rate: float, dividend_yield: float) -> int:
    """Which of the regimes the unit put is in (Andersen and Lake 2021, table 2)."""
    if rate <= NO_RATE and rate <= dividend_yield + NO_RATE:
        return REGIME_EUROPEAN
    return REGIME_TWO_BOUNDARIES if rate < 0.0 else REGIME_ONE_BOUNDARY


@in_place
def deterministic_put(ratio: float, years: float, rate: float, dividend_yield: float) -> float:
    """Unit put without volatility: the best exercise time is now, expiry or where the value turns."""
    best = max(1.0 - ratio, math.exp(-rate * years) - ratio * math.exp(-dividend_yield * years))
    if ratio > 0.0 and rate * dividend_yield > 0.0 and rate != dividend_yield:
        turn = math.log(rate / (dividend_yield * ratio)) / (rate - dividend_yield)
        if 0.0 < turn < years:
            best = max(best, math.exp(-rate * turn) - ratio * math.exp(-dividend_yield * turn))
    return max(best, 0.0)


@in_place
def european_put(ratio: float, years: float, rate: float, dividend_yield: float, volatility: float) -> float:
    """Unit European put at underlying `ratio`."""
    forward = ratio * math.exp((rate - dividend_yield) * years)
    return black_price(False, forward, 1.0, volatility * math.sqrt(years), math.exp(-rate * years))


@in_place
def log_boundary_today(rate: float, dividend_yield: float, squares: NDArray[np.float64]) -> float:
    """log of the underlying at or below which the unit put is exercised now."""
    return math.log(highest_boundary(rate, dividend_yield)) - math.sqrt(squares[NODES])


class Quadrature(NamedTuple):
    """Premium integral over a boundary at its points, each float64[PREMIUM_POINTS], early to late.

    Attributes:
        deviation: of the underlying until then.
        above: drift less log boundary then, in deviations.
        interest, dividend: what exercise earns and forgoes there, times the weight of the point.
    """

    deviation: NDArray[np.float64]
    above: NDArray[np.float64]
    interest: NDArray[np.float64]
    dividend: NDArray[np.float64]


@kernel
def premium_quadrature(
    years: float, rate: float, dividend_yield: float, volatility: float, squares: NDArray[np.float64]
) -> Quadrature:
    """What the premium integral holds that does not depend on the underlying."""
    log_top = math.log(highest_boundary(rate, dividend_yield))
    root_years = math.sqrt(years)
    deviation, above = np.empty(PREMIUM_POINTS), np.empty(PREMIUM_POINTS)
    interest, dividend = np.empty(PREMIUM_POINTS), np.empty(PREMIUM_POINTS)
    for j in range(PREMIUM_POINTS):
        square = 0.0
        for k in range(1, NODES + 1):
            square += _ROWS[j, k] * squares[k]
        root_step = root_years * _SINE[j]
        t = root_step * root_step
        weight = 2.0 * root_years * _WEIGHT[j] * root_step
        deviation[j] = volatility * root_step
        above[j] = (math.sqrt(max(square, 0.0)) - log_top + (rate - dividend_yield) * t) / deviation[j]
        interest[j] = weight * rate * math.exp(-rate * t)
        dividend[j] = weight * dividend_yield * math.exp(-dividend_yield * t)
    return Quadrature(deviation, above, interest, dividend)


@in_place
def exercise_premium(log_ratio: float, quadrature: Quadrature) -> float:
    """Early exercise premium of the unit put at underlying `exp(log_ratio)` for a known boundary."""
    interest, dividend = 0.0, 0.0
    for j in range(PREMIUM_POINTS):
        deviation = quadrature.deviation[j]
        middle = log_ratio / deviation + quadrature.above[j]
        if quadrature.interest[j] != 0.0:
            interest += quadrature.interest[j] * normal_cdf(0.5 * deviation - middle)
        if quadrature.dividend[j] != 0.0:
            dividend += quadrature.dividend[j] * normal_cdf(-0.5 * deviation - middle)
    return interest - math.exp(log_ratio) * dividend


@kernel
def put_given_boundary(
    ratio: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
    squares: NDArray[np.float64],
) -> float:
    """Unit American put with one boundary, the boundary known."""
    log_ratio = math.log(ratio)
    if log_ratio <= log_boundary_today(rate, dividend_yield, squares):
        return 1.0 - ratio
    quadrature = premium_quadrature(years, rate, dividend_yield, volatility, squares)
    premium = exercise_premium(log_ratio, quadrature)
    european = european_put(ratio, years, rate, dividend_yield, volatility)
    return max(european + max(premium, 0.0), 1.0 - ratio)


@kernel
def american_put(ratio: float, years: float, rate: float, dividend_yield: float, volatility: float) -> float:
    """Unit American put at underlying `ratio` > 0; years > 0."""
    regime = exercise_regime(rate, dividend_yield)
    if regime == REGIME_EUROPEAN:
        return european_put(ratio, years, rate, dividend_yield, volatility)
    if volatility * math.sqrt(years) < LEAST_DEVIATION:
        return deterministic_put(ratio, years, rate, dividend_yield)
    if regime == REGIME_TWO_BOUNDARIES:
        return tree_put(ratio, years, rate, dividend_yield, volatility)
    squares = exercise_boundary(years, rate, dividend_yield, volatility)
    return put_given_boundary(ratio, years, rate, dividend_yield, volatility, squares)


@kernel
def put_slope(ratio: float, years: float, rate: float, dividend_yield: float, volatility: float) -> float:
    """Derivative of the unit put to `ratio`: European part exact, premium by a central difference."""
    root_years = math.sqrt(years)
    regime = exercise_regime(rate, dividend_yield)
    forward_ratio = math.exp((rate - dividend_yield) * years)
    european = forward_ratio * black_forward_delta(
        False, ratio * forward_ratio, 1.0, volatility * root_years, math.exp(-rate * years)
    )
    if regime == REGIME_EUROPEAN:
        return european
    if regime == REGIME_TWO_BOUNDARIES or volatility * root_years < LEAST_DEVIATION:
        up = american_put(ratio * (1.0 + TREE_DELTA_BUMP), years, rate, dividend_yield, volatility)
        down = american_put(ratio * (1.0 - TREE_DELTA_BUMP), years, rate, dividend_yield, volatility)
        return (up - down) / (2.0 * TREE_DELTA_BUMP * ratio)
    squares = exercise_boundary(years, rate, dividend_yield, volatility)
    log_ratio = math.log(ratio)
    if log_ratio <= log_boundary_today(rate, dividend_yield, squares):
        return -1.0
    bump = min(DELTA_BUMP, 0.01 * volatility * root_years)
    quadrature = premium_quadrature(years, rate, dividend_yield, volatility, squares)
    up_premium = exercise_premium(log_ratio + bump, quadrature)
    down_premium = exercise_premium(log_ratio - bump, quadrature)
    return european + (up_premium - down_premium) / (2.0 * bump * ratio)


@in_place
def american_price(
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """American price; underlying or strike at or below zero: the better of exercise now and at expiry."""
    if underlying <= 0.0 or strike <= 0.0:
        sign = 1.0 if is_call else -1.0
        later = underlying * math.exp(-dividend_yield * years) - strike * math.exp(-rate * years)
        return max(sign * (underlying - strike), sign * later, 0.0)
    if is_call:
        return underlying * american_put(strike / underlying, years, dividend_yield, rate, volatility)
    return strike * american_put(underlying / strike, years, rate, dividend_yield, volatility)


@in_place
def american_delta(
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """Change of the American price per unit of the underlying."""
    if underlying <= 0.0 or strike <= 0.0:
        sign = 1.0 if is_call else -1.0
        carry = math.exp(-dividend_yield * years)
        now = sign * (underlying - strike)
        later = sign * (underlying * carry - strike * math.exp(-rate * years))
        if max(now, later) <= 0.0:
            return 0.0
        return sign if now >= later else sign * carry
    if not is_call:
        return put_slope(underlying / strike, years, rate, dividend_yield, volatility)
    ratio = strike / underlying
    price = american_put(ratio, years, dividend_yield, rate, volatility)
    return price - ratio * put_slope(ratio, years, dividend_yield, rate, volatility)
