"""Price and delta of one option, American ones by the tables of their curve."""

from __future__ import annotations

import math

from engine.base.kernel import in_place, kernel
from engine.market.premium_interpolation import put_by_premium, put_slope_by_premium
from engine.market.premium_tables import (
    Curve,
    Float64s,
    boundary_on_curve,
    curve_of,
    is_smooth,
    place_on_curve,
    put_by_boundary,
)
from engine.market.pricing import (
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    option_delta,
    option_price,
    pricing_yield,
)


@in_place
def is_american(model: int) -> bool:
    """Whether the model allows early exercise."""
    return model in (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN)


@in_place
def put_rates(model: int, is_call: bool, rate: float, dividend_yield: float) -> tuple[float, float]:
    """Rate and yield of the put with strike 1 that stands for an American option."""
    carried = pricing_yield(model, rate, dividend_yield)
    return (carried, rate) if is_call else (rate, carried)


@kernel
def option_curve(
    model: int,
    is_call: bool,
    years: float,
    rate: float,
    dividend_yield: float,
    boundary: Float64s,
    premium: Float64s,
) -> Curve:
    """The curve that an option is priced on; without rows of tables (size 0) everything is exact."""
    put_rate, put_yield = put_rates(model, is_call, rate, dividend_yield)
    return curve_of(years, put_rate, put_yield, boundary, premium)


@in_place
def _tabled_place(curve: Curve, model: int, underlying: float, strike: float, volatility: float) -> float:
    """`place_on_curve` of an American option that is not certain; else -1."""
    if not (is_american(model) and strike > 0.0 and 0.0 < underlying < math.inf):
        return -1.0
    return place_on_curve(curve, volatility)


@kernel
def option_price_on(
    curve: Curve,
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """`option_price`, of American options by the boundaries of the tables where these are smooth."""
    place = _tabled_place(curve, model, underlying, strike, volatility)
    if place < 0.0 or not is_smooth(curve, volatility):
        return option_price(model, is_call, underlying, strike, years, rate, dividend_yield, volatility)
    unit, ratio = (underlying, strike / underlying) if is_call else (strike, underlying / strike)
    log_boundary, quadrature = boundary_on_curve(curve, volatility, place)
    return unit * put_by_boundary(curve, ratio, volatility, log_boundary, quadrature)


@in_place
def option_delta_on(
    curve: Curve,
    model: int,
    is_call: bool,
    underlying: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """`option_delta`, of American options by the premium tables wherever they reach."""
    place = _tabled_place(curve, model, underlying, strike, volatility)
    if place < 0.0:
        return option_delta(model, is_call, underlying, strike, years, rate, dividend_yield, volatility)
    if not is_call:
        return put_slope_by_premium(curve, underlying / strike, volatility, place)
    ratio = strike / underlying
    slope = put_slope_by_premium(curve, ratio, volatility, place)
    return put_by_premium(curve, ratio, volatility) - ratio * slope
