"""SEC 18a-3 for equity swaps: golden cases, random books against the twin, what is covered, parameter checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Float64s, Holding
from engine.rules.sec_18a_3_equity import Sec18a3Equity
from engine.rules.sec_18a_3_equity_parameters import Parameters
from tests.crypto_book import case_market, holdings_of, market_of
from tests.engine_book import MARKS, NOW_NS, TODAY, new_engine, prices, trades
from tests.rulebook_cases import golden, load, shipped

GOLDEN = golden("sec-18a-3-equity")
SILO = "security_based_swaps"
RULEBOOK = Sec18a3Equity(Parameters.from_mapping(shipped("sec-18a-3-equity")))
LISTED = [
    Instrument(f"{share}-{number}", Product.EQUITY_SWAP, share, 100)
    for share in ("A", "B")
    for number in (1, 2)
] + [Instrument("AB", Product.EQUITY_SWAP, multiplier=10, components=(("A", 0.25), ("B", 0.25), ("C", 0.5)))]


def required(rulebook: Sec18a3Equity, market: Market, accounts: Sequence[Sequence[Holding]]) -> Float64s:
    """float64[a, 2] of the vectorised path, all accounts at once."""
    every = np.arange(market.count)
    for instrument in market.instruments:
        if instrument.product is Product.EQUITY_SWAP:
            rulebook.netting_set(instrument)
    rows = rulebook.rows(market, every)
    held = [h for account in accounts for h in account]
    first = np.cumsum([0, *(len(account) for account in accounts)], dtype=np.int64)
    charges = rulebook.charge_positions(
        rows,
        market.slots([h.instrument.instrument_id for h in held]),
        np.array([h.quantity for h in held]),
        first,
        np.zeros(len(accounts), np.int64),
    )
    return rulebook.combine(charges, np.zeros(len(accounts), np.int64), np.arange(len(accounts) + 1))


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 4


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    account = holdings_of(market, case["positions"], SILO)
    result, usd = case["result"], case["tolerance"]["usd"]
    explained = RULEBOOK.explain(account, market)
    for found in (*required(RULEBOOK, market, [account])[0], explained.requirement.initial_usd):
        assert found == pytest.approx(result["requirement_usd"], abs=usd)
    assert {part.name: part.amount_usd for part in explained.tree.parts} == pytest.approx(
        result["shares"], abs=usd
    )


books = st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), st.integers(-1000, 1000))


@settings(deadline=None)  # the first example compiles
@given(
    st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), st.floats(0.01, 1e5)),
    st.lists(books, min_size=1, max_size=4),
)
def test_vectorised_equals_twin(marks: dict[str, float], positions: list[dict[str, int]]) -> None:
    market = market_of(LISTED, marks)
    accounts = [holdings_of(market, book, SILO) for book in positions]
    for (initial, maintenance), account in zip(required(RULEBOOK, market, accounts), accounts, strict=True):
        explained = RULEBOOK.explain(account, market)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert initial == maintenance
        assert explained.tree.largest_residual_usd() < 1e-6


@settings(deadline=None)
@given(st.floats(1.0, 1e4), st.integers(1, 1000), st.floats(0.01, 0.99))
def test_a_basket_against_its_own_components_asks_nothing(mark: float, quantity: int, weight: float) -> None:
    basket = Instrument("AB", Product.EQUITY_SWAP, components=(("A", weight), ("B", 1.0 - weight)))
    parts = [Instrument(name, Product.EQUITY_SWAP, name) for name in ("A", "B")]
    market = market_of([basket, *parts], {"AB": mark, "A": mark * weight, "B": mark * (1.0 - weight)})
    account = holdings_of(market, {"AB": quantity, "A": -quantity, "B": -quantity}, SILO)
    assert required(RULEBOOK, market, [account])[0] == pytest.approx(0.0, abs=0.01)
    assert RULEBOOK.explain(account, market).requirement.maintenance_usd == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("index_class", ["broad", "high_cap_broad"])
def test_a_swap_on_a_broad_index_is_refused_and_says_why(index_class: str) -> None:
    with pytest.raises(MarginError) as caught:
        RULEBOOK.netting_set(Instrument("SPX-1", Product.EQUITY_SWAP, "SPX", index_class=index_class))
    assert (caught.value.reason, caught.value.thing) == (
        Reason.NO_RULEBOOK,
        "instrument SPX-1 in silo security_based_swaps",
    )
    assert f"on a broad-based index ({index_class}) it is a swap" in caught.value.detail


def test_new_weights_of_a_basket_count_from_their_record_on() -> None:
    engine = new_engine(("A",))
    basket = Instrument(
        "AB",
        Product.EQUITY_SWAP,
        components=(("AAPL", 0.5), ("B", 0.5)),
        multiplier=100,
        risk_factor="EQ:AAPL",
    )
    engine.put_instrument(basket)
    assert not engine.apply_prices(prices(engine, MARKS | {"AB": 200.0}, 1)).any()
    rows = [
        ("T1", 1, "A", "AB", 10.0, 200.0, False, TODAY),
        ("T2", 1, "A", "AAPL-SWAP", -10.0, 200.0, False, TODAY),
    ]
    assert not engine.apply_trades(0, trades(engine, rows)).any()
    engine.evaluate(NOW_NS)
    silo = SILO_INDEX[SILO]
    assert engine.maintenance[0, silo] == pytest.approx(0.15 * (100_000 + 100_000))
    engine.put_instrument(replace(basket, components=(("AAPL", 0.8), ("B", 0.2))))
    engine.evaluate(NOW_NS)
    assert engine.maintenance[0, silo] == pytest.approx(0.15 * (40_000 + 40_000))
    assert engine.shadow_check(["A"]) < 0.01


def test_without_a_price_nothing_is_in_the_figure_and_it_says_so() -> None:
    market = market_of(LISTED[:1], {})
    assert RULEBOOK.rows(market, np.array([0])).tolist() == [[0.0]]
    [part] = RULEBOOK.explain(holdings_of(market, {"A-1": 1.0}, SILO), market).tree.parts
    assert (part.amount_usd, part.facts["mark of A-1"]) == (0.0, "missing: not in the figure")


def test_all_swaps_are_one_netting_set_and_other_products_are_an_error() -> None:
    assert RULEBOOK.netting_set(LISTED[0]) == RULEBOOK.netting_set(LISTED[2])
    with pytest.raises(MarginError) as caught:
        RULEBOOK.netting_set(Instrument("A", Product.EQUITY))
    assert caught.value.reason is Reason.NO_RULEBOOK


def test_the_shipped_file_says_that_it_is_not_verified() -> None:
    rate = shipped("sec-18a-3-equity")["rate"]
    assert rate["unverified"]
    assert rate["source"]


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("rate", {"value": 1.5}, "rate.value"),
        ("rate", 0.15, "rate"),
        ("silo", "futures", "silo"),
        ("x", 1, "x"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(key: str, value: Any, place: str) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("sec-18a-3-equity") | {key: value})
    assert caught.value.thing == f"rulebook sec-18a-3-equity: {place}"
