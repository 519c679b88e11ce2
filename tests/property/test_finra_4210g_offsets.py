"""Offsets between class groups on random books: both paths agree, and the percentage does what it says."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.market import Market
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of
from tests.property.test_finra_4210g import HELD, books, close, held, markets
from tests.rulebook_cases import market_of, requirements, shipped

INDEXED = [name for name in HELD if name.startswith(("BIG", "BLUE", "SMALL", "FUND"))]
indexed_books = st.dictionaries(st.sampled_from(INDEXED), st.floats(-500.0, 500.0), max_size=8)
shares = st.floats(0.0, 1.0)


@cache
def rulebook_at(inner: float, outer: float, rate: float = 0.0) -> Finra4210g:
    """The shipped file at other percentages, with an own class group of two members inside."""
    mapping = shipped("finra-4210g")
    mapping["groups"]["high_cap_broad"]["offset"] = inner
    mapping["groups"]["broad_based"]["offset"] = outer
    mapping["groups"]["named"] = {
        "level": "class group", "offset": inner, "within": "broad_based", "underlyings": ["SMALL", "ACME"],
    }  # fmt: skip
    mapping["concentration"]["rate"] = rate
    return Finra4210g(Parameters.from_mapping(mapping))


def without_groups() -> Finra4210g:
    mapping = shipped("finra-4210g")
    del mapping["groups"]
    return Finra4210g(Parameters.from_mapping(mapping))


def requirement(rulebook: Finra4210g, market: Market, book: dict[str, float]) -> float:
    return float(requirements(rulebook, market, [held(market, book)])[0, 1])


@given(market=markets(), accounts=st.lists(books, max_size=3), inner=shares, outer=shares, rate=shares)
@settings(max_examples=60, deadline=None)
def test_vectorised_path_equals_the_plain_twin(
    market: Market, accounts: list[dict[str, float]], inner: float, outer: float, rate: float
) -> None:
    rulebook = rulebook_at(inner, outer, rate)
    holdings = [held(market, book) for book in accounts]
    for row, account in zip(requirements(rulebook, market, holdings), holdings, strict=True):
        explained = rulebook.explain(account, market)
        assert row.tolist() == [close(explained.requirement.initial_usd)] * 2
        assert explained.tree.largest_residual_usd() <= 1e-6


@given(market=markets(), book=indexed_books)
@settings(max_examples=40, deadline=None)
def test_offsets_of_zero_are_none(market: Market, book: dict[str, float]) -> None:
    assert requirement(rulebook_at(0.0, 0.0), market, book) == requirement(without_groups(), market, book)


@given(market=markets(), book=indexed_books, inner=st.lists(shares, min_size=2, max_size=2), outer=shares)
@settings(max_examples=40, deadline=None)
def test_a_larger_percentage_never_asks_for_more(
    market: Market, book: dict[str, float], inner: list[float], outer: float
) -> None:
    low, high = (requirement(rulebook_at(share, outer), market, book) for share in sorted(inner))
    assert high <= low * (1 + 1e-9) + 0.01
    low, high = (requirement(rulebook_at(outer, share), market, book) for share in sorted(inner))
    assert high <= low * (1 + 1e-9) + 0.01


@given(market=markets(), book=indexed_books, inner=shares, outer=shares)
@settings(max_examples=40, deadline=None)
def test_never_more_than_apart_and_never_below_the_minimums(
    market: Market, book: dict[str, float], inner: float, outer: float
) -> None:
    rulebook = rulebook_at(inner, outer)
    figure = requirement(rulebook, market, book)
    assert figure <= requirement(without_groups(), market, book) * (1 + 1e-9) + 0.01
    tree = rulebook.explain(held(market, book), market).tree
    minimum_usd = sum(float(part.facts["minimum_usd"]) for part in tree.parts)
    assert figure >= minimum_usd * (1 - 1e-9) - 0.01


@given(
    marks=st.tuples(st.floats(50.0, 500.0), st.floats(0.1, 10.0)),
    quantities=st.tuples(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0)),
)
@settings(max_examples=40, deadline=None)
def test_at_one_hundred_percent_members_net_like_one_position(
    marks: tuple[float, float], quantities: tuple[float, float]
) -> None:
    """Two funds of one class, one at a multiple of the other's price: as if all were held in the first."""
    mark, ratio = marks
    market = market_of(
        {
            "market": {"rate": 0.03, "valuation_time": "2024-05-10T20:00:00+00:00"},
            "instruments": [
                {"instrument_id": name, "product": "etf", "index_class": "high_cap_broad"}
                for name in ("ONE", "TWO")
            ],
            "prices": [
                {"instrument_id": "ONE", "mark": mark},
                {"instrument_id": "TWO", "mark": ratio * mark},
            ],
        }
    )

    def needed(*positions: tuple[str, float]) -> float:
        records: list[dict[str, Any]] = [{"instrument_id": n, "quantity": q} for n, q in positions]
        return float(requirements(rulebook_at(1.0, 1.0), market, [holdings_of(market, records)])[0, 1])

    netted = needed(("ONE", quantities[0] + ratio * quantities[1]))
    assert needed(("ONE", quantities[0]), ("TWO", quantities[1])) == close(netted)


@given(market=markets(), book=books, inner=shares, outer=shares, factor=st.floats(0.1, 20.0))
@settings(max_examples=30, deadline=None)
def test_requirement_scales_with_the_book(
    market: Market, book: dict[str, float], inner: float, outer: float, factor: float
) -> None:
    rulebook = rulebook_at(inner, outer)
    scaled = {key: factor * value for key, value in book.items()}
    assert requirement(rulebook, market, scaled) == close(factor * requirement(rulebook, market, book))


@given(market=markets(), one=books, other=books, inner=shares, outer=shares)
@settings(max_examples=30, deadline=None)
def test_two_books_together_need_no_more_than_apart(
    market: Market, one: dict[str, float], other: dict[str, float], inner: float, outer: float
) -> None:
    rulebook = rulebook_at(inner, outer)
    together = {key: one.get(key, 0.0) + other.get(key, 0.0) for key in one | other}
    apart = requirement(rulebook, market, one) + requirement(rulebook, market, other)
    assert requirement(rulebook, market, together) <= apart * (1 + 1e-9) + 0.01


@given(market=markets(), book=indexed_books, data=st.data())
@settings(max_examples=30, deadline=None)
def test_order_of_positions_does_not_matter(
    market: Market, book: dict[str, float], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(book.items()))))
    rulebook = rulebook_at(0.9, 0.75)
    assert requirement(rulebook, market, shuffled) == close(requirement(rulebook, market, book))
