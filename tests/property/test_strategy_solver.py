"""The dual simplex against HiGHS on books of realistic size, and what a caller gets when it gives up."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.strategy.basis import PIVOTS, cheapest, limit
from engine.rules.strategy.book import Book, OptionPosition
from engine.rules.strategy.certificate import check_permitted
from engine.rules.strategy.edges import LONGEST
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.pairing import MOST_PIVOTS, least_pairing, posed
from engine.rules.strategy.plain import plain_pairing
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.securities import Stage, Stock
from engine.rules.strategy.simplex import GAVE_UP, INFEASIBLE, OPTIMAL, optimise, scratch_for, solution
from engine.rules.strategy.tableau import Sets
from engine.rules.strategy.whole import divided_solution, proven_bound
from tests.strategy_book import (
    PARAMETERS,
    UNITS,
    book_of,
    small_books,
    terms_at,
    with_parameters,
)

PAIRWISE = with_parameters(reading__spread_expiries__value="pairwise")


def random_book(seed: int) -> tuple[Book, Terms]:
    """5 to 150 options at any price level, of one or of mixed sizes, with stock or without."""
    drawn = random.Random(seed)
    price = drawn.choice([3.0, 40.0, 100.0, 4500.0])
    european, expiries = drawn.random() < 0.3, drawn.randint(1, 5)
    series = [
        (right, round(price * (0.6 + 0.02 * step), 2), expiry)
        for right in (CALL, PUT)
        for step in range(40)
        for expiry in range(1, expiries + 1)
    ]
    options = []
    for right, strike, expiry in drawn.sample(series, min(drawn.randint(5, 150), len(series))):
        intrinsic = max(price - strike if right == CALL else strike - price, 0.0)
        value = round(intrinsic + drawn.uniform(0.001, 0.08) * price * expiry**0.5, 2) + 0.01
        units = drawn.choice([100.0] * 30 + [10.0])
        contract = Contract(
            f"{strike}{right}{expiry}", right, strike, expiry, units, value, european, expiry > 3, european
        )
        options.append(OptionPosition(contract, drawn.choice([-1, 1]) * drawn.choice([1, 2, 5, 50, 1000])))
    shares = drawn.choice([0.0, 150.0, 2000.0, -700.0, 1e5, -1e5])
    parameters = drawn.choice([PARAMETERS, PAIRWISE])
    terms = Terms(parameters, Stock(price), drawn.random() < 0.3, drawn.choice(list(Stage)))
    return Book("X", shares, tuple(options)), terms


@pytest.mark.parametrize("seed", range(60))
def test_least_cost_is_that_of_highs(seed: int) -> None:
    pytest.importorskip("scipy", reason="HiGHS comes with scipy, extra `bench`")
    from tests.bench.pairing import highs, linking

    book, terms = random_book(seed)
    problem = posed(book, terms).problem
    outcome, amounts, prices = divided_solution(problem.cost, problem.sets, problem.rows, MOST_PIVOTS)
    assert outcome == OPTIMAL
    bound = proven_bound(problem.cost, problem.sets, problem.rows, prices)
    assert bound == pytest.approx(problem.cost @ amounts, rel=1e-9, abs=0.01)
    assert problem.cost @ amounts == pytest.approx(highs(problem, linking(problem)), rel=1e-9, abs=0.01)
    assert amounts.min() >= -1e-6
    shared = np.bincount(problem.sets.of[problem.sets.of >= 0], amounts[problem.sets.of >= 0])
    assert shared == pytest.approx(problem.sets.quantity)


@settings(deadline=None)
@given(small_books(), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 100.0, 1e5]))
def test_no_prices_of_rows_prove_too_much(drawn: tuple[Book, float], seed: int, size: float) -> None:
    """The bound holds for any prices, so it does not lean on the solver."""
    book, price = drawn
    if not book.options:
        return
    terms = terms_at(price)
    problem = posed(book, terms).problem
    prices = np.random.default_rng(seed).normal(0.0, size, len(problem.rows.bound))
    bound = proven_bound(problem.cost, problem.sets, problem.rows, prices)
    assert bound + problem.constant_usd <= plain_pairing(book, terms).published_usd + 0.01


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_a_large_book_is_paired_in_whole_contracts_near_the_bound(seed: int) -> None:
    book, terms = random_book(seed)
    pairing = least_pairing(book, terms)
    check_permitted(pairing, book, terms)
    assert pairing.lower_bound_usd <= pairing.published_usd <= 1.001 * pairing.lower_bound_usd
    assert least_pairing(book, terms) == pairing  # the same bits again


def hedged_book(seed: int) -> Book:
    """Many different options beside stock that covers all of them or few: most contracts have several uses."""
    drawn = random.Random(seed)
    series = [
        (right, 60.0 + 2.0 * step, expiry)
        for right in (CALL, PUT)
        for step in range(60)
        for expiry in range(1, drawn.randint(1, 8) + 1)
    ]
    options = []
    for right, strike, expiry in drawn.sample(series, 100):
        intrinsic = max(100.0 - strike if right == CALL else strike - 100.0, 0.0)
        value = round(intrinsic + drawn.uniform(0.1, 8.0) * expiry**0.5, 2)
        contract = Contract(f"{strike:g}{right}{expiry}", right, strike, expiry, UNITS, value)
        options.append(OptionPosition(contract, drawn.choice([-1, 1]) * drawn.randint(1, 20)))
    return Book("X", drawn.choice([100_000.0, 3_000.0, -3_000.0]), tuple(options))


@pytest.mark.parametrize("seed", range(8))
def test_whole_contracts_are_near_the_bound_beside_stock_and_do_not_depend_on_the_order(seed: int) -> None:
    book, terms = hedged_book(seed), terms_at(100.0)
    pairing = least_pairing(book, terms)
    check_permitted(pairing, book, terms)
    assert pairing.lower_bound_usd <= pairing.published_usd <= 1.004 * pairing.lower_bound_usd
    shuffled = list(book.options)
    random.Random(seed).shuffle(shuffled)
    again = least_pairing(Book("X", book.shares, tuple(shuffled)), terms)
    assert again.published_usd == pytest.approx(pairing.published_usd, abs=1e-6)
    assert again.lower_bound_usd == pytest.approx(pairing.lower_bound_usd, abs=1e-6)


def test_a_solver_that_gives_up_leaves_every_option_alone() -> None:
    pairing = least_pairing(book_of("+1@95C@4.00; -2@100C@2.00"), terms_at(97.0), most_pivots=0)
    assert sorted(strategy.name for strategy in pairing.strategies) == ["long call", "naked call"]
    assert pairing.lower_bound_usd == 400.0  # the long call is paid in full whatever the short ones cost


def naked_call(count: int) -> Programme:
    return posed(book_of(f"{-count}@100C@2.00"), terms_at(100.0)).problem


def test_a_limit_that_contradicts_the_position_is_found_out() -> None:
    problem = naked_call(1)
    cost, sets, rows = problem.cost, problem.sets, problem.rows
    for most_pivots, outcome in ((10, INFEASIBLE), (0, GAVE_UP)):
        basis = cheapest(cost, sets, rows, 4, 1)
        limit(basis, 0, 1.0, 0.0)  # the only use of the only option is forbidden
        assert optimise(cost, sets, rows, basis, scratch_for(cost, rows, basis), most_pivots) == outcome


def test_sets_share_out_their_quantity_at_the_least_cost() -> None:
    """Without rows every set goes to its cheapest column."""
    rows = naked_call(3).rows._replace(column_starts=np.zeros(4, np.int64))
    sets = Sets(np.array([0, 0, 1]), np.array([0, 2, 3]), np.array([0, 1, 2]), np.array([5.0, 7.0]))
    cost = np.array([3.0, 2.0, 9.0])
    basis = cheapest(cost, sets, rows, 2, 0)
    assert optimise(cost, sets, rows, basis, scratch_for(cost, rows, basis), 10) == OPTIMAL
    assert basis.number[PIVOTS] == 0
    assert solution(basis).tolist() == [0.0, 5.0, 7.0]


@pytest.mark.parametrize("seed", range(6))
def test_lengths_of_edges_choose_pivots_and_no_figure(seed: int) -> None:
    problem = posed(hedged_book(seed), terms_at(100.0)).problem
    cost, sets, rows = problem.cost, problem.sets, problem.rows
    _, amounts, _ = divided_solution(cost, sets, rows, MOST_PIVOTS)
    basis = cheapest(cost, sets, rows, len(rows.bound) + 2, 0)
    basis.row_edge[:] = 10.0 ** np.random.default_rng(seed).uniform(-3.0, np.log10(LONGEST), len(rows.bound))
    assert optimise(cost, sets, rows, basis, scratch_for(cost, rows, basis), MOST_PIVOTS) == OPTIMAL
    assert cost @ solution(basis) == pytest.approx(cost @ amounts, rel=1e-9)
    for lengths in (basis.row_edge, basis.basic_edge, basis.key_edge):
        assert lengths.max() <= LONGEST  # an infinite one would never be chosen, whatever it is off by
