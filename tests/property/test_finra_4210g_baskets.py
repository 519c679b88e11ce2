"""Qualified stock baskets on random books: both paths agree, and a basket never costs the account anything."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of
from tests.property.test_finra_4210g import close
from tests.rulebook_cases import market_of, requirements, set_prices, shipped

NOW, EXPIRY = "2024-05-10T20:00:00+00:00", "2024-09-20T20:00:00+00:00"
INDEXES = {"HIGH": "high_cap_broad", "BROAD": "broad", "NARROW": "narrow"}
STOCKS = ("A", "B", "C", "D", "E")
WEIGHTS = {
    "HIGH": {"A": 0.35, "B": 0.25, "C": 0.2, "D": 0.1},
    "BROAD": {"B": 0.3, "C": 0.3, "E": 0.3},
    "NARROW": {"D": 0.5, "E": 0.48},
}
FUND = {"instrument_id": "FUND", "product": "etf", "index_class": "high_cap_broad"}
OPTIONS: list[dict[str, Any]] = [
    {
        "instrument_id": f"{root} {strike:g} {right}",
        "product": "index_option" if root in INDEXES else "equity_option",
        "underlying": root,
        "multiplier": 100.0,
        "expiry": EXPIRY,
        "strike": strike,
        "right": right,
        "exercise": "european",
    }
    for root in (*INDEXES, "A")
    for strike in (80.0, 105.0)
    for right in ("call", "put")
]
HELD = [*STOCKS, "FUND", *(option["instrument_id"] for option in OPTIONS)]
books = st.dictionaries(st.sampled_from(HELD), st.floats(-900.0, 900.0).filter(bool), max_size=9)


@cache
def market_now() -> Market:
    instruments: list[dict[str, Any]] = [
        {"instrument_id": name, "product": "index", "index_class": index_class}
        for name, index_class in INDEXES.items()
    ]
    instruments += [{"instrument_id": name, "product": "equity"} for name in STOCKS]
    return market_of(
        {
            "market": {"rate": 0.03, "valuation_time": NOW},
            "instruments": [*instruments, FUND, *OPTIONS],
            "prices": [],
        }
    )


@cache
def rulebook(with_compositions: bool = True, rate: float = 0.0) -> Finra4210g:
    mapping = shipped("finra-4210g")
    mapping["concentration"]["rate"] = rate
    if with_compositions:
        mapping["composition"] = {index: {"weights": weights} for index, weights in WEIGHTS.items()}
    return Finra4210g(Parameters.from_mapping(mapping))


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Market, dict[str, float]]:
    """Books at random, half of them holding an index in about its proportions against options on it."""
    market = market_now()
    prices = [
        {"instrument_id": name, "mark": draw(st.floats(40.0, 250.0))} for name in (*INDEXES, *STOCKS, "FUND")
    ]
    marks = {price["instrument_id"]: price["mark"] for price in prices}
    volatility = draw(st.floats(0.05, 1.0))
    prices += [
        {"instrument_id": option["instrument_id"], "mark": 5.0, "implied_volatility": volatility}
        for option in OPTIONS
    ]
    set_prices(market, prices, sequence=int(market.sequence.max()) + 1)
    book = draw(books)
    for index, weights in WEIGHTS.items():
        if draw(st.booleans()):
            size = draw(st.floats(-2e6, 2e6))
            for name, weight in weights.items():
                share = draw(st.sampled_from([1.0, 1.0, 1.3, 0.6, 0.0]))
                book[name] = book.get(name, 0.0) + share * size * weight / marks[name]
            contracts = -size / (100.0 * marks[index]) * draw(st.floats(0.2, 2.0))
            book[f"{index} 80 call"] = book.get(f"{index} 80 call", 0.0) + contracts
    return market, {name: quantity for name, quantity in book.items() if quantity}


def asked(rules: Finra4210g, market: Market, book: dict[str, float]) -> float:
    records: list[dict[str, Any]] = [{"instrument_id": name, "quantity": each} for name, each in book.items()]
    return float(requirements(rules, market, [holdings_of(market, records)])[0, 1])


@given(account=accounts(), rate=st.sampled_from([0.0, 0.5]))
@settings(max_examples=150, deadline=None)
def test_vectorised_path_equals_the_plain_twin(account: tuple[Market, dict[str, float]], rate: float) -> None:
    market, book = account
    rules = rulebook(rate=rate)
    records: list[dict[str, Any]] = [{"instrument_id": name, "quantity": each} for name, each in book.items()]
    explained = rules.explain(holdings_of(market, records), market)
    assert asked(rules, market, book) == close(explained.requirement.maintenance_usd)
    assert explained.tree.largest_residual_usd() <= 1e-6


@given(account=accounts())
@settings(max_examples=80, deadline=None)
def test_a_basket_never_costs_the_account_anything(account: tuple[Market, dict[str, float]]) -> None:
    market, book = account
    assert asked(rulebook(), market, book) <= asked(rulebook(with_compositions=False), market, book) + 0.01


@given(account=accounts())
@settings(max_examples=60, deadline=None)
def test_what_baskets_are_worth_is_asked_their_minimum_and_all_are_on_one_side(
    account: tuple[Market, dict[str, float]],
) -> None:
    market, book = account
    records: list[dict[str, Any]] = [{"instrument_id": name, "quantity": each} for name, each in book.items()]
    tree = rulebook().explain(holdings_of(market, records), market).tree
    baskets = [part for part in tree.walk() if part.name.startswith("qualified stock basket")]
    worth = [float(part.facts["market_value_usd"]) for part in baskets]
    assert all(each > 0.0 for each in worth) or all(each < 0.0 for each in worth)
    assert all(float(part.facts["coverage"]) >= 0.5 for part in baskets)
    least = sum(float(part.facts["minimum_usd"]) for part in baskets)
    assert asked(rulebook(), market, book) >= least - 0.01


@given(account=accounts(), factor=st.floats(0.1, 20.0))
@settings(max_examples=60, deadline=None)
def test_requirement_scales_with_the_book(account: tuple[Market, dict[str, float]], factor: float) -> None:
    market, book = account
    scaled = {name: factor * quantity for name, quantity in book.items()}
    assert asked(rulebook(), market, scaled) == close(factor * asked(rulebook(), market, book))
