"""Implied volatility by a bracketed root search (Brent) on the engine's own prices, for every model."""

from __future__ import annotations

import math

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.option_on_curve import is_american, option_curve, option_price_on
from engine.market.premium_tables import Curve
from engine.market.pricing import (
    MODEL_BACHELIER_EUROPEAN,
    MODEL_LINEAR,
    option_price,
    pricing_yield,
)

MOST_STEPS = 200
BRACKET_RATIO = 1.3
UPPER_BOUND_SLACK = 1e-6
"""Room above a bound that holds but for the rounding of prices."""
LARGEST_DEVIATION = 64.0
"""Largest volatility * sqrt(years) searched; beyond about 17 a lognormal price no longer changes."""
ROUNDING = 1e-13
"""A price below the lowest possible one by this share of underlying and strike counts as rounded."""


@in_place
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
    return max(now, later) if is_american(model) else later


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
    none = np.empty((0, 0))
    exact = option_curve(model, is_call, years, rate, dividend_yield, none, none)
    return implied_volatility_on(
        exact, model, is_call, price, underlying, strike, years, rate, dividend_yield
    )


@in_place
def implied_volatility_on(
    curve: Curve,
    model: int,
    is_call: bool,
    price: float,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
) -> float:
    """`implied_volatility`, with American prices by the boundaries of a curve where they are smooth."""
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
    if is_american(model):
        # Early exercise is worth something, so the European volatility of the price is an upper bound, and near.
        european = _upwards(
            curve, model - 1, is_call, price, underlying, strike, years, rate, dividend_yield, 0.5
        )
        if european > 0.0:
            return _downwards(
                curve, model, is_call, price, underlying, strike, years, rate, dividend_yield, european
            )
    start = 0.5 * max(abs(underlying - strike), price) if bachelier else 0.5
    return _upwards(curve, model, is_call, price, underlying, strike, years, rate, dividend_yield, start)


@in_place
def _upwards(
    curve: Curve,
    model: int,
    is_call: bool,
    price: float,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    high: float,
) -> float:
    """Root above 0, the bracket doubled from [0, high] on; NaN if there is none."""
    limit = LARGEST_DEVIATION / math.sqrt(years) if model != MODEL_BACHELIER_EUROPEAN else math.inf
    low = 0.0
    while (
        option_price_on(curve, model, is_call, underlying, strike, years, rate, dividend_yield, high) < price
    ):
        low = high
        high *= 2.0
        if not high <= limit:
            return math.nan
    return _root(curve, model, is_call, price, underlying, strike, years, rate, dividend_yield, low, high)


@in_place
def _downwards(
    curve: Curve,
    model: int,
    is_call: bool,
    price: float,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    high: float,
) -> float:
    """Root at or below `high`, the bracket lowered from there on."""
    high *= 1.0 + UPPER_BOUND_SLACK
    low = high / BRACKET_RATIO
    for _ in range(MOST_STEPS):
        if (
            option_price_on(curve, model, is_call, underlying, strike, years, rate, dividend_yield, low)
            < price
        ):
            break
        high, low = low, low / BRACKET_RATIO
    return _root(curve, model, is_call, price, underlying, strike, years, rate, dividend_yield, low, high)


@in_place
def _root(
    curve: Curve,
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
    fa = option_price_on(curve, model, is_call, underlying, strike, years, rate, dividend_yield, a) - price
    fb = option_price_on(curve, model, is_call, underlying, strike, years, rate, dividend_yield, b) - price
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
        fb = (
            option_price_on(curve, model, is_call, underlying, strike, years, rate, dividend_yield, b) - price
        )
    return b


@in_place
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
