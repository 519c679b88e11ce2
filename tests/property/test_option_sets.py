"""Netting sets of options that cannot be paired are charged at once what the plain twin asks for them one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.interface import Float64s
from engine.rules.strategy.live import RegT
from tests.strategy_book import PARAMETERS, held, market_with, set_columns

SERIES = ("LC", "LP", "SC", "EXPIRED", "FOREIGN")
quantities = st.sampled_from([-7.0, -1.0, 1.0, 3.0, 0.5, 40.0])


def market_of_options(price: float) -> Market:
    """Options on a fund: ones of two expiries, one that has expired, one in another currency."""
    options = [
        {
            "instrument_id": name,
            "product": "equity_option",
            "underlying": "U",
            "multiplier": 100.0,
            "expiry": f"{expiry}T21:00:00+00:00",
            "strike": strike,
            "right": right,
            "exercise": "american",
            "settlement": "physical",
            "currency": "EUR" if name == "FOREIGN" else "USD",
        }
        for name, expiry, strike, right in zip(
            SERIES,
            ("2028-01-21", "2026-12-18", "2026-12-18", "2026-11-20", "2026-12-18"),
            (90.0, 100.0, 110.0, 100.0, 100.0),
            ("call", "put", "call", "call", "put"),
            strict=True,
        )
    ]
    others = [
        {"instrument_id": "U", "product": "etf", "leverage": 2.0},
        {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"},
    ]
    marks = dict(zip(SERIES, (14.0, 3.0, 1.5, 2.0, 4.0), strict=True)) | {"U": price, "EURUSD": 1.1}
    return market_with([*others, *options], marks)


def charged(rulebook: RegT, market: Market, sets: list[dict[str, float]]) -> Float64s:
    """float64[u, 5]: charges of netting sets of one account each."""
    rows = rulebook.rows(market, np.arange(market.count))
    return rulebook.charge_positions(rows, *set_columns(market, sets), np.zeros(len(sets), np.int64))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*SERIES, "U"]), quantities, min_size=1), min_size=1, max_size=6
    ),
    st.sampled_from([60.0, 100.0, 140.0]),
)
def test_sets_are_charged_as_the_twin_does(sets: list[dict[str, float]], price: float) -> None:
    market, rulebook = market_of_options(price), RegT(PARAMETERS)
    for one, charge in zip(sets, charged(rulebook, market, sets), strict=True):
        holdings = held(market, one)
        assert charge[-1] == len(rulebook.refusals(holdings, market))
        required = rulebook.combine(charge[None], np.zeros(1, np.int64), np.array([0, 1]))[0]
        twin = rulebook.explain(holdings, market).requirement
        assert required == pytest.approx([twin.initial_usd, twin.maintenance_usd], rel=1e-9, abs=0.01)


def test_what_one_contract_asks_follows_prices_and_terms() -> None:
    market, rulebook = market_of_options(100.0), RegT(PARAMETERS)
    sets = [{"SC": -2.0}, {"LP": 1.0, "LC": 3.0}]
    before = charged(rulebook, market, sets)
    assert charged(rulebook, market, sets).tolist() == before.tolist()
    market.mark[market.slot_of["U"]] = 108.0
    moved = charged(rulebook, market, sets)
    assert moved[0, 1] > before[0, 1]
    assert moved[1].tolist() == before[1].tolist()
    fund = market.slot_of["U"]
    market.instruments[fund] = replace(market.instruments[fund], leverage=3.0)
    assert charged(rulebook, market, sets)[0, 1] > moved[0, 1]
