"""One-pot rows: each product under one scenario, checked with formulas that stand here."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.scenarios import ScenarioSet, from_rows
from engine.rules.unified.one_pot import OnePot
from tests.one_pot_book import (
    INSTRUMENTS,
    MARKS,
    VOLATILITIES,
    market_of,
    parameters,
    rulebook,
    set_marks,
    shipped_scenarios,
)

MOVES = {
    "EQ:SPX": -0.40, "EQ:AAPL": -0.10, "EQ:XOM": 0.05, "EQ:NDX": -0.20, "VOL:EQ": 0.50, "CMD:WTI": -70.0,
    "FX:EURUSD": -0.05, "CRYPTO:BTC": -0.30, "BASIS:BTC_PERP": 0.02, "BASIS:ES": -0.01, "STABLE:USDC": -0.01,
}  # fmt: skip


def one_move(moves: dict[str, float] | None = None) -> ScenarioSet:
    chosen = MOVES if moves is None else moves
    row = ["move", "historical", *map(str, chosen.values())]
    return from_rows(
        ["scenario", "kind", *chosen], [row], absolute=["CMD:WTI"] if "CMD:WTI" in chosen else []
    )


def pnl(instrument_id: str, moves: dict[str, float] | None = None, **values: Any) -> float:
    market = market_of()
    return float(rulebook(one_move(moves), **values).rows(market, market.slots([instrument_id]))[0, 0])


@pytest.mark.parametrize(
    ("instrument_id", "expected"),
    [
        ("SPY", 600 * -0.40),
        ("UPRO", -90.0),  # three times -40 % stops at nothing left
        ("AAPL", 200 * -0.10),
        ("TINY", 40 * 1.4 * 0.05),
        ("SAP", 240 * (0.82 * 1.1 * 0.95 - 1.1)),  # -18 % in euro, and the euro loses 5 %
        ("ES", 50 * 6012 * (-0.40 - 0.01)),
        ("CL", 1000 * -70.0),  # to -5: oil may be negative
        ("FESX", 10 * 5400 * 1.1 * -0.40 * 1.1 * 0.95),  # only the move is converted, at the moved rate
        ("BTC", 100_000 * -0.30),
        ("BTC-PERP", 100_050 * (-0.30 + 0.02)),
        # Coins gained from 100,100 to 72 % of it, at a coin that is worth 70 % of 99,900 then.
        ("BTC-INVERSE", 100.0 * (1 / 100_100 - 1 / (100_100 * 0.72)) * 99_900 * 0.70),
        ("USDC", -0.01),
    ],
)
def test_linear_products(instrument_id: str, expected: float) -> None:
    assert pnl(instrument_id) == pytest.approx(expected, rel=1e-12)


def test_an_inverse_contract_that_moves_with_its_coin_gains_its_notional_times_the_move() -> None:
    """Linear in USD, as a linear contract of the same notional; with a basis of its own it is not."""
    for move in (-0.6, -0.1, 0.1, 1.5):
        moves = MOVES | {"CRYPTO:BTC": move, "BASIS:BTC_PERP": 0.0}
        assert pnl("BTC-INVERSE", moves) == pytest.approx(100.0 * 99_900 / 100_100 * move, rel=1e-12)


def test_an_inverse_contract_and_its_coin_stop_at_a_hundredth() -> None:
    moves = MOVES | {"CRYPTO:BTC": -1.0, "BASIS:BTC_PERP": 0.0}
    assert pnl("BTC-INVERSE", moves) == pytest.approx(-0.99 * 100.0 * 99_900 / 100_100, rel=1e-12)


def black_put(spot: float, strike: float, years: float, rate: float, volatility: float) -> float:
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / deviation
    cdf = NormalDist().cdf
    return strike * math.exp(-rate * years) * cdf(deviation - d1) - spot * cdf(-d1)


def test_european_option_is_repriced_with_price_and_volatility() -> None:
    years = 30 / 365
    now = black_put(6000, 5800, years, 0.04, 0.17)
    moved = black_put(6000 * 0.6, 5800, years, 0.04, 0.17 * 1.5)
    assert pnl("SPX P5800") == pytest.approx(100 * (moved - now), rel=1e-9)


def test_normal_option_on_oil_below_zero() -> None:
    years, deviation = 40 / 365, 22.0 * math.sqrt(40 / 365)

    def put(future: float) -> float:
        d = (60.0 - future) / deviation
        normal = NormalDist()
        return math.exp(-0.04 * years) * ((60.0 - future) * normal.cdf(d) + deviation * normal.pdf(d))

    assert pnl("CL P60") == pytest.approx(1000 * (put(-5.0) - put(65.0)), rel=1e-9)


@pytest.mark.parametrize(("inherited", "factor"), [("AAPL C210", "EQ:AAPL"), ("CL P60", "CMD:WTI")])
def test_option_without_a_factor_of_its_own_moves_as_its_underlying(inherited: str, factor: str) -> None:
    market = market_of()
    option = market.instruments[market.slot_of[inherited]]
    own = f"{inherited} own"
    market.put_instrument(replace(option, instrument_id=own, risk_factor=factor))
    set_marks(market, {own: MARKS[inherited]}, sequence=2)
    market.volatility[market.slot_of[own]] = VOLATILITIES[inherited]
    slots = market.slots([inherited, own])
    for order in (slots, slots[::-1]):
        first, second = rulebook().rows(market, order)
        np.testing.assert_array_equal(first, second)
    only_own = rulebook().rows(market, slots[1:])
    np.testing.assert_array_equal(only_own[0], second)


def test_instrument_without_price_has_a_zero_row() -> None:
    market = market_of(marks={name: mark for name, mark in MARKS.items() if name != "AAPL"})
    book = rulebook()
    rows = book.rows(market, market.slots(["AAPL", "AAPL C210", "SPY"]))
    assert not rows[:2].any()
    assert rows[2].any()


def test_republished_instrument_is_read_again() -> None:
    market, book = market_of(), rulebook()
    slots = market.slots(["AAPL", "AAPL C210"])
    before = book.rows(market, slots)
    aapl = market.instruments[slots[0]]
    market.put_instrument(replace(aapl, beta=2.0))
    after = book.rows(market, slots)
    np.testing.assert_allclose(after[0, :-2], 2.0 * before[0, :-2], rtol=1e-12, atol=1e-9)
    assert np.abs(after[1, :-2] - before[1, :-2]).max() > 1.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"risk_factor": "EQ:NEWCO"}, "factor EQ:NEWCO is not in scenario set"),
        ({"risk_factor": ""}, "it has no risk_factor"),
        ({"basis_factor": "BASIS:NEW"}, "factor BASIS:NEW"),
    ],
)
def test_unknown_factor_names_instrument_and_factor(changes: dict[str, str], named: str) -> None:
    market, book = market_of(), rulebook()
    slot = market.put_instrument(replace(INSTRUMENTS[4], **changes))
    for refuse in (lambda: book.check_instrument(market, slot), lambda: book.rows(market, np.array([slot]))):
        with pytest.raises(MarginError, match=named) as refused:
            refuse()
        assert refused.value.reason is Reason.BAD_PARAMETER
        assert refused.value.thing == "instrument AAPL"


def test_foreign_instrument_needs_the_factor_of_its_currency() -> None:
    market, book = market_of(), rulebook()
    market.put_instrument(replace(INSTRUMENTS[0], risk_factor="FX:OTHER"))
    with pytest.raises(MarginError, match="instrument EURUSD: factor FX:OTHER"):
        book.check_instrument(market, market.slot_of["SAP"])


NEWCO = Instrument("NEWCO", Product.EQUITY, risk_factor="EQ:NEWCO", beta=0.5)
NEWCO_CALL = Instrument(
    "NEWCO C50", Product.EQUITY_OPTION, "NEWCO", 100.0, expiry_ns=INSTRUMENTS[7].expiry_ns, strike=50.0,
    right="call", exercise="european", volatility_factor="VOL:EQ",
)  # fmt: skip


def proxied() -> tuple[OnePot, Any]:
    market = market_of([*INSTRUMENTS, NEWCO, NEWCO_CALL], MARKS | {"NEWCO": 50.0, "NEWCO C50": 2.5})
    market.volatility[market.slot_of["NEWCO C50"]] = 0.4
    proxies = {"EQ:NEWCO": {"factor": "EQ:NDX", "beta": 1.3, "residual_shock": 0.08}}
    return OnePot(parameters(proxies), shipped_scenarios()), market


def test_proxy_moves_with_beta_and_charges_the_residual_gross() -> None:
    book, market = proxied()
    row = book.rows(market, market.slots(["NEWCO"]))[0]
    ndx = book.scenarios.shocks[:, book.scenarios.factor_index["EQ:NDX"]]
    np.testing.assert_allclose(row[:-2], 50.0 * 0.5 * 1.3 * ndx, rtol=1e-12)
    np.testing.assert_allclose(row[-2:], 50.0 * 0.5 * 0.08, rtol=1e-12)


def test_residual_of_an_option_is_asymmetric() -> None:
    book, market = proxied()
    long_charge, short_charge = book.rows(market, market.slots(["NEWCO C50"]))[0, -2:]
    minimum = 0.375 * 100
    assert minimum < long_charge < short_charge  # convex: the short call loses more on the way up


def test_proxy_must_point_into_the_set_and_volatility_has_no_residual() -> None:
    nowhere = parameters({"EQ:NEWCO": {"factor": "EQ:NONE", "beta": 1.0, "residual_shock": 0.0}})
    with pytest.raises(MarginError, match=r"proxies.EQ:NEWCO.factor: 'EQ:NONE'"):
        OnePot(nowhere, shipped_scenarios())
    volatile = parameters({"VOL:X": {"factor": "VOL:EQ", "beta": 1.0, "residual_shock": 0.1}})
    market, book = market_of(), OnePot(volatile, shipped_scenarios())
    slot = market.put_instrument(replace(INSTRUMENTS[9], volatility_factor="VOL:X"))
    with pytest.raises(MarginError, match="volatility_factor VOL:X: its proxy has a residual"):
        book.check_instrument(market, slot)


def test_minimum_charges_by_product() -> None:
    market, book = market_of(), rulebook()
    names = ["SPY", "AAPL C210", "ES", "CL P60", "FESX", "BTC-PERP", "BTC"]
    minimum = book.rows(market, market.slots(names))[:, -2:]
    share = 0.0005
    expected = [
        0.0, 37.5, 50 * 6012 * share, 1000 * 65 * share, 10 * 5400 * 1.1 * share, 100_050 * share, 0.0,
    ]  # fmt: skip
    np.testing.assert_allclose(minimum, np.column_stack([expected, expected]), rtol=1e-12)
