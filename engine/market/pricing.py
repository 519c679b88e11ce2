"""Option prices and deltas by model code: the functions the rest of the engine calls.

Arguments are the same everywhere: `is_call`; `underlying` (spot, or the future's price for models on a
future and for Bachelier); `strike`; `years` to expiry; `rate` and `dividend_yield` per year, continuously
compounded (the yield is used by spot models only); `volatility` per year (Bachelier: in price units).
Prices are per unit of underlying, before the contract multiplier.

Defined edges: years <= 0 gives the intrinsic value; volatility <= 0 the discounted intrinsic value of the
forward (American: the best exercise time of a certain path); underlying or strike <= 0 under a lognormal
model is priced as certain, too. Finite input gives a finite price; NaN input gives NaN. Accuracy and cost:
`docs/pricing.md`.
"""

from __future__ import annotations

import math

from engine.base.kernel import in_place
from engine.market.pricing_american import american_delta, american_price
from engine.market.pricing_european import (
    bachelier_forward_delta,
    bachelier_price,
    black_forward_delta,
    black_price,
    intrinsic_slope,
)

MODEL_LINEAR = 0
"""Price is the underlying itself."""
MODEL_BLACK_SPOT_EUROPEAN = 1
"""Black-Scholes-Merton with continuous dividend yield."""
MODEL_BLACK_SPOT_AMERICAN = 2
MODEL_BLACK_FUTURE_EUROPEAN = 3
"""Black-76, premium paid up front."""
MODEL_BLACK_FUTURE_AMERICAN = 4
MODEL_BACHELIER_EUROPEAN = 5
"""Normal volatility on a future; underlying and strike may be negative."""


@in_place
def pricing_yield(model: int, rate: float, dividend_yield: float) -> float:
    """Yield that carries the underlying: the dividend yield of a spot, the rate for a future."""
    spot = model in (MODEL_BLACK_SPOT_EUROPEAN, MODEL_BLACK_SPOT_AMERICAN)
    return dividend_yield if spot else rate


@in_place
def check_model(model: int) -> None:
    """Raise ValueError for a code that is no model."""
    if model < MODEL_LINEAR or model > MODEL_BACHELIER_EUROPEAN:
        raise ValueError(
            "unknown option model code: use one of the MODEL_ constants of engine.market.pricing"
        )


@in_place
def option_price(
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """Price of one option per unit of underlying; units and edges in the module docstring."""
    check_model(model)
    if model == MODEL_LINEAR:
        return float(underlying)
    total = underlying + strike + years + rate + dividend_yield + volatility
    if math.isnan(total):
        return math.nan
    if years <= 0.0:
        return max(underlying - strike if is_call else strike - underlying, 0.0)
    carried = pricing_yield(model, rate, dividend_yield)
    if model in (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN):
        return american_price(is_call, underlying, strike, years, rate, carried, max(volatility, 0.0))
    forward = underlying * math.exp((rate - carried) * years)
    deviation = max(volatility, 0.0) * math.sqrt(years)
    if model == MODEL_BACHELIER_EUROPEAN:
        return bachelier_price(is_call, forward, strike, deviation, math.exp(-rate * years))
    return black_price(is_call, forward, strike, deviation, math.exp(-rate * years))


@in_place
def option_delta(
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """Change of `option_price` per unit of the underlying's price.

    European: exact. American: exact European part; the early exercise premium by a central difference
    over a fixed boundary (bump 1e-4 of the underlying or 1 % of the deviation, if smaller).
    """
    check_model(model)
    if model == MODEL_LINEAR:
        return 1.0
    total = underlying + strike + years + rate + dividend_yield + volatility
    if math.isnan(total):
        return math.nan
    if years <= 0.0:
        return intrinsic_slope(is_call, underlying, strike)
    carried = pricing_yield(model, rate, dividend_yield)
    if model in (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN):
        return american_delta(is_call, underlying, strike, years, rate, carried, max(volatility, 0.0))
    growth = math.exp((rate - carried) * years)
    discount = math.exp(-rate * years)
    deviation = max(volatility, 0.0) * math.sqrt(years)
    if model == MODEL_BACHELIER_EUROPEAN:
        return growth * bachelier_forward_delta(is_call, underlying * growth, strike, deviation, discount)
    return growth * black_forward_delta(is_call, underlying * growth, strike, deviation, discount)
