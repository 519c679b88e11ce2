"""FINRA 4210(g) on random books: both paths agree, and the figure behaves as a margin must."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.finra_4210g import Finra4210g
from engine.rules.interface import Holding
from tests.finra_4210g_book import holdings_of, shipped_rulebook
from tests.rulebook_cases import market_of, requirements, set_prices

NOW = "2024-05-10T20:00:00+00:00"
EXPIRIES = ("2024-05-10T20:00:00+00:00", "2024-05-13T20:00:00+00:00", "2024-09-20T20:00:00+00:00")
ROOTS: list[dict[str, Any]] = [
    {"instrument_id": "ACME", "product": "equity"},
    {"instrument_id": "BIG", "product": "index", "index_class": "high_cap_broad"},
    {"instrument_id": "BLUE", "product": "etf", "index_class": "high_cap_broad"},
    {"instrument_id": "SMALL", "product": "etf", "index_class": "broad"},
    {"instrument_id": "BARE", "product": "index"},
    {"instrument_id": "FUND", "product": "etf", "index_class": "broad", "leverage": -3.0},
    {"instrument_id": "EURO", "product": "equity", "currency": "EUR"},
]
RATE = {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}


def _option(root: dict[str, Any], expiry: str, strike: float, right: str) -> dict[str, Any]:
    index = root["product"] == "index"
    return {
        "instrument_id": f"{root['instrument_id']} {expiry[5:10]} {strike:g} {right}",
        "product": "index_option" if index else "equity_option",
        "underlying": root["instrument_id"],
        "currency": root.get("currency", "USD"),
        "multiplier": 100.0,
        "expiry": expiry,
        "strike": strike,
        "right": right,
        "exercise": "european" if index else "american",
        "dividend_yield": 0.015,
        "index_class": "broad" if root["instrument_id"] == "BARE" else "",
    }


OPTIONS = [
    _option(root, expiry, strike, right)
    for root in ROOTS
    for expiry in EXPIRIES
    for strike in (80.0, 100.0, 115.0)
    for right in ("call", "put")
]
FUTURES: list[dict[str, Any]] = [
    {
        "instrument_id": f"{root['instrument_id']} future",
        "product": "security_future",
        "underlying": root["instrument_id"],
        "currency": root.get("currency", "USD"),
        "multiplier": 100.0,
        "expiry": EXPIRIES[2],
    }
    for root in ROOTS
    if root["instrument_id"] in {"ACME", "BLUE", "FUND", "EURO"}
]
HELD = [each["instrument_id"] for each in (*ROOTS, *OPTIONS, *FUTURES) if each["product"] != "index"]
NEVER_PRICED = OPTIONS[0]["instrument_id"]


@cache
def market_and_rulebook() -> tuple[Market, Finra4210g]:
    market = market_of(
        {
            "market": {"rate": 0.04, "valuation_time": NOW},
            "instruments": [*ROOTS, RATE, *OPTIONS, *FUTURES],
            "prices": [{"instrument_id": "EURUSD", "mark": 1.1}],
        }
    )
    return market, shipped_rulebook()


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """The one market at random prices; an option's mark need not agree with its volatility."""
    market, _ = market_and_rulebook()
    levels = st.floats(40.0, 250.0)
    prices = [{"instrument_id": each["instrument_id"], "mark": draw(levels)} for each in (*ROOTS, *FUTURES)]
    volatility = draw(st.floats(0.05, 1.5))
    mark = draw(st.floats(0.0, 30.0))
    prices += [
        {"instrument_id": option["instrument_id"], "mark": mark, "implied_volatility": volatility}
        for option in OPTIONS
        if option["instrument_id"] != NEVER_PRICED
    ]
    set_prices(market, prices, sequence=int(market.sequence.max()) + 1)
    return market


books = st.dictionaries(
    st.sampled_from(HELD), st.floats(-500.0, 500.0).filter(lambda quantity: quantity != 0.0), max_size=7
)


def held(market: Market, book: dict[str, float]) -> list[Holding]:
    return holdings_of(market, [{"instrument_id": key, "quantity": value} for key, value in book.items()])


def requirement(market: Market, book: dict[str, float]) -> float:
    _, rulebook = market_and_rulebook()
    return float(requirements(rulebook, market, [held(market, book)])[0, 1])


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=0.01)


@given(market=markets(), accounts=st.lists(books, max_size=4))
@settings(max_examples=60, deadline=None)
def test_vectorised_path_equals_the_plain_twin(market: Market, accounts: list[dict[str, float]]) -> None:
    _, rulebook = market_and_rulebook()
    holdings = [held(market, book) for book in accounts]
    combined = requirements(rulebook, market, holdings)
    assert combined.shape == (len(accounts), 2)
    for row, account in zip(combined, holdings, strict=True):
        explained = rulebook.explain(account, market)
        assert row[0] == close(explained.requirement.initial_usd)
        assert row[1] == close(explained.requirement.maintenance_usd)
        assert explained.tree.amount_usd == explained.requirement.maintenance_usd
        assert explained.tree.largest_residual_usd() <= 1e-6


@given(market=markets(), book=books, data=st.data())
@settings(max_examples=40, deadline=None)
def test_order_does_not_matter(market: Market, book: dict[str, float], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(book.items()))))
    assert requirement(market, shuffled) == close(requirement(market, book))


@given(market=markets(), book=books, share=st.floats(-2.0, 2.0))
@settings(max_examples=30, deadline=None)
def test_a_position_split_in_two_is_explained_as_one(
    market: Market, book: dict[str, float], share: float
) -> None:
    _, rulebook = market_and_rulebook()
    whole = held(market, book)
    split = [
        Holding(holding.instrument, part, holding.silo)
        for holding in whole
        for part in (share * holding.quantity, (1.0 - share) * holding.quantity)
    ]
    explained = rulebook.explain(split, market).requirement
    assert explained.maintenance_usd == close(rulebook.explain(whole, market).requirement.maintenance_usd)


@given(market=markets(), book=books, factor=st.floats(0.1, 20.0))
@settings(max_examples=40, deadline=None)
def test_requirement_scales_with_the_book(market: Market, book: dict[str, float], factor: float) -> None:
    scaled = {key: factor * value for key, value in book.items()}
    assert requirement(market, scaled) == close(factor * requirement(market, book))


@given(market=markets(), one=books, other=books)
@settings(max_examples=40, deadline=None)
def test_two_books_together_need_no_more_than_apart(
    market: Market, one: dict[str, float], other: dict[str, float]
) -> None:
    together = {key: one.get(key, 0.0) + other.get(key, 0.0) for key in one | other}
    apart = requirement(market, one) + requirement(market, other)
    assert requirement(market, together) <= apart * (1 + 1e-9) + 0.01


@given(market=markets(), book=books)
@settings(max_examples=40, deadline=None)
def test_never_negative_and_never_below_the_worst_point(market: Market, book: dict[str, float]) -> None:
    _, rulebook = market_and_rulebook()
    tree = rulebook.explain(held(market, book), market).tree
    assert requirement(market, book) >= 0.0
    for group in tree.parts:
        worst = min(float(value) for name, value in group.facts.items() if name.startswith("P&L at "))
        assert group.amount_usd >= max(-worst, float(group.facts["minimum_usd"])) - 1e-6
