"""Netting sets of options are charged many at once what the plain twin asks them for one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.interface import Float64s
from engine.rules.strategy.live import RegT
from engine.rules.strategy.paired_sets import PairedSets
from tests.property.test_option_sets import charged
from tests.strategy_book import EXPIRIES, PARAMETERS, held, market_with, set_columns

STRIKES = (85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0)
ROOTS: dict[str, dict[str, Any]] = {
    "S": {"product": "equity"},
    "F": {"product": "etf", "leverage": -2.0, "index_class": "broad"},
    "I": {"product": "index", "index_class": "narrow"},
    "J": {"product": "index"},  # its class is that of the options
    "E": {"product": "equity", "currency": "EUR"},
}
quantities = st.sampled_from([-6.0, -2.0, -1.0, 1.0, 2.0, 3.0])
shares = st.sampled_from([0.0, 0.0, -250.0, 80.0, 400.0])


def market_at(price: float) -> Market:
    """Options on a stock, a leveraged fund, indexes (settled in cash) and a stock in another currency."""
    instruments = [{"instrument_id": root, **fields} for root, fields in ROOTS.items()]
    instruments.append({"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"})
    marks = dict.fromkeys(ROOTS, price) | {"EURUSD": 1.1}
    for root, fields in ROOTS.items():
        index = fields["product"] == "index"
        for term, expiry in EXPIRIES.items():
            for strike in STRIKES:
                for right in ("call", "put"):
                    name = f"{root} {term} {strike:g} {right}"
                    intrinsic = max(price - strike if right == "call" else strike - price, 0.0)
                    marks[name] = round(intrinsic + 2.3 * term + 0.01 * strike, 2)
                    instruments.append(
                        {
                            "instrument_id": name,
                            "product": "index_option" if index else "equity_option",
                            "underlying": root,
                            "multiplier": 100.0,
                            "expiry": f"{expiry}T21:00:00+00:00",
                            "strike": strike,
                            "right": right,
                            "exercise": "european" if index else "american",
                            "settlement": "cash" if index else "physical",
                            "index_class": "broad" if root == "J" else "",
                            "currency": fields.get("currency", "USD"),
                        }
                    )
    return market_with(instruments, marks)


@st.composite
def netting_sets(draw: st.DrawFn) -> dict[str, float]:
    root = draw(st.sampled_from(list(ROOTS)))
    series = st.tuples(
        st.sampled_from(list(EXPIRIES)), st.sampled_from(STRIKES), st.sampled_from(["call", "put"])
    )
    chosen = draw(st.dictionaries(series, quantities, min_size=1, max_size=20))
    one = {f"{root} {term} {strike:g} {right}": count for (term, strike, right), count in chosen.items()}
    stock = draw(shares)
    return one | {root: stock} if stock and ROOTS[root]["product"] != "index" else one


def paired(market: Market, sets: list[dict[str, float]]) -> tuple[list[int], Float64s]:
    """What :class:`PairedSets` charges of these sets by itself."""
    units, charges = PairedSets(PARAMETERS).charge(market, *set_columns(market, sets))
    return units.tolist(), charges


@settings(max_examples=60, deadline=None)
@given(st.lists(netting_sets(), min_size=1, max_size=5), st.sampled_from([60.0, 97.0, 140.0]))
def test_sets_are_charged_as_the_twin_does(sets: list[dict[str, float]], price: float) -> None:
    market, rulebook = market_at(price), RegT(PARAMETERS)
    units, charges = paired(market, sets)
    assert units == list(range(len(sets)))
    for unit, charge in enumerate(charges):
        holdings = held(market, sets[unit])
        required = rulebook.combine(charge[None], np.zeros(1, np.int64), np.array([0, 1]))[0]
        twin = rulebook.explain(holdings, market).requirement
        assert required == pytest.approx([twin.initial_usd, twin.maintenance_usd], rel=1e-9, abs=0.01)
        assert charge[2] == any(count < 0.0 for count in sets[unit].values())
        worth = sum(
            holding.quantity * _unit_value(market, holding.instrument.instrument_id) for holding in holdings
        )
        assert charge[3] == pytest.approx(worth)
        assert charge[4] == 0.0
    together = charged(rulebook, market, sets)
    apart = np.concatenate([charged(RegT(PARAMETERS), market, [one]) for one in sets])
    assert together == pytest.approx(apart, rel=1e-12, abs=1e-6)


def _unit_value(market: Market, name: str) -> float:
    return float(market.unit_value_usd(np.array([market.slot_of[name]]))[0])


VERTICAL = {"S 1 100 call": 1.0, "S 1 110 call": -1.0}


def test_a_vertical_and_a_covered_call_are_charged_and_what_cannot_be_is_left() -> None:
    market = market_at(97.0)
    sets = [
        {"S": 100.0},  # nothing to pair
        VERTICAL,
        VERTICAL | {"S 1 100 call": 0.5},  # a part of a contract
        {"S": 100.0, "S 1 110 call": -1.0},
    ]
    units, charges = paired(market, sets)
    assert units == [1, 3]
    long, short = 2.3 + 1.0, 2.3 + 1.1  # values at a price of 97
    assert charges[0, 1] == pytest.approx(100.0 * long - 100.0 * short)  # no loss: the long call at its cost
    assert charges[1, :2] == pytest.approx([4_850.0 - 100.0 * short, 2_425.0 - 100.0 * short])


def test_terms_and_prices_are_followed() -> None:
    market, pairs = market_at(97.0), PairedSets(PARAMETERS)
    slots = np.array(sorted(market.slot_of[name] for name in ("F 1 100 call", "F 1 110 put")))

    def maintenance() -> float:
        units, charges = pairs.charge(market, slots, np.array([-1.0, -1.0]), np.array([0, 2]))
        assert len(units) == 1
        return float(charges[0, 1])

    before, fund = maintenance(), market.slot_of["F"]
    market.instruments[fund] = replace(market.instruments[fund], leverage=3.0)
    leveraged = maintenance()
    assert leveraged > before
    market.mark[fund] = 104.0
    assert maintenance() != leveraged
    option = market.instruments[slots[0]]
    market.instruments[slots[0]] = replace(
        option, settlement="basket"
    )  # its deliverable is not known any more
    assert pairs.charge(market, slots, np.array([-1.0, -1.0]), np.array([0, 2]))[0].tolist() == []
