"""Prices and P&L of one option over many scenarios, by the cheapest method that keeps the stated accuracy.

European and linear models, and points that no grid covers (expired, no volatility, volatility far below the
highest, two exercise boundaries), are priced one by one. Other American options share exact boundaries where
the scenarios hold few different volatilities, else they go through the grid of `engine.market.option_grid`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.market.option_grid import (
    VOLATILITY_NODES,
    distinct_volatilities,
    prices_by_grid,
    prices_by_volatility,
)
from engine.market.pricing import (
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    option_price,
    pricing_yield,
)
from engine.market.pricing_american import LEAST_DEVIATION, REGIME_ONE_BOUNDARY, exercise_regime

LEAST_VOLATILITY_SHARE = 0.1
"""Scenarios below this share of the highest volatility are priced one by one, not on the grid."""


@kernel
def _american_prices(
    model: int,
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    underlying_points: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
    prices: NDArray[np.float64],
) -> None:
    """Prices of one American option; scenarios that no grid covers are priced one by one."""
    carried = pricing_yield(model, rate, dividend_yield)
    put_rate, put_yield = (carried, rate) if is_call else (rate, carried)
    covered = strike > 0.0 and years > 0.0 and exercise_regime(put_rate, put_yield) == REGIME_ONE_BOUNDARY
    high = 0.0
    for v in volatility_points:
        high = max(high, v) if math.isfinite(v) else high
    least = max(LEAST_VOLATILITY_SHARE * high, LEAST_DEVIATION / math.sqrt(max(years, 1e-12)))
    on_grid = np.zeros(prices.size, dtype=np.bool_)
    low = high
    for s in range(prices.size):
        v, u = volatility_points[s], underlying_points[s]
        on_grid[s] = covered and u > 0.0 and math.isfinite(u) and v >= least and math.isfinite(v)
        if on_grid[s]:
            low = min(low, v)
        else:
            prices[s] = option_price(model, is_call, u, strike, years, rate, dividend_yield, v)
    if not np.any(on_grid):
        return
    distinct = np.empty(VOLATILITY_NODES)
    count = distinct_volatilities(volatility_points[on_grid], low, distinct)
    if count <= VOLATILITY_NODES:
        prices_by_volatility(
            is_call, strike, years, put_rate, put_yield, underlying_points, volatility_points, on_grid,
            distinct[:count], prices,
        )  # fmt: skip
    else:
        prices_by_grid(
            is_call, strike, years, put_rate, put_yield, underlying_points, volatility_points, on_grid,
            low, high, prices,
        )  # fmt: skip


@kernel
def option_prices_over_points(
    model: int,
    is_call: bool,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    underlying_points: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
    prices: NDArray[np.float64],
) -> None:
    """Fill prices float64[S] with one option's price at (underlying, volatility) levels, float64[S] each."""
    if model in (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN):
        _american_prices(
            model, is_call, strike, years, rate, dividend_yield, underlying_points, volatility_points, prices
        )
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
    underlying_points: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill out float64[S]: price at each (underlying, volatility) level less the price at the base.

    Losses are negative; a scenario equal to the base gives exactly 0. Takes levels, so it also serves
    absolute shocks: the way to shock a Bachelier underlying, which may be near or below zero.
    """
    count = out.size
    underlyings, volatilities = np.empty(count + 1), np.empty(count + 1)
    underlyings[:count] = underlying_points
    volatilities[:count] = volatility_points
    underlyings[count], volatilities[count] = underlying, volatility
    prices = np.empty(count + 1)
    option_prices_over_points(
        model, is_call, strike, years, rate, dividend_yield, underlyings, volatilities, prices
    )
    for s in range(count):
        out[s] = prices[s] - prices[count]


@kernel
def option_pnl_over_scenarios(
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
    spot_shock: NDArray[np.float64],
    vol_shock: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """`option_pnl_over_points` for relative shocks, of underlying and of volatility.

    The levels are underlying * (1 + spot_shock) and volatility * (1 + vol_shock). Shocks
    float64[S] as fractions (-0.15 is 15 % down); a volatility shocked below zero counts as zero.
    """
    underlyings = underlying * (1.0 + spot_shock)
    volatilities = np.maximum(volatility * (1.0 + vol_shock), 0.0)
    option_pnl_over_points(
        model,
        is_call,
        underlying,
        strike,
        years,
        rate,
        dividend_yield,
        volatility,
        underlyings,
        volatilities,
        out,
    )


@kernel
def option_prices_on_points(
    model: NDArray[np.int8],
    is_call: NDArray[np.bool_],
    underlying_points: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    rate: NDArray[np.float64],
    dividend_yield: NDArray[np.float64],
    volatility_points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Prices of n options on k points each: points and result float64[n, k], all else [n].

    Points of one option at the same volatility share one exercise boundary, which is most of the work.
    """
    prices = np.empty(underlying_points.shape)
    for i in range(len(model)):
        option_prices_over_points(
            int(model[i]),
            is_call[i],
            strike[i],
            years[i],
            rate[i],
            dividend_yield[i],
            underlying_points[i],
            volatility_points[i],
            prices[i],
        )
    return prices
