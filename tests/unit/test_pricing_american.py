"""American option prices and deltas: against QuantLib's QdFp engine, by identities, at the edges."""

from __future__ import annotations

import math

import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.market.pricing import (
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    MODEL_BLACK_SPOT_EUROPEAN,
    option_delta,
    option_price,
)
from engine.market.pricing_american import american_put
from engine.market.pricing_tree import tree_put
from tests.pricing_oracle import Option, american_price, random_options

ACCURACY_PER_STRIKE = 1e-6

ratios = st.floats(0.3, 3.0)
years = st.floats(1e-3, 3.0)
rates = st.floats(-0.02, 0.12)
yields = st.floats(0.0, 0.10)
volatilities = st.floats(0.02, 2.0)


def test_spot_options_match_quantlib() -> None:
    for option in random_options(700, seed=21):
        ours = option_price(MODEL_BLACK_SPOT_AMERICAN, *option)
        assert ours == pytest.approx(american_price(option), abs=ACCURACY_PER_STRIKE * option.strike), option


def test_options_on_futures_match_quantlib() -> None:
    for option in random_options(300, seed=22, dividends="rate"):
        ours = option_price(MODEL_BLACK_FUTURE_AMERICAN, *option)
        assert ours == pytest.approx(american_price(option), abs=ACCURACY_PER_STRIKE * option.strike), option


@pytest.mark.parametrize("rate", [0.0, 1.4e-45, 1e-30, 1e-20, 1e-14, 1e-12, 2e-12, 1e-11])
@pytest.mark.parametrize("dividend", [0.0, 1.4e-45, 1e-30, 1e-20, 1e-12, 2e-12])
def test_a_rate_too_small_to_matter_leaves_the_european_price(rate: float, dividend: float) -> None:
    for t in (0.5, 1.0, 1.1, 2.0):
        for volatility in (0.375, 0.4125):
            arguments = (False, 75.0, 100.0, t, rate, dividend, volatility)
            european = option_price(MODEL_BLACK_SPOT_EUROPEAN, *arguments)
            allowance = 1e-12 * 100.0 + 100.0 * rate * t
            assert option_price(MODEL_BLACK_SPOT_AMERICAN, *arguments) == pytest.approx(
                european, abs=allowance
            )


@pytest.mark.parametrize("rate", [1e-9, 1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize("volatility", [0.05, 0.5])
def test_small_rates_match_quantlib(rate: float, volatility: float) -> None:
    for ratio in (0.6, 0.9, 1.0, 1.1):
        option = Option(False, 100.0 * ratio, 100.0, 120 / 365, rate, 0.0, volatility)
        ours = option_price(MODEL_BLACK_SPOT_AMERICAN, *option)
        assert ours == pytest.approx(american_price(option), abs=ACCURACY_PER_STRIKE * option.strike), option


def test_call_without_dividend_is_european() -> None:
    for option in random_options(200, seed=23):
        plain = option._replace(is_call=True, dividend_yield=0.0, rate=abs(option.rate))
        european = option_price(MODEL_BLACK_SPOT_EUROPEAN, *plain)
        assert option_price(MODEL_BLACK_SPOT_AMERICAN, *plain) == pytest.approx(european, abs=1e-10)


def test_put_at_negative_rate_is_european() -> None:
    option = Option(False, 90.0, 100.0, 2.0, -0.01, 0.02, 0.2)
    european = option_price(MODEL_BLACK_SPOT_EUROPEAN, *option)
    assert option_price(MODEL_BLACK_SPOT_AMERICAN, *option) == pytest.approx(european, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(ratios, years, rates, yields, volatilities, st.booleans())
def test_american_is_at_least_european_and_intrinsic_and_within_its_bound(
    ratio: float, t: float, rate: float, dividend: float, volatility: float, is_call: bool
) -> None:
    arguments = (is_call, 100.0 * ratio, 100.0, t, rate, dividend, volatility)
    american = option_price(MODEL_BLACK_SPOT_AMERICAN, *arguments)
    intrinsic = 100.0 * (ratio - 1.0 if is_call else 1.0 - ratio)
    highest = 100.0 * (ratio if is_call else max(1.0, math.exp(-rate * t)))
    assert american >= option_price(MODEL_BLACK_SPOT_EUROPEAN, *arguments) - 1e-10
    assert american >= intrinsic - 1e-12  # rounding of 100 * (1 - ratio)
    assert american <= highest + 1e-4


@settings(max_examples=200, deadline=None)
@example(ratio=0.75, t=1.0, rate=1.4e-45, dividend=1.4e-45, volatility=0.375, is_call=False)
@given(ratios, years, rates, yields, volatilities, st.booleans())
def test_price_rises_with_life_volatility_and_moneyness(
    ratio: float, t: float, rate: float, dividend: float, volatility: float, is_call: bool
) -> None:
    def price(spot: float, life: float, v: float) -> float:
        return option_price(MODEL_BLACK_SPOT_AMERICAN, is_call, spot, 100.0, life, rate, dividend, v)

    spot, slack = 100.0 * ratio, 2.0 * ACCURACY_PER_STRIKE * 100.0
    base = price(spot, t, volatility)
    assert price(spot, 1.1 * t, volatility) >= base - slack
    assert price(spot, t, 1.1 * volatility) >= base - slack
    assert price(spot * (1.01 if is_call else 0.99), t, volatility) >= base - slack


@settings(max_examples=100, deadline=None)
@given(ratios, years, rates, yields, volatilities)
def test_call_is_the_mirrored_put(
    ratio: float, t: float, rate: float, dividend: float, volatility: float
) -> None:
    spot = 100.0 * ratio
    call = option_price(MODEL_BLACK_SPOT_AMERICAN, True, spot, 100.0, t, rate, dividend, volatility)
    put = option_price(MODEL_BLACK_SPOT_AMERICAN, False, 100.0, spot, t, dividend, rate, volatility)
    assert call == pytest.approx(put, abs=1e-10)


def test_delta_is_the_slope_of_quantlibs_price() -> None:
    for option in random_options(60, seed=24):
        if option.volatility * math.sqrt(option.years) < 0.02:
            continue
        bump = 0.002 * option.underlying * option.volatility * math.sqrt(option.years)
        up = american_price(option._replace(underlying=option.underlying + bump))
        down = american_price(option._replace(underlying=option.underlying - bump))
        ours = option_delta(MODEL_BLACK_SPOT_AMERICAN, *option)
        assert ours == pytest.approx((up - down) / (2.0 * bump), abs=2e-3), option


def test_delta_inside_the_exercise_region_is_one() -> None:
    assert option_delta(MODEL_BLACK_SPOT_AMERICAN, False, 50.0, 100.0, 1.0, 0.05, 0.0, 0.2) == -1.0
    call_delta = option_delta(MODEL_BLACK_SPOT_AMERICAN, True, 300.0, 100.0, 1.0, 0.01, 0.08, 0.2)
    assert call_delta == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("volatility", [0.0, 1e-12, 1e-7, 1e-6, 1e-4])
@pytest.mark.parametrize(
    ("is_call", "underlying", "rate", "dividend"),
    [
        (False, 90.0, 0.05, 0.0),
        (False, 110.0, 0.01, 0.08),
        (True, 110.0, 0.05, 0.01),
        (True, 95.0, 0.08, 0.01),
    ],
)
def test_hardly_any_volatility_is_the_best_certain_exercise_time(
    is_call: bool, underlying: float, rate: float, dividend: float, volatility: float
) -> None:
    sign = 1.0 if is_call else -1.0
    certain = max(
        sign * (underlying * math.exp(-dividend * t / 1000) - 100.0 * math.exp(-rate * t / 1000))
        for t in range(0, 3001)
    )
    price = option_price(
        MODEL_BLACK_SPOT_AMERICAN, is_call, underlying, 100.0, 3.0, rate, dividend, volatility
    )
    allowance = 1e-4 + 100.0 * volatility * math.sqrt(3.0)
    assert price == pytest.approx(max(certain, 0.0), abs=allowance)


def test_two_boundaries_match_finite_differences() -> None:
    """Put with yield < rate < 0, which the fixed-point engine refuses; the oracle here is a fine grid."""
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    days = ql.Actual365Fixed()
    for spot in (70.0, 85.0, 100.0, 120.0):
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, -0.04, days)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, -0.01, days)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), 0.1, days)),
        )
        contract = ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Put, 100.0), ql.AmericanExercise(today, today + 730)
        )
        contract.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 1000, 1000))
        ours = option_price(MODEL_BLACK_SPOT_AMERICAN, False, spot, 100.0, 2.0, -0.01, -0.04, 0.1)
        assert ours == pytest.approx(contract.NPV(), abs=3e-3), spot


def test_tree_agrees_with_the_boundary_method_where_both_apply() -> None:
    for option in random_options(150, seed=25):
        rate, dividend = abs(option.rate) + 1e-3, max(0.0, option.dividend_yield)
        ratio = option.underlying / option.strike
        tree = tree_put(ratio, option.years, rate, dividend, option.volatility)
        assert tree == pytest.approx(
            american_put(ratio, option.years, rate, dividend, option.volatility), abs=1e-4
        )
