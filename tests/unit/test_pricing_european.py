"""European option prices and deltas: against QuantLib, by identities, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses
from hypothesis import given
from hypothesis import strategies as st

from engine.market.option_scenarios import option_prices_on_points
from engine.market.pricing import (
    MODEL_BACHELIER_EUROPEAN,
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_FUTURE_EUROPEAN,
    MODEL_BLACK_SPOT_AMERICAN,
    MODEL_BLACK_SPOT_EUROPEAN,
    MODEL_LINEAR,
    option_delta,
    option_price,
)
from tests.pricing_oracle import Option, european_delta, european_price, random_options

ALL_OPTION_MODELS = (1, 2, 3, 4, 5)
LOGNORMAL_MODELS = (1, 2, 3, 4)

underlyings = st.floats(20.0, 500.0)
years = st.floats(1e-4, 3.0)
rates = st.floats(-0.02, 0.12)
yields = st.floats(0.0, 0.10)
volatilities = st.floats(0.01, 2.0)


def test_black_spot_matches_quantlib() -> None:
    for option in random_options(1000, seed=11):
        ours = option_price(MODEL_BLACK_SPOT_EUROPEAN, *option)
        assert ours == pytest.approx(european_price(option), abs=1e-10)
        delta = option_delta(MODEL_BLACK_SPOT_EUROPEAN, *option)
        assert delta == pytest.approx(european_delta(option), abs=1e-10)


def test_black_future_matches_quantlib() -> None:
    for option in random_options(1000, seed=12):
        kind = ql.Option.Call if option.is_call else ql.Option.Put
        deviation = option.volatility * math.sqrt(option.years)
        discount = math.exp(-option.rate * option.years)
        oracle = ql.BlackCalculator(
            ql.PlainVanillaPayoff(kind, option.strike), option.underlying, deviation, discount
        )
        ours = option_price(MODEL_BLACK_FUTURE_EUROPEAN, *option)
        assert ours == pytest.approx(oracle.value(), abs=1e-10)
        delta = option_delta(MODEL_BLACK_FUTURE_EUROPEAN, *option)
        assert delta == pytest.approx(oracle.deltaForward(), abs=1e-10)


@pytest.mark.parametrize("future", [-37.63, -0.01, 0.0, 0.01, 20.0])
@pytest.mark.parametrize("strike", [-40.0, -5.0, 0.0, 10.0])
@pytest.mark.parametrize("is_call", [True, False])
def test_bachelier_matches_quantlib_around_zero(future: float, strike: float, is_call: bool) -> None:
    kind = ql.Option.Call if is_call else ql.Option.Put
    discount = math.exp(-0.02 * 0.25)
    oracle = ql.BachelierCalculator(
        ql.PlainVanillaPayoff(kind, strike), future, 15.0 * math.sqrt(0.25), discount
    )
    arguments = (MODEL_BACHELIER_EUROPEAN, is_call, future, strike, 0.25, 0.02, 0.0, 15.0)
    assert option_price(*arguments) == pytest.approx(oracle.value(), abs=1e-12)
    assert option_delta(*arguments) == pytest.approx(oracle.deltaForward(), abs=1e-12)


@given(underlyings, underlyings, years, rates, yields, volatilities)
def test_put_call_parity(
    underlying: float, strike: float, t: float, rate: float, dividend: float, volatility: float
) -> None:
    for model in (MODEL_BLACK_SPOT_EUROPEAN, MODEL_BLACK_FUTURE_EUROPEAN, MODEL_BACHELIER_EUROPEAN):
        carry = dividend if model == MODEL_BLACK_SPOT_EUROPEAN else rate
        scale = underlying if model == MODEL_BACHELIER_EUROPEAN else 1.0
        call = option_price(model, True, underlying, strike, t, rate, dividend, volatility * scale)
        put = option_price(model, False, underlying, strike, t, rate, dividend, volatility * scale)
        forward = underlying * math.exp(-carry * t) - strike * math.exp(-rate * t)
        assert call - put == pytest.approx(forward, abs=1e-9)


@given(underlyings, underlyings, years, rates, yields, volatilities, st.booleans())
def test_price_rises_with_volatility_and_keeps_its_bounds(
    underlying: float, strike: float, t: float, rate: float, dividend: float, volatility: float, is_call: bool
) -> None:
    def price(v: float) -> float:
        return option_price(MODEL_BLACK_SPOT_EUROPEAN, is_call, underlying, strike, t, rate, dividend, v)

    highest = underlying * math.exp(-dividend * t) if is_call else strike * math.exp(-rate * t)
    assert price(0.0) <= price(volatility) <= price(1.1 * volatility) + 1e-12 <= highest + 1e-9


@pytest.mark.parametrize("model", ALL_OPTION_MODELS)
@pytest.mark.parametrize("time_left", [0.0, -0.5])
def test_expired_option_is_worth_its_intrinsic_value(model: int, time_left: float) -> None:
    assert option_price(model, True, 105.0, 100.0, time_left, 0.05, 0.02, 0.3) == 5.0
    assert option_price(model, False, 105.0, 100.0, time_left, 0.05, 0.02, 0.3) == 0.0
    assert option_delta(model, False, 95.0, 100.0, time_left, 0.05, 0.02, 0.3) == -1.0
    assert option_delta(model, True, 100.0, 100.0, time_left, 0.05, 0.02, 0.3) == 0.5


def test_without_volatility_a_european_option_is_the_intrinsic_value_of_its_forward() -> None:
    forward_value = 110.0 * math.exp(-0.02) - 100.0 * math.exp(-0.05)
    assert option_price(MODEL_BLACK_SPOT_EUROPEAN, True, 110.0, 100.0, 1.0, 0.05, 0.02, 0.0) == pytest.approx(
        forward_value, abs=1e-12
    )
    assert option_price(MODEL_BLACK_SPOT_EUROPEAN, False, 110.0, 100.0, 1.0, 0.05, 0.02, -0.1) == 0.0
    tiny = option_price(MODEL_BLACK_SPOT_EUROPEAN, True, 110.0, 100.0, 1.0, 0.05, 0.02, 1e-9)
    assert tiny == pytest.approx(forward_value, abs=1e-12)


@pytest.mark.parametrize("model", LOGNORMAL_MODELS)
def test_worthless_underlying_is_the_limit_of_a_small_one(model: int) -> None:
    for is_call in (True, False):
        at_zero = option_price(model, is_call, 0.0, 100.0, 0.5, 0.04, 0.01, 0.4)
        near_zero = option_price(model, is_call, 1e-9, 100.0, 0.5, 0.04, 0.01, 0.4)
        assert at_zero == pytest.approx(near_zero, abs=1e-8)
        assert option_price(model, is_call, 50.0, 0.0, 0.5, 0.04, 0.01, 0.4) == pytest.approx(
            option_price(model, is_call, 50.0, 1e-9, 0.5, 0.04, 0.01, 0.4), abs=1e-8
        )


def test_negative_future_under_black_is_priced_as_certain() -> None:
    discount = math.exp(-0.04 * 0.5)
    put = option_price(MODEL_BLACK_FUTURE_EUROPEAN, False, -37.63, 10.0, 0.5, 0.04, 0.0, 0.8)
    assert put == pytest.approx(discount * 47.63, abs=1e-12)
    american = option_price(MODEL_BLACK_FUTURE_AMERICAN, False, -37.63, 10.0, 0.5, 0.04, 0.0, 0.8)
    assert american == pytest.approx(47.63, abs=1e-12)
    assert option_delta(MODEL_BLACK_FUTURE_AMERICAN, False, -37.63, 10.0, 0.5, 0.04, 0.0, 0.8) == -1.0
    assert option_price(MODEL_BLACK_FUTURE_EUROPEAN, True, -37.63, 10.0, 0.5, 0.04, 0.0, 0.8) == 0.0


def test_far_out_of_the_money_keeps_relative_accuracy() -> None:
    price = option_price(MODEL_BLACK_SPOT_EUROPEAN, True, 50.0, 100.0, 0.25, 0.0, 0.0, 0.10)
    oracle = ql.BlackCalculator(ql.PlainVanillaPayoff(ql.Option.Call, 100.0), 50.0, 0.05, 1.0).value()
    assert 0.0 < price < 1e-30
    assert price == pytest.approx(oracle, rel=1e-6)


@pytest.mark.parametrize("model", ALL_OPTION_MODELS)
def test_extreme_but_valid_input_gives_finite_prices(model: int) -> None:
    generator = np.random.default_rng(31)
    for _ in range(2000):
        underlying, strike = 100.0 * np.exp(generator.uniform(-6.0, 6.0, 2))
        t = 10.0 ** generator.uniform(-6.0, 1.5)
        rate, dividend = generator.choice([0.0, 1e-9, -1e-9, *generator.uniform(-0.1, 0.5, 4)], 2)
        if rate < 0.0 and dividend < 0.0:
            dividend = -dividend
        volatility = 10.0 ** generator.uniform(-6.0, 1.3)
        arguments = (model, bool(generator.integers(2)), underlying, strike, t, rate, dividend, volatility)
        price = option_price(*arguments)
        assert math.isfinite(price), arguments
        assert price >= 0.0, arguments
        assert math.isfinite(option_delta(*arguments)), arguments


def test_one_hour_to_expiry() -> None:
    hour = 1.0 / (365.0 * 24.0)
    for model in LOGNORMAL_MODELS:
        at_the_money = option_price(model, True, 100.0, 100.0, hour, 0.05, 0.0, 0.2)
        assert at_the_money == pytest.approx(0.4 * 100.0 * 0.2 * math.sqrt(hour), rel=0.01)
        assert option_price(model, False, 100.0, 120.0, hour, 0.05, 0.0, 0.2) == pytest.approx(20.0, abs=1e-3)


def test_delta_is_the_slope_of_the_price() -> None:
    for option in random_options(300, seed=13):
        for model in (MODEL_BLACK_SPOT_EUROPEAN, MODEL_BLACK_FUTURE_EUROPEAN):
            bump = 1e-3 * min(1.0, 100.0 * option.volatility * math.sqrt(option.years))
            up = option_price(model, *option._replace(underlying=option.underlying + bump))
            down = option_price(model, *option._replace(underlying=option.underlying - bump))
            assert option_delta(model, *option) == pytest.approx((up - down) / (2.0 * bump), abs=1e-5)


def test_linear_model_is_its_underlying() -> None:
    assert option_price(MODEL_LINEAR, True, -37.63, 0.0, 0.0, 0.0, 0.0, 0.0) == -37.63
    assert option_delta(MODEL_LINEAR, True, -37.63, 0.0, 0.0, 0.0, 0.0, 0.0) == 1.0


def test_unknown_model_is_refused() -> None:
    for model in (-1, 6):
        with pytest.raises(ValueError, match="unknown option model code"):
            option_price(model, True, 100.0, 100.0, 1.0, 0.0, 0.0, 0.2)
        with pytest.raises(ValueError, match="unknown option model code"):
            option_delta(model, True, 100.0, 100.0, 1.0, 0.0, 0.0, 0.2)


def test_not_a_number_stays_visible() -> None:
    valid = Option(True, 100.0, 100.0, 1.0, 0.01, 0.0, 0.2)
    for field in ("underlying", "strike", "years", "rate", "dividend_yield", "volatility"):
        for model in ALL_OPTION_MODELS:
            assert math.isnan(option_price(model, *valid._replace(**{field: math.nan})))


def test_points_are_the_scalar_prices() -> None:
    options = random_options(10, seed=14)
    models = np.array([0, 1, 2, 3, 4, 5, 1, 2, 3, 4], dtype=np.int8)
    column = {name: np.array([getattr(option, name) for option in options]) for name in Option._fields}
    shifts = np.array([0.85, 1.0, 1.15])
    spots = column["underlying"][:, None] * shifts
    vols = column["volatility"][:, None] * np.ones(3)
    prices = option_prices_on_points(
        models, column["is_call"], spots, column["strike"], column["years"], column["rate"],
        column["dividend_yield"], vols,
    )  # fmt: skip
    assert prices.shape == (10, 3)
    for i, option in enumerate(options):
        for j in range(3):
            expected = option_price(int(models[i]), *option._replace(underlying=float(spots[i, j])))
            assert prices[i, j] == expected


def test_american_model_codes_differ_from_european_ones() -> None:
    option = Option(False, 90.0, 100.0, 1.0, 0.05, 0.0, 0.2)
    american = option_price(MODEL_BLACK_SPOT_AMERICAN, *option)
    assert american > option_price(MODEL_BLACK_SPOT_EUROPEAN, *option) + 0.1
