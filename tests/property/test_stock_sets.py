"""Netting sets of stock are charged at once what the plain twin asks for them one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.strategy.live import RegT
from tests.strategy_book import PARAMETERS, held, market_with

prices = st.sampled_from([0.4, 2.4, 4.99, 5.0, 16.0, 98.0, 4500.0])
quantities = st.sampled_from([-1200.0, -3.5, 0.25, 1.0, 70.0, 9000.0])
leverages = st.sampled_from([1.0, -1.0, 2.0, -3.0, 5.0])


@st.composite
def held_stocks(draw: st.DrawFn) -> list[tuple[dict[str, Any], float, float]]:
    """Terms, price and quantity of some stocks and funds, one of them in another currency, one without price."""
    stocks = []
    for place in range(draw(st.integers(1, 6))):
        terms: dict[str, Any] = {
            "instrument_id": f"S{place}",
            "product": "etf" if place % 2 else "equity",
            "leverage": draw(leverages) if place % 2 else 1.0,
            "currency": "EUR" if place == 2 else "USD",
        }
        price = 0.0 if place == 4 else draw(prices)
        stocks.append((terms, price, draw(quantities)))
    return stocks


@settings(max_examples=80, deadline=None)
@given(held_stocks(), st.floats(0.5, 2.0))
def test_stock_by_itself_is_charged_as_the_twin_does(
    stocks: list[tuple[dict[str, Any], float, float]], euro: float
) -> None:
    rate = {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}
    marks = {terms["instrument_id"]: price for terms, price, _ in stocks} | {"EURUSD": euro}
    market = market_with([rate, *(terms for terms, _, _ in stocks)], marks)
    rulebook = RegT(PARAMETERS)
    slots = np.array([market.slot_of[terms["instrument_id"]] for terms, _, _ in stocks])
    rows = np.zeros((market.count, 4))
    rows[slots] = rulebook.rows(market, slots)
    held_quantities = np.array([quantity for _, _, quantity in stocks])
    units = np.arange(len(stocks))
    charges = rulebook.charge_positions(rows, slots, held_quantities, np.arange(len(stocks) + 1), units)
    for place, (terms, price, quantity) in enumerate(stocks):
        account = rulebook.combine(charges[place : place + 1], units[:1], np.array([0, 1]))[0]
        holdings = held(market, {terms["instrument_id"]: quantity})
        refused = rulebook.refusals(holdings, market)
        assert len(refused) == charges[place, -1] == (price == 0.0)
        twin = rulebook.explain(holdings, market).requirement
        assert account == pytest.approx([twin.initial_usd, twin.maintenance_usd], rel=1e-9, abs=0.01)


def test_a_price_that_moves_is_charged_and_one_that_goes_is_left_out() -> None:
    market = market_with([{"instrument_id": "S", "product": "equity"}], {"S": 100.0})
    rulebook, slots = RegT(PARAMETERS), np.array([0])
    charged = []
    for price in (100.0, 200.0, 0.0):
        market.mark[0] = price
        rows = rulebook.rows(market, slots)
        charged.append(
            rulebook.charge_positions(rows, slots, np.array([10.0]), np.array([0, 1]), np.array([0]))[0]
        )
    assert [charge[1] for charge in charged] == pytest.approx([250.0, 500.0, 0.0])
    assert [charge[-1] for charge in charged] == [0.0, 0.0, 1.0]
