"""Event contracts on random books: both paths agree, and the figure behaves as a fully paid margin must."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.event_contracts import EventContracts
from engine.rules.event_contracts_parameters import Parameters
from tests.crypto_book import holdings_of, market_of
from tests.event_book import BLUE, GREEN, LISTED, NO, NOT_RED, RED, RULEBOOK, SILO, YES
from tests.rulebook_cases import requirements, shipped

Book = dict[str, float]
NAMES = [each.instrument_id for each in LISTED]
quantities = st.integers(-1000, 1000).map(float) | st.sampled_from([0.5, -0.25])
books = st.dictionaries(st.sampled_from(NAMES), quantities, max_size=6)
prices = st.fixed_dictionaries({name: st.floats(0.0, 1.0) for name in NAMES})
HALF = EventContracts(
    Parameters.from_mapping(shipped("event-contracts") | {"loss_share": {"value": 0.5, "source": "test"}})
)


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=0.01)


def required(book: Book, marks: dict[str, float], rulebook: EventContracts = RULEBOOK) -> float:
    market = market_of(LISTED, marks)
    return float(requirements(rulebook, market, [holdings_of(market, book, SILO)])[0, 1])


def published(book: Book, marks: dict[str, float]) -> float:
    """What must lie in cash beside the contracts."""
    market = market_of(LISTED, marks)
    figure = RULEBOOK.explain(holdings_of(market, book, SILO), market).tree.facts["published_usd"]
    assert isinstance(figure, float)
    return figure


@pytest.mark.parametrize("rulebook", [RULEBOOK, HALF])
@given(
    book=books,
    marks=st.dictionaries(st.sampled_from(NAMES), st.floats(0.0, 1.2)),
)
def test_vectorised_equals_twin(rulebook: EventContracts, book: Book, marks: dict[str, float]) -> None:
    market = market_of(LISTED, marks)
    account = holdings_of(market, book, SILO)
    [(initial, maintenance)] = requirements(rulebook, market, [account])
    explained = rulebook.explain(account, market)
    assert explained.requirement.maintenance_usd == close(maintenance)
    assert initial == maintenance >= 0.0
    assert explained.tree.largest_residual_usd() < 1e-6


@given(books, prices)
def test_equity_less_requirement_is_what_is_left_in_the_worst_outcome(
    book: Book, marks: dict[str, float]
) -> None:
    """By enumeration of all pairs of outcomes: value less requirement = least total payoff, or less where value
    itself is below it."""
    value = sum(quantity * marks[name] for name, quantity in book.items())
    least = 0.0
    for event, outcomes in (("CUT", ("YES", "NO")), ("VOTE", ("RED", "BLUE", "GREEN"))):
        held = [each for each in LISTED if each.event == event]
        payoffs = [
            sum(book.get(each.instrument_id, 0.0) * (outcome in each.pays_on) for each in held)
            for outcome in outcomes
        ]
        worth = sum(book.get(each.instrument_id, 0.0) * marks[each.instrument_id] for each in held)
        least += min(min(payoffs), worth)
    assert value - required(book, marks) == close(least)


@given(prices, st.integers(1, 1000), st.sampled_from([(YES, NO), (RED, BLUE, GREEN), (RED, NOT_RED)]))
def test_a_complete_set_of_longs_needs_nothing_beside_it(
    marks: dict[str, float], sets: int, contracts: tuple[Any, ...]
) -> None:
    book = {each.instrument_id: float(sets) for each in contracts}
    assert published(book, marks) == 0.0
    assert required(book, marks) == close(sets * max(sum(marks[name] for name in book) - 1.0, 0.0))


@given(prices, st.integers(1, 1000), st.sampled_from([(YES, NO), (RED, BLUE, GREEN)]))
def test_a_complete_set_of_shorts_pays_out_once(
    marks: dict[str, float], sets: int, contracts: tuple[Any, ...]
) -> None:
    book = {each.instrument_id: -float(sets) for each in contracts}
    assert published(book, marks) == close(sets)


@pytest.mark.parametrize(("yes", "no"), [(YES, NO), (RED, NOT_RED)])
@given(marks=prices, quantity=quantities, others=books)
def test_short_yes_is_long_no(
    yes: Any, no: Any, marks: dict[str, float], quantity: float, others: Book
) -> None:
    """Where the two prices add up to one; beside any other positions, too."""
    marks = marks | {no.instrument_id: 1.0 - marks[yes.instrument_id]}

    def beside(name: str, amount: float) -> Book:
        return others | {name: others.get(name, 0.0) + amount}

    assert required(beside(yes.instrument_id, -quantity), marks) == close(
        required(beside(no.instrument_id, quantity), marks)
    )


@given(books, prices, st.sampled_from([0.5, 2.0, 10.0]))
def test_scale(book: Book, marks: dict[str, float], scale: float) -> None:
    assert required({name: scale * each for name, each in book.items()}, marks) == close(
        scale * required(book, marks)
    )


@given(books, books, prices)
def test_two_books_together_need_no_more_than_apart(
    first: Book, second: Book, marks: dict[str, float]
) -> None:
    both = {name: first.get(name, 0.0) + second.get(name, 0.0) for name in first | second}
    assert required(both, marks) <= required(first, marks) + required(second, marks) + 0.01


@given(books, prices)
def test_events_add_up(book: Book, marks: dict[str, float]) -> None:
    event_of = {each.instrument_id: each.event for each in LISTED}
    apart = [
        {name: quantity for name, quantity in book.items() if event_of[name] == event}
        for event in ("CUT", "VOTE")
    ]
    assert required(book, marks) == close(sum(required(part, marks) for part in apart))
