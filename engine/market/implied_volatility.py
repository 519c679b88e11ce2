"""Implied volatility by a bracketed root search (Brent) on the engine's own prices, for every model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.market.pricing import (
    MODEL_BACHELIER_EUROPEAN,
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    MODEL_LINEAR,
    option_price,
    pricing_yield,
)

MOST_STEPS = 200
LARGEST_DEVIATION = 64.0
"""Largest volatility * sqrt(years) searched; beyond about 17 a lognormal price no longer changes."""
ROUNDING = 1e-13
"""A price below the lowest possible one by this share of underlying and strike counts as rounded."""


@kernel
def highest_price(
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
) -> float:
    """Price at infinite volatility; infinite under Bachelier."""
    if model == MODEL_BACHELIER_EUROPEAN:
        return math.inf
    if is_call:
        later = underlying * math.exp(-pricing_yield(model, rate, dividend_yield) * years)
        now = underlying
    else:
        later = strike * math.exp(-rate * years)
        now = strike
    american = model in (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN)
    return max(now, later) if american else later


@kernel
def implied_volatility(
    model: int,
    is_call: bool,
    price: float,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
) -> float:
    """Volatility at which `option_price` returns `price`; per year, Bachelier in price units.

    0 where the price equals the lowest possible one (no time value). NaN where no volatility gives the
    price: outside the no-arbitrage bounds, at or after expiry, linear model, or underlying or strike not
    positive under a lognormal model.
    """
    bachelier = model == MODEL_BACHELIER_EUROPEAN
    if model == MODEL_LINEAR or not (years > 0.0 and math.isfinite(price)):
        return math.nan
    if not bachelier and not (underlying > 0.0 and strike > 0.0):
        return math.nan
    lowest = option_price(model, is_call, underlying, strike, years, rate, dividend_yield, 0.0)
    allowance = ROUNDING * (abs(underlying) + abs(strike))
    highest = highest_price(model, is_call, underlying, strike, years, rate, dividend_yield)
    if not (lowest - allowance <= price < highest):
        return math.nan
    if price <= lowest:
        return 0.0
    unit = max(abs(underlying - strike), price) if bachelier else 1.0
    high = 0.5 * unit
    limit = math.inf if bachelier else LARGEST_DEVIATION / math.sqrt(years)
    low = 0.0
    while option_price(model, is_call, underlying, strike, years, rate, dividend_yield, high) < price:
        low = high
        high *= 2.0
        if not high <= limit:
            return math.nan
    return _root(model, is_call, price, underlying, strike, years, rate, dividend_yield, low, high)


@kernel
def _root(
    model: int,
    is_call: bool,
    price: float,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    low: float,
    high: float,
) -> float:
    """Brent (1973): the root of price(volatility) - price in [low, high]."""
    a, b = low, high
    fa = option_price(model, is_call, underlying, strike, years, rate, dividend_yield, a) - price
    fb = option_price(model, is_call, underlying, strike, years, rate, dividend_yield, b) - price
    c, fc = a, fa
    step = last_step = b - a
    for _ in range(MOST_STEPS):
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
            step = last_step = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        tolerance = 1e-15 * abs(b) + 1e-300
        middle = 0.5 * (c - b)
        if abs(middle) <= tolerance or fb == 0.0:
            break
        step, last_step = _brent_step(a, b, c, fa, fb, fc, middle, tolerance, step, last_step)
        a, fa = b, fb
        b += step if abs(step) > tolerance else math.copysign(tolerance, middle)
        fb = option_price(model, is_call, underlying, strike, years, rate, dividend_yield, b) - price
    return b


@kernel
def _brent_step(
    a: float,
    b: float,
    c: float,
    fa: float,
    fb: float,
    fc: float,
    middle: float,
    tolerance: float,
    step: float,
    last_step: float,
) -> tuple[float, float]:
    """Interpolated step from b where it is safe, else half of the bracket; with the step before it."""
    if abs(last_step) < tolerance or abs(fa) <= abs(fb):
        return middle, middle
    s = fb / fa
    if a == c:
        p, q = 2.0 * middle * s, 1.0 - s
    else:
        r, t = fb / fc, fa / fc
        p = s * (2.0 * middle * t * (t - r) - (b - a) * (r - 1.0))
        q = (t - 1.0) * (r - 1.0) * (s - 1.0)
    if p > 0.0:
        q = -q
    p = abs(p)
    if 2.0 * p < min(3.0 * middle * q - abs(tolerance * q), abs(last_step * q)):
        return p / q, step
    return middle, middle


@kernel
def implied_volatilities(
    model: NDArray[np.int8],
    is_call: NDArray[np.bool_],
    price: NDArray[np.float64],
    underlying: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    rate: NDArray[np.float64],
    dividend_yield: NDArray[np.float64],
) -> NDArray[np.float64]:
    """`implied_volatility` of n options: every argument [n], result float64[n]."""
    result = np.empty(price.size)
    for i in range(price.size):
        result[i] = implied_volatility(
            int(model[i]),
            is_call[i],
            price[i],
            underlying[i],
            strike[i],
            years[i],
            rate[i],
            dividend_yield[i],
        )
    return result
