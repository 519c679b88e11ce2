"""Prices and P&L of one option over many points (underlying, volatility)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.exercise_boundary import exercise_boundary
from engine.market.option_on_curve import is_american, option_curve, put_rates
from engine.market.premium_interpolation import puts_by_premium
from engine.market.premium_tables import (
    Curve,
    Float64s,
    boundary_on_curve,
    is_smooth,
    place_on_curve,
    put_by_boundary,
)
from engine.market.pricing import MODEL_BACHELIER_EUROPEAN, MODEL_LINEAR, option_price, pricing_yield
from engine.market.pricing_american import (
    LEAST_DEVIATION,
    REGIME_ONE_BOUNDARY,
    exercise_regime,
    put_given_boundary,
)
from engine.market.pricing_european import bachelier_price, black_price

FEW_VOLATILITIES = 6
"""Up to so many different volatilities an American option is priced by boundary, else by premium."""


@kernel
def _has_few_values(values: Float64s) -> bool:
    """At most `FEW_VOLATILITIES` different values."""
    different = np.empty(FEW_VOLATILITIES)
    count = 0
    for value in values:
        if np.any(different[:count] == value):
            continue
        if count == FEW_VOLATILITIES:
            return False
        different[count] = value
        count += 1
    return True


@kernel
def _prices_at_volatility(
    curve: Curve,
    is_call: bool,
    strike: float,
    volatility: float,
    place: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    first: int,
    prices: Float64s,
) -> None:
    """By boundary: the points from `first` on that stand at one volatility; those without a price stay."""
    log_boundary, quadrature = boundary_on_curve(curve, volatility, place)
    for s in range(first, prices.size):
        u = underlying_points[s]
        if volatility_points[s] == volatility and 0.0 < u < math.inf:
            unit, ratio = (u, strike / u) if is_call else (strike, u / strike)
            prices[s] = unit * put_by_boundary(curve, ratio, volatility, log_boundary, quadrature)


@kernel
def _prices_by_boundary(
    curve: Curve,
    is_call: bool,
    strike: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    prices: Float64s,
) -> None:
    """For few volatilities: each boundary found once. NaN where the tables do not reach or are not smooth."""
    prices[:] = math.nan
    for s in range(prices.size):
        v = volatility_points[s]
        if math.isnan(prices[s]) and 0.0 < underlying_points[s] < math.inf and is_smooth(curve, v):
            place = place_on_curve(curve, v)
            if place >= 0.0:
                _prices_at_volatility(
                    curve, is_call, strike, v, place, underlying_points, volatility_points, s, prices
                )


@kernel
def _prices_by_premium(
    curve: Curve,
    is_call: bool,
    strike: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    prices: Float64s,
) -> None:
    """For many volatilities. NaN where the tables do not reach."""
    if is_call:
        puts_by_premium(curve, strike / underlying_points, volatility_points, prices)
        prices *= underlying_points
    else:
        puts_by_premium(curve, underlying_points / strike, volatility_points, prices)
        prices *= strike


@kernel
def _american_prices(
    curve: Curve,
    model: int,
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    prices: Float64s,
) -> None:
    """By the tables, and exactly one by one where these do not reach."""
    if math.isnan(curve.log_top):
        prices[:] = math.nan
    elif _has_few_values(volatility_points):
        _prices_by_boundary(curve, is_call, strike, underlying_points, volatility_points, prices)
    else:
        _prices_by_premium(curve, is_call, strike, underlying_points, volatility_points, prices)
    for s in range(prices.size):
        if math.isnan(prices[s]):
            u, v = underlying_points[s], volatility_points[s]
            prices[s] = option_price(model, is_call, u, strike, years, rate, dividend_yield, v)


@in_place
def _european_prices(
    model: int,
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    prices: Float64s,
) -> None:
    """As `option_price`, bit by bit, with what the points share computed once."""
    growth = math.exp((rate - pricing_yield(model, rate, dividend_yield)) * years)
    discount, root_years = math.exp(-rate * years), math.sqrt(years)
    bachelier = model == MODEL_BACHELIER_EUROPEAN
    for s in range(prices.size):
        u, v = underlying_points[s], volatility_points[s]
        if math.isnan(u + v):
            prices[s] = math.nan
        elif bachelier:
            prices[s] = bachelier_price(is_call, u * growth, strike, max(v, 0.0) * root_years, discount)
        else:
            prices[s] = black_price(is_call, u * growth, strike, max(v, 0.0) * root_years, discount)


@kernel
def option_prices_over_points(
    model: int,
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    boundary: Float64s,
    premium: Float64s,
    prices: Float64s,
) -> None:
    """Fill prices float64[S] with one option's price at (underlying, volatility) levels, float64[S] each.

    ``boundary``, ``premium``: the option's rows of :class:`engine.market.premium_tables.Tables`, which gain
    the nodes they lack; read for American models only.
    """
    plain_terms = years > 0.0 and math.isfinite(strike + rate + dividend_yield)
    if plain_terms and model != MODEL_LINEAR and not is_american(model):
        _european_prices(
            model, is_call, strike, years, rate, dividend_yield, underlying_points, volatility_points, prices
        )
        return
    if plain_terms and is_american(model) and strike > 0.0:
        curve = option_curve(model, is_call, years, rate, dividend_yield, boundary, premium)
        _american_prices(
            curve, model, is_call, strike, years, rate, dividend_yield, underlying_points, volatility_points,
            prices,
        )  # fmt: skip
        return
    for s in range(prices.size):
        prices[s] = option_price(
            model, is_call, underlying_points[s], strike, years, rate, dividend_yield, volatility_points[s]
        )


@kernel
def option_pnl_over_points(
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
    underlying_points: Float64s,
    volatility_points: Float64s,
    boundary: Float64s,
    premium: Float64s,
    out: Float64s,
) -> None:
    """Fill out float64[S]: price at each (underlying, volatility) level less the price at the base.

    Losses are negative; a scenario equal to the base gives exactly 0. Takes levels, so it also serves
    absolute shocks: the way to shock a Bachelier underlying, which may be near or below zero.
    """
    underlyings, volatilities = np.empty(out.size + 1), np.empty(out.size + 1)
    underlyings[0], volatilities[0] = underlying, volatility
    underlyings[1:] = underlying_points
    volatilities[1:] = volatility_points
    prices = np.empty(out.size + 1)
    option_prices_over_points(
        model,
        is_call,
        strike,
        years,
        rate,
        dividend_yield,
        underlyings,
        volatilities,
        boundary,
        premium,
        prices,
    )
    out[:] = prices[1:] - prices[0]


@kernel
def option_prices_on_points(
    model: NDArray[np.int8],
    is_call: NDArray[np.bool_],
    underlying_points: Float64s,
    strike: Float64s,
    years: Float64s,
    rate: Float64s,
    dividend_yield: Float64s,
    volatility_points: Float64s,
) -> Float64s:
    """Exact prices of n options on k points each: points and result float64[n, k], all else [n].

    Without tables; an American option's consecutive points at the same volatility share one exercise boundary.
    """
    prices = np.empty(underlying_points.shape)
    count, points = underlying_points.shape
    for i in range(count):
        put_rate, put_yield = put_rates(int(model[i]), is_call[i], rate[i], dividend_yield[i])
        shares = is_american(model[i]) and strike[i] > 0.0 and years[i] > 0.0
        shares = shares and exercise_regime(put_rate, put_yield) == REGIME_ONE_BOUNDARY
        known, squares = math.nan, np.empty(0)
        for s in range(points):
            u, v = underlying_points[i, s], volatility_points[i, s]
            if not (shares and 0.0 < u < math.inf and LEAST_DEVIATION <= v * math.sqrt(years[i]) < math.inf):
                prices[i, s] = option_price(
                    int(model[i]), is_call[i], u, strike[i], years[i], rate[i], dividend_yield[i], v
                )
                continue
            if v != known:
                known, squares = v, exercise_boundary(years[i], put_rate, put_yield, v)
            unit, ratio = (u, strike[i] / u) if is_call[i] else (strike[i], u / strike[i])
            prices[i, s] = unit * put_given_boundary(ratio, years[i], put_rate, put_yield, v, squares)
    return prices
