"""Pairings and bounds shown without the solver: what is right passes, what is not is refuted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.strategy import shadow
from engine.rules.strategy.book import Book, OptionPosition, Pairing
from engine.rules.strategy.certificate import NotShownError, Pool, Prices, check_permitted, proven_usd
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.pairing import least_pairing, priced_pairing
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.plain import plain_pairing
from engine.rules.strategy.securities import Stage, Stock
from tests.property.test_strategy_solver import PAIRWISE, hedged_book, random_book
from tests.strategy_book import PARAMETERS, account_of_book, book_of, shipped_rulebook, small_books, terms_at

stages = st.sampled_from(list(Stage))
BOOK = book_of("S+100; -2@100C2@3.00; +1@95C2@6.00; -1@90P2@1.50")


@settings(max_examples=100, deadline=None)
@given(small_books(), stages, st.sampled_from([PARAMETERS, PAIRWISE]), st.booleans())
def test_prices_of_small_books_prove_what_is_said_and_no_more_than_is_true(
    drawn: tuple[Book, float], stage: Stage, parameters: Parameters, broad: bool
) -> None:
    book, price = drawn
    if not book.options:
        return
    terms = Terms(parameters, Stock(price), broad, stage)
    _, prices = priced_pairing(book, terms)
    proven = proven_usd(prices, book, terms)
    assert proven == pytest.approx(prices.bound_usd, abs=1e-6)
    assert proven <= plain_pairing(book, terms).published_usd + 1e-6


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_large_books_are_shown(seed: int) -> None:
    book, terms = random_book(seed)
    assert shadow.pairing_error_usd(book, terms) < 0.005


@pytest.mark.parametrize("seed", range(4))
def test_books_beside_stock_are_shown(seed: int) -> None:
    assert shadow.pairing_error_usd(hedged_book(seed), terms_at(100.0)) < 0.005


@settings(max_examples=60, deadline=None)
@given(small_books(), st.integers(0, 5), stages)
def test_prices_that_would_prove_more_than_a_pairing_costs_are_refuted(
    drawn: tuple[Book, float], place: int, stage: Stage
) -> None:
    book, price = drawn
    if not book.options:
        return
    terms = terms_at(price, stage)
    pairing, prices = priced_pairing(book, terms)
    place %= len(book.options)
    more = (pairing.published_usd - prices.bound_usd + 1.0) / abs(book.options[place].count)
    options = list(prices.options)
    options[place] += more
    with pytest.raises(NotShownError):
        proven_usd(replace(prices, options=tuple(options)), book, terms)


def test_a_price_of_stock_above_its_requirement_is_refuted() -> None:
    terms = terms_at(100.0)
    _, prices = priced_pairing(BOOK, terms)
    with pytest.raises(NotShownError, match="stock alone"):
        proven_usd(replace(prices, share=30.0), BOOK, terms)


@pytest.mark.parametrize(
    "pool",
    [
        Pool(((90.0, -0.5), (105.0, 0.5)), {}, {}),  # a weight below zero
        Pool(((90.0, 0.8), (105.0, 0.8)), {}, {}),  # more than the whole
        Pool((), {}, {}),  # a short option that costs nothing
        Pool((), {"call": -1000.0}, {}),  # a long option that is worth less than it costs
    ],
)
def test_a_pool_that_proves_nothing_covers_no_spread(pool: Pool) -> None:
    book, terms = book_of("+1@95C2@6.00; -1@100C2@3.00"), terms_at(100.0)
    prices = Prices((600.0, 1.0), 0.0, (pool,), 601.0)
    with pytest.raises(NotShownError, match="no pool"):
        proven_usd(prices, book, terms)
    assert proven_usd(replace(prices, options=(600.0, 0.0), pools=(Pool((), {}, {}),)), book, terms) == 600.0


def test_levels_of_expiries_may_not_fall() -> None:
    """A short option that expires last could be paid by long ones that expire before it."""
    terms = Terms(PAIRWISE, Stock(100.0), False, Stage.MAINTENANCE)
    book = book_of("+1@95C2@6.00; -1@95C2@6.00")
    late = replace(book.options[1].contract, name="late", expiry_ns=3)
    book = replace(book, options=(book.options[0], OptionPosition(late, -1)))
    pool = Pool((), {}, {("call", 2): 5.0, ("call", 3): 0.0})
    prices = Prices((595.0, 0.0), 0.0, (pool,), 595.0)
    with pytest.raises(NotShownError, match="no pool"):
        proven_usd(prices, book, terms)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: replace(p, strategies=p.strategies[1:]), "other contracts"),
        (lambda p: replace(p, published_usd=p.published_usd - 1.0), "the pairing says"),
        (
            lambda p: replace(p, strategies=(replace(p.strategies[0], published_usd=1.0), *p.strategies[1:])),
            "not in the rule",
        ),
    ],
)
def test_a_pairing_that_does_not_fit_is_named(change: Callable[[Pairing], Pairing], said: str) -> None:
    book, terms = book_of("-2@100C2@3.00; +1@95C2@6.00"), terms_at(100.0)
    pairing = least_pairing(book, terms)
    check_permitted(pairing, book, terms)
    with pytest.raises(NotShownError, match=said):
        check_permitted(change(pairing), book, terms)


def test_shares_that_are_left_out_are_named() -> None:
    terms = terms_at(100.0)
    pairing = least_pairing(BOOK, terms)
    with pytest.raises(NotShownError, match="shares"):
        check_permitted(pairing, replace(BOOK, shares=200.0), terms)


def test_a_solver_that_errs_is_found_by_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    market, holdings = account_of_book(BOOK, 100.0)
    assert shipped_rulebook().pairing_error_usd(holdings, market) < 1e-6

    def cheaper(book: Book, terms: Terms) -> tuple[Pairing, Prices]:
        pairing, prices = priced_pairing(book, terms)
        return replace(pairing, published_usd=pairing.published_usd - 100.0), prices

    monkeypatch.setattr(shadow, "priced_pairing", cheaper)
    assert shipped_rulebook().pairing_error_usd(holdings, market) == math.inf
    monkeypatch.setattr(
        shadow,
        "priced_pairing",
        lambda book, terms: (
            priced_pairing(book, terms)[0],
            replace(priced_pairing(book, terms)[1], bound_usd=1e9),
        ),
    )
    assert shipped_rulebook().pairing_error_usd(holdings, market) > 1e8
