"""Implied volatility: round trips, bounds, refusals, and a published margin sheet priced end to end."""

from __future__ import annotations

import math

import pytest

from engine.market.implied_volatility import implied_volatility
from engine.market.pricing import (
    MODEL_BACHELIER_EUROPEAN,
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    MODEL_BLACK_SPOT_EUROPEAN,
    MODEL_LINEAR,
    option_price,
)
from tests.pricing_oracle import Option, random_options


def _implied(model: int, option: Option, price: float) -> float:
    arguments = (option.underlying, option.strike, option.years, option.rate, option.dividend_yield)
    return implied_volatility(model, option.is_call, price, *arguments)


@pytest.mark.parametrize("model", [1, 2, 3, 4, 5])
def test_round_trip(model: int) -> None:
    meaningful = 0
    for option in random_options(400, seed=41):
        unit = option.underlying if model == MODEL_BACHELIER_EUROPEAN else 1.0
        volatility = option.volatility * unit
        price = option_price(model, *option._replace(volatility=volatility))
        above = option_price(model, *option._replace(volatility=volatility * 1.0001))
        vega = (above - price) / (1e-4 * option.volatility)
        if vega < 1e-4 * option.strike:
            continue
        meaningful += 1
        assert _implied(model, option, price) == pytest.approx(volatility, abs=1e-8 * unit), option
    assert meaningful > 150


def test_negative_underlying_under_bachelier() -> None:
    price = option_price(MODEL_BACHELIER_EUROPEAN, False, -37.63, -40.0, 0.1, 0.01, 0.0, 55.0)
    implied = implied_volatility(MODEL_BACHELIER_EUROPEAN, False, price, -37.63, -40.0, 0.1, 0.01, 0.0)
    assert implied == pytest.approx(55.0, abs=1e-8)


def test_large_volatility_is_found() -> None:
    option = Option(False, 100.0, 80.0, 0.02, 0.05, 0.0, 12.0)
    for model in (MODEL_BLACK_SPOT_EUROPEAN, MODEL_BLACK_FUTURE_AMERICAN):
        assert _implied(model, option, option_price(model, *option)) == pytest.approx(12.0, abs=1e-8)


@pytest.mark.parametrize("model", [1, 2, 3, 4])
def test_outside_the_no_arbitrage_bounds_there_is_none(model: int) -> None:
    call = Option(True, 120.0, 100.0, 0.5, 0.05, 0.02, 0.2)
    lowest = option_price(model, *call._replace(volatility=0.0))
    assert math.isnan(_implied(model, call, lowest - 1e-6))
    assert math.isnan(_implied(model, call, 120.0))
    assert math.isnan(_implied(model, call, -1.0))
    assert math.isnan(_implied(model, call, math.nan))
    assert math.isnan(_implied(model, call, math.inf))
    put = call._replace(is_call=False)
    assert math.isnan(_implied(model, put, 100.0))


def test_no_time_value_is_zero_volatility() -> None:
    put = Option(False, 50.0, 100.0, 0.5, 0.05, 0.0, 0.2)
    assert _implied(MODEL_BLACK_SPOT_AMERICAN, put, 50.0) == 0.0


def test_no_answer_where_the_question_has_none() -> None:
    option = Option(True, 100.0, 100.0, 0.5, 0.05, 0.02, 0.2)
    assert math.isnan(_implied(MODEL_LINEAR, option, 100.0))
    assert math.isnan(_implied(MODEL_BLACK_SPOT_EUROPEAN, option._replace(years=0.0), 5.0))
    assert math.isnan(_implied(MODEL_BLACK_SPOT_EUROPEAN, option._replace(underlying=-1.0), 5.0))
    assert math.isnan(_implied(MODEL_BLACK_SPOT_EUROPEAN, option._replace(strike=0.0), 5.0))


def test_short_put_of_the_2007_margin_sheet() -> None:
    """100 short IBM 100 puts at 3.18, worst of -15 .. +15 %: the sheet prints 137,527.

    Source: "Margin Requirement Examples for Sample Options-based Positions" (prices of 2007-02-23); rate and
    expiry are not printed, 5.25 % and 56 days are assumed.
    """
    spot, strike, years, rate = 97.73, 100.0, 56 / 365, 0.0525
    volatility = implied_volatility(MODEL_BLACK_SPOT_AMERICAN, False, 3.18, spot, strike, years, rate, 0.0)
    moves = (-0.15, -0.12, -0.09, -0.06, -0.03, 0.03, 0.06, 0.09, 0.12, 0.15)
    losses = [
        option_price(MODEL_BLACK_SPOT_AMERICAN, False, spot * (1 + m), strike, years, rate, 0.0, volatility)
        - 3.18
        for m in moves
    ]
    assert 100 * 100 * max(losses) == pytest.approx(137_527, rel=0.0025)
