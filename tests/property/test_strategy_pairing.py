"""The solver against every permitted pairing tried one by one, and how the least requirement must behave."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.requirement import Part
from engine.rules.strategy.book import Book, OptionPosition
from engine.rules.strategy.certificate import check_permitted
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.pairing import least_pairing
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.plain import plain_pairing
from engine.rules.strategy.securities import Stage, Stock
from tests.strategy_book import (
    PARAMETERS,
    account_of_book,
    book_of,
    long_value_usd,
    shipped_rulebook,
    short_value_usd,
    small_books,
    with_parameters,
)

READINGS = (
    PARAMETERS,
    with_parameters(
        reading__spread_expiries__value="pairwise",
        reading__reverse_conversion__value="exercise",
        reading__protective_call__value="exercise",
        reading__short_stock_with_long_call_initial__value=0.0,
        reading__covering_call_in_the_money_initial__value=True,
    ),
)
stages = st.sampled_from(list(Stage))
readings = st.sampled_from(READINGS)


def least(book: Book, terms: Terms) -> float:
    return least_pairing(book, terms).published_usd


def test_a_divided_solution_is_put_right() -> None:
    """Half of each long put beside the short one would be least; whole, one of them stands alone."""
    late = replace(book_of("+1@100P3@41.00").options[0].contract, loan_value=True)
    book = book_of("-2@80C1@1.00; -1@90P1@31.00; +1@80P1@21.00")
    book = replace(book, options=(*book.options, OptionPosition(late, 1)))
    terms = Terms(PARAMETERS, Stock(60.0), False, Stage.INITIAL)
    assert least(book, terms) == pytest.approx(plain_pairing(book, terms).published_usd) == 7575.0


@settings(max_examples=300, deadline=None)
@given(small_books(), stages, readings, st.booleans())
def test_solver_is_the_least_of_all_pairings(
    drawn: tuple[Book, float], stage: Stage, parameters: Parameters, broad: bool
) -> None:
    book, price = drawn
    terms = Terms(parameters, Stock(price), broad, stage)
    tried, solved = plain_pairing(book, terms), least_pairing(book, terms)
    assert solved.published_usd == pytest.approx(tried.published_usd, rel=1e-9, abs=0.01)
    assert solved.lower_bound_usd == pytest.approx(tried.published_usd, rel=1e-9, abs=0.01)
    for pairing in (tried, solved):
        check_permitted(pairing, book, terms)


@settings(max_examples=60, deadline=None)
@given(small_books(), st.floats(-1e6, 1e6))
def test_excess_is_the_same_in_either_form(drawn: tuple[Book, float], cash: float) -> None:
    """Published by the twin: long options are paid for and outside equity, as short ones and short stock are.

    Risk part by the rulebook: everything counts at its value in equity.
    """
    book, price = drawn
    published = plain_pairing(book, Terms(PARAMETERS, Stock(price), False, Stage.MAINTENANCE)).published_usd
    short, long = short_value_usd(book, price), long_value_usd(book)
    long_stock = max(book.shares, 0.0) * price
    equity = cash + long_stock + long - short
    part = underlying_part(book, price)
    assert equity - part.amount_usd == pytest.approx(cash + long_stock + long - published, abs=0.01)


def underlying_part(book: Book, price: float) -> Part:
    """The rulebook's own figure of a book, from instruments and marks."""
    market, holdings = account_of_book(book, price)
    explained = shipped_rulebook().explain(holdings, market)
    assert explained.tree.largest_residual_usd() <= 1e-6
    assert explained.requirement.initial_usd >= explained.requirement.maintenance_usd - 1e-9
    return next(
        (part for part in explained.tree.walk() if part.name == "underlying X"), Part("nothing held", 0.0)
    )


@settings(max_examples=60, deadline=None)
@given(small_books(), small_books(), stages)
def test_one_account_never_needs_more_than_two(
    first: tuple[Book, float], second: tuple[Book, float], stage: Stage
) -> None:
    """Pairing more positions can only help, unless stock of one side nets against that of the other."""
    (one, price), (other, _) = first, second
    if one.shares * other.shares < 0.0:
        other = replace(other, shares=0.0)
    named = tuple(
        OptionPosition(replace(position.contract, name=f"other {position.contract.name}"), position.count)
        for position in other.options
    )
    both = Book("X", one.shares + other.shares, (*one.options, *named))
    terms = Terms(PARAMETERS, Stock(price), False, stage)
    assert least(both, terms) <= least(one, terms) + least(other, terms) + 0.01


@settings(max_examples=60, deadline=None)
@given(small_books(), st.integers(2, 40))
def test_a_multiple_never_needs_more_than_the_multiple(drawn: tuple[Book, float], factor: int) -> None:
    book, price = drawn
    terms = Terms(PARAMETERS, Stock(price), False, Stage.MAINTENANCE)
    multiple = Book(
        "X",
        factor * book.shares,
        tuple(OptionPosition(position.contract, factor * position.count) for position in book.options),
    )
    pairing = least_pairing(multiple, terms)
    assert pairing.lower_bound_usd <= pairing.published_usd <= factor * least(book, terms) + 0.01


@settings(max_examples=60, deadline=None)
@given(small_books(), st.randoms(use_true_random=False))
def test_order_does_not_matter(drawn: tuple[Book, float], random: Random) -> None:
    book, price = drawn
    shuffled = list(book.options)
    random.shuffle(shuffled)
    terms = Terms(PARAMETERS, Stock(price), False, Stage.MAINTENANCE)
    assert least(replace(book, options=tuple(shuffled)), terms) == pytest.approx(least(book, terms), abs=0.01)
