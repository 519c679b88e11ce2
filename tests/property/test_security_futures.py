"""Security futures beside stock and options: the least pairing is the least of all, and its bound holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.strategy.book import Book, FuturePosition, Pairing
from engine.rules.strategy.certificate import NotShownError
from engine.rules.strategy.futures_certificate import check_with_futures
from engine.rules.strategy.futures_pairing import least_pairing_with_futures
from engine.rules.strategy.futures_plain import plain_published_usd
from engine.rules.strategy.pairing import least_pairing
from engine.rules.strategy.securities import Stage
from engine.rules.strategy.transport import most_gainful
from tests.strategy_book import UNITS, small_books, terms_at

stages = st.sampled_from(list(Stage))


@st.composite
def futures(draw: st.DrawFn, units: Sequence[float] = (UNITS,), most: int = 4) -> tuple[FuturePosition, ...]:
    counts = draw(st.lists(st.integers(-2, 2).filter(bool), max_size=3))
    while sum(map(abs, counts)) > most:
        counts.pop()
    return tuple(
        FuturePosition(f"F{place}", count, draw(st.floats(50.0, 160.0)), draw(st.sampled_from(units)))
        for place, count in enumerate(counts)
    )


def assert_whole(pairing: Pairing, book: Book) -> None:
    """Every share and contract stands in one strategy."""
    held: dict[str, int] = {}
    for strategy in pairing.strategies:
        for name, count in strategy.futures:
            held[name] = held.get(name, 0) + count * strategy.times
    assert held == {future.name: future.count for future in book.futures}
    shares = sum(strategy.shares * strategy.times for strategy in pairing.strategies)
    assert shares == pytest.approx(book.shares)
    options: dict[str, int] = {}
    for strategy in pairing.strategies:
        for contract, count in strategy.options:
            options[contract.name] = options.get(contract.name, 0) + count * strategy.times
    assert options == {position.contract.name: position.count for position in book.options}
    asked = sum(strategy.published_usd * strategy.times for strategy in pairing.strategies)
    assert pairing.published_usd == pytest.approx(asked)


@given(book=small_books(most=4), contracts=futures(), stage=stages)
@settings(max_examples=60, deadline=None)
def test_the_least_pairing_is_the_least_of_all(
    book: tuple[Book, float], contracts: tuple[FuturePosition, ...], stage: Stage
) -> None:
    whole, price = replace(book[0], futures=contracts), book[1]
    terms = terms_at(price, stage)
    pairing = least_pairing_with_futures(whole, terms)
    assert_whole(pairing, whole)
    assert pairing.published_usd == pytest.approx(plain_published_usd(whole, terms), rel=1e-9, abs=0.01)
    assert pairing.lower_bound_usd <= pairing.published_usd + 0.01


@given(book=small_books(most=4), contracts=futures(), stage=stages, data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_pairing_is_shown_without_the_search_and_a_changed_one_is_not(
    book: tuple[Book, float], contracts: tuple[FuturePosition, ...], stage: Stage, data: st.DataObject
) -> None:
    whole, price = replace(book[0], futures=contracts), book[1]
    terms = terms_at(price, stage)
    pairing = least_pairing_with_futures(whole, terms)
    check_with_futures(pairing, whole, terms)
    if not contracts:
        return
    place = data.draw(st.sampled_from([i for i, one in enumerate(pairing.strategies) if one.futures]))
    changed = list(pairing.strategies)
    one = changed[place]
    changed[place] = data.draw(
        st.sampled_from(
            [
                replace(one, published_usd=one.published_usd - 1.0),
                replace(one, times=one.times + 1),
                replace(one, shares=one.shares + UNITS),
                replace(one, futures=(*one.futures, *one.futures)),
                replace(one, futures=(("GONE", 1),)),
            ]
        )
    )
    with pytest.raises(NotShownError):
        check_with_futures(replace(pairing, strategies=tuple(changed)), whole, terms)


@given(book=small_books(most=4), contracts=futures(), stage=stages, most_boxes=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_search_cut_short_pairs_as_permitted_and_tells_a_bound(
    book: tuple[Book, float], contracts: tuple[FuturePosition, ...], stage: Stage, most_boxes: int
) -> None:
    whole, price = replace(book[0], futures=contracts), book[1]
    terms = terms_at(price, stage)
    pairing = least_pairing_with_futures(whole, terms, most_boxes)
    assert_whole(pairing, whole)
    least = plain_published_usd(whole, terms)
    assert pairing.lower_bound_usd - 0.01 <= least <= pairing.published_usd + 0.01


@given(
    shares=st.sampled_from([0.0, 1000.0, -350.0, 20.0]), contracts=futures(units=(10.0, 100.0)), stage=stages
)
@settings(max_examples=60, deadline=None)
def test_contracts_of_two_sizes_never_ask_for_less_than_the_least(
    shares: float, contracts: tuple[FuturePosition, ...], stage: Stage
) -> None:
    book, terms = Book("X", shares, (), contracts), terms_at(100.0, stage)
    pairing = least_pairing_with_futures(book, terms)
    assert_whole(pairing, book)
    least = plain_published_usd(book, terms)
    assert pairing.lower_bound_usd - 0.01 <= least <= pairing.published_usd + 0.01


@given(book=small_books(most=4), contracts=futures(), stage=stages)
@settings(max_examples=40, deadline=None)
def test_futures_and_the_rest_together_need_no_more_than_apart(
    book: tuple[Book, float], contracts: tuple[FuturePosition, ...], stage: Stage
) -> None:
    rest, price = book
    terms = terms_at(price, stage)
    alone = replace(rest, shares=0.0, options=(), futures=contracts)
    together = least_pairing_with_futures(replace(rest, futures=contracts), terms)
    apart = least_pairing(rest, terms).published_usd + least_pairing_with_futures(alone, terms).published_usd
    assert together.published_usd <= apart + 0.01


def _brute(gain: list[list[float]], supply: list[int], demand: list[int]) -> float:
    """Every way to use each unit of supply."""
    units = [row for row, amount in enumerate(supply) for _ in range(amount)]
    best = 0.0
    for choice in itertools.product(range(-1, len(demand)), repeat=len(units)):
        if all(choice.count(column) <= amount for column, amount in enumerate(demand)):
            chosen = zip(units, choice, strict=True)
            best = max(best, sum(gain[row][column] for row, column in chosen if column >= 0))
    return best


@given(
    supply=st.lists(st.integers(0, 2), min_size=1, max_size=3),
    demand=st.lists(st.integers(0, 2), min_size=1, max_size=3),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_amounts_gain_most(supply: list[int], demand: list[int], data: st.DataObject) -> None:
    gain = [[data.draw(st.floats(-5.0, 20.0)) for _ in demand] for _ in supply]
    plan = most_gainful(gain, supply, demand)
    assert all(amount >= 0 for line in plan for amount in line)
    assert all(sum(line) <= amount for line, amount in zip(plan, supply, strict=True))
    assert all(sum(line[column] for line in plan) <= amount for column, amount in enumerate(demand))
    found = sum(
        gain[row][column] * amount for row, line in enumerate(plan) for column, amount in enumerate(line)
    )
    assert found == pytest.approx(_brute(gain, supply, demand), abs=1e-6)
