"""One option over many points: exactness where claimed, the error of the tables, and the zero scenario."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.market.option_scenarios import option_pnl_over_points, option_prices_on_points
from engine.market.premium_tables import empty_tables
from engine.market.pricing import (
    MODEL_BACHELIER_EUROPEAN,
    MODEL_BLACK_FUTURE_AMERICAN,
    MODEL_BLACK_SPOT_AMERICAN,
    MODEL_LINEAR,
    option_price,
)
from tests.pricing_oracle import Option, random_options

AMERICAN_MODELS = (MODEL_BLACK_SPOT_AMERICAN, MODEL_BLACK_FUTURE_AMERICAN)
LARGEST_ERROR_PER_STRIKE = 5e-5
USUAL_ERROR_PER_STRIKE = 5e-6

Shocks = NDArray[np.float64]


def _pnl(model: int, option: Option, spot_shock: Shocks, vol_shock: Shocks) -> Shocks:
    underlying = option.underlying * (1.0 + spot_shock)
    return _pnl_at(model, option, underlying, np.maximum(option.volatility * (1.0 + vol_shock), 0.0))


def _pnl_at(model: int, option: Option, underlying: Shocks, volatility: Shocks) -> Shocks:
    """By tables that hold nothing yet."""
    out, tables = np.full(underlying.size, np.nan), empty_tables(1)
    nodes = tables.boundary[0], tables.premium[0]
    option_pnl_over_points(model, *option, underlying, volatility, *nodes, out)
    return out


def _exact(model: int, option: Option, spot_shock: Shocks, vol_shock: Shocks) -> Shocks:
    base = option_price(model, *option)
    return np.array(
        [
            option_price(
                model,
                *option._replace(
                    underlying=option.underlying * (1.0 + s),
                    volatility=max(option.volatility * (1.0 + v), 0.0),
                ),
            )
            - base
            for s, v in zip(spot_shock, vol_shock, strict=True)
        ]
    )


@pytest.mark.parametrize("model", AMERICAN_MODELS)
def test_tables_keep_their_error_bound_under_wide_shocks(model: int) -> None:
    generator = np.random.default_rng(51)
    worst = []
    for option in random_options(250, seed=52):
        spot_shock = generator.uniform(-0.8, 2.0, 64)
        vol_shock = generator.uniform(-0.8, 2.0, 64)
        error = _pnl(model, option, spot_shock, vol_shock) - _exact(model, option, spot_shock, vol_shock)
        worst.append(np.abs(error).max() / option.strike)
    assert max(worst) <= LARGEST_ERROR_PER_STRIKE


@pytest.mark.parametrize("model", AMERICAN_MODELS)
def test_error_of_tables_under_usual_shocks(model: int) -> None:
    generator = np.random.default_rng(53)
    worst = []
    for option in random_options(250, seed=54):
        spot_shock = generator.normal(0.0, 0.08, 64)
        vol_shock = generator.normal(0.0, 0.15, 64).clip(-0.6, 0.6)
        error = _pnl(model, option, spot_shock, vol_shock) - _exact(model, option, spot_shock, vol_shock)
        worst.append(np.abs(error).max() / option.strike)
    assert max(worst) <= USUAL_ERROR_PER_STRIKE


def test_tables_through_the_exercise_boundary_has_no_step() -> None:
    option = Option(False, 100.0, 100.0, 0.5, 0.08, 0.0, 0.25)
    spot_shock = np.linspace(-0.4, 0.2, 601)
    vol_shock = np.linspace(-0.3, 0.3, 601)
    error = _pnl(2, option, spot_shock, vol_shock) - _exact(2, option, spot_shock, vol_shock)
    assert np.abs(error).max() < 1e-4


@pytest.mark.parametrize("model", AMERICAN_MODELS)
def test_few_volatilities_are_priced_exactly(model: int) -> None:
    """Points that share a boundary have the price they have one by one."""
    generator = np.random.default_rng(55)
    for option in random_options(40, seed=56):
        spot_shock = generator.uniform(-0.8, 2.0, 40)
        vol_shock = np.sort(generator.choice(np.linspace(-0.5, 1.0, 5), 40))
        prices = option_prices_on_points(
            np.array([model], np.int8), np.array([option.is_call]), option.underlying * (1.0 + spot_shock)[None],
            np.array([option.strike]), np.array([option.years]), np.array([option.rate]),
            np.array([option.dividend_yield]), option.volatility * (1.0 + vol_shock)[None],
        )  # fmt: skip
        exact = _exact(model, option, spot_shock, vol_shock)
        assert prices[0] - option_price(model, *option) == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("model", AMERICAN_MODELS)
def test_what_was_priced_before_changes_no_bit(model: int) -> None:
    generator = np.random.default_rng(61)
    for option in random_options(60, seed=62):
        underlying = option.underlying * generator.uniform(0.5, 1.5, (3, 8))
        volatility = option.volatility * generator.uniform(0.5, 1.5, (3, 8))
        tables = empty_tables(1)
        for u, v in zip(underlying, volatility, strict=True):
            out = np.empty(8)
            option_pnl_over_points(model, *option, u, v, tables.boundary[0], tables.premium[0], out)
            assert np.array_equal(out, _pnl_at(model, option, u, v))


@pytest.mark.parametrize("model", [0, 1, 3, 5])
def test_european_and_linear_are_exact(model: int) -> None:
    generator = np.random.default_rng(57)
    for option in random_options(40, seed=58):
        shocks = generator.uniform(-0.8, 2.0, (2, 50))
        exact = _exact(model, option, shocks[0], shocks[1])
        assert np.array_equal(_pnl(model, option, shocks[0], shocks[1]), exact)


@pytest.mark.parametrize("model", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("volatilities", [1, 100])
def test_zero_shock_is_exactly_zero(model: int, volatilities: int) -> None:
    generator = np.random.default_rng(59)
    for option in random_options(60, seed=60):
        spot_shock = generator.uniform(-0.5, 0.5, 100)
        vol_shock = generator.uniform(-0.5, 0.5, 100) if volatilities > 1 else np.zeros(100)
        spot_shock[[0, 50]] = vol_shock[[0, 50]] = 0.0
        pnl = _pnl(model, option, spot_shock, vol_shock)
        assert pnl[0] == 0.0
        assert pnl[50] == 0.0


@pytest.mark.parametrize(
    "option",
    [
        Option(False, 100.0, 100.0, 0.0, 0.05, 0.0, 0.2),
        Option(False, 100.0, 100.0, -1.0, 0.05, 0.0, 0.2),
        Option(True, 100.0, 100.0, 1.0, 0.05, 0.02, 0.0),
        Option(False, 100.0, 0.0, 1.0, 0.05, 0.02, 0.3),
        Option(False, 100.0, 100.0, 1.0, -0.01, 0.0, 0.3),
        Option(False, 100.0, 100.0, 0.5, -0.01, -0.04, 0.1),
        Option(True, 100.0, 100.0, 1.0 / 8760.0, 0.05, 0.02, 0.2),
        Option(False, 100.0, 1e5, 1.0, 0.05, 0.02, 0.2),
        Option(True, 100.0, 1e5, 1.0, 0.05, 0.02, 0.2),
    ],
)
def test_edges_are_finite_and_close_to_exact(option: Option) -> None:
    spot_shock = np.linspace(-1.0, 2.0, 31)
    vol_shock = np.linspace(-1.1, 3.0, 31)
    pnl = _pnl(MODEL_BLACK_SPOT_AMERICAN, option, spot_shock, vol_shock)
    exact = _exact(MODEL_BLACK_SPOT_AMERICAN, option, spot_shock, vol_shock)
    assert np.isfinite(pnl).all()
    assert pnl == pytest.approx(exact, abs=LARGEST_ERROR_PER_STRIKE * max(option.strike, 1.0))


def test_one_missing_scenario_spoils_no_other() -> None:
    option = Option(False, 100.0, 105.0, 0.5, 0.05, 0.0, 0.25)
    spot_shock, vol_shock = np.linspace(-0.3, 0.3, 20), np.linspace(-0.2, 0.2, 20)
    clean = _pnl(MODEL_BLACK_SPOT_AMERICAN, option, spot_shock, vol_shock)
    spot_shock[3], vol_shock[7] = math.nan, math.nan
    pnl = _pnl(MODEL_BLACK_SPOT_AMERICAN, option, spot_shock, vol_shock)
    kept = np.setdiff1d(np.arange(20), [3, 7])
    assert np.isnan(pnl[[3, 7]]).all()
    assert pnl[kept] == pytest.approx(clean[kept], abs=LARGEST_ERROR_PER_STRIKE * option.strike)


def test_bachelier_takes_absolute_moves_as_points() -> None:
    moves = np.array([-60.0, -5.0, 0.0, 5.0, 40.0])
    option = Option(False, 2.0, 1.0, 0.2, 0.01, 0.0, 20.0)
    out = _pnl_at(MODEL_BACHELIER_EUROPEAN, option, 2.0 + moves, np.full(5, 20.0))
    base = option_price(MODEL_BACHELIER_EUROPEAN, *option)
    expected = [
        option_price(MODEL_BACHELIER_EUROPEAN, *option._replace(underlying=2.0 + m)) - base for m in moves
    ]
    assert out.tolist() == expected
    assert out[2] == 0.0


def test_linear_pnl_is_the_move() -> None:
    out = _pnl(
        MODEL_LINEAR, Option(True, 200.0, 0.0, 0.0, 0.0, 0.0, 0.0), np.array([-0.15, 0.15]), np.zeros(2)
    )
    assert out == pytest.approx([-30.0, 30.0])
