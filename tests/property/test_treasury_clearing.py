"""Treasury clearing on random books: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.treasury_clearing import TreasuryClearing
from tests.rates_book import few_scenarios
from tests.rulebook_cases import requirements, units_of
from tests.treasury_book import LISTED, account, market_of, rulebook

SCENARIOS = few_scenarios(historical=40, stress=3)
MARKET = market_of()
quantities = st.floats(-5_000.0, 5_000.0).map(lambda quantity: round(quantity, 1))
books = st.dictionaries(st.sampled_from([one.instrument_id for one in LISTED]), quantities, max_size=8)


@st.composite
def rulebooks(draw: st.DrawFn) -> TreasuryClearing:
    return rulebook(
        SCENARIOS,
        measure=draw(st.sampled_from(["es", "var"])),
        confidence=draw(st.sampled_from([0.6, 0.9, 0.99])),
        age_decay=draw(st.sampled_from([0.95, 1.0])),
        stress_weight=draw(st.floats(0.0, 1.0)),
        initial_share=draw(st.floats(1.0, 2.0)),
        minimum_margin_lookback=draw(st.integers(20, 60)),
        minimum_margin_confidence=draw(st.sampled_from([0.8, 0.99])),
        minimum_margin_offset=draw(st.floats(0.0, 1.0)),
        differential_lookback=draw(st.integers(1, 9)),
        differential_decay=draw(st.sampled_from([0.5, 0.97, 1.0])),
        differential_multiplier=draw(st.floats(0.0, 3.0)),
    )


@settings(deadline=None)
@given(rulebooks(), st.lists(books, min_size=1, max_size=3))
def test_vectorised_equals_twin_and_explanation_adds_up(
    rules: TreasuryClearing, accounts: list[dict[str, float]]
) -> None:
    vectorised = requirements(rules, MARKET, [account(MARKET, book) for book in accounts])
    for (initial, maintenance), book in zip(vectorised, accounts, strict=True):
        explained = rules.explain(account(MARKET, book), MARKET)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert explained.requirement.initial_usd == pytest.approx(initial, rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() <= 1e-6


pasts = st.lists(st.floats(0.0, 1e8), max_size=8).map(tuple)


@settings(deadline=None)
@given(rulebooks(), st.lists(st.tuples(books, pasts), min_size=1, max_size=3))
def test_with_past_charges_vectorised_equals_twin(
    rules: TreasuryClearing, accounts: list[tuple[dict[str, float], tuple[float, ...]]]
) -> None:
    holdings = [account(MARKET, book) for book, _ in accounts]
    charges, sets, offsets = units_of(rules, MARKET, holdings)
    figures = rules.combine_with_past(charges, sets, offsets, [past for _, past in accounts])
    without = rules.combine(charges, sets, offsets)
    for held, (_, past), row, least in zip(holdings, accounts, figures, without, strict=True):
        explained = rules.explain_with_past(held, MARKET, past)
        assert explained.requirement.maintenance_usd == pytest.approx(row[1], rel=1e-9, abs=0.01)
        assert explained.requirement.initial_usd == pytest.approx(row[0], rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert row[1] >= least[1]
        rises = any(
            after > before for before, after in pairwise(past[-rules.parameters.differential.lookback - 1 :])
        )
        assert (row[1] > least[1] + 1e-9 * least[1]) <= rises


def usd(rules: TreasuryClearing, book: dict[str, float]) -> float:
    return float(requirements(rules, MARKET, [account(MARKET, book)])[0, 1])


@settings(deadline=None)
@given(rulebooks(), books, st.integers(2, 4))
def test_a_larger_book_needs_at_least_as_much_more(
    rules: TreasuryClearing, book: dict[str, float], times: int
) -> None:
    once = usd(rules, book)
    assert usd(rules, {name: times * held for name, held in book.items()}) >= times * once - 0.01


@settings(deadline=None)
@given(rulebooks(), st.floats(-5_000.0, 5_000.0))
def test_never_below_the_minimum_margin_amount(rules: TreasuryClearing, quantity: float) -> None:
    """One bond on one key rate: its sensitivity times the move of that key rate."""
    tree = rules.explain(account(MARKET, {"30Y": quantity}), MARKET).tree
    facts = next(part for part in tree.parts if part.name == "minimum margin top-up").facts
    minimum = facts["minimum_margin_usd"]
    assert isinstance(minimum, float)
    assert tree.amount_usd >= minimum - 1e-6


@settings(deadline=None)
@given(rulebooks(), st.floats(1.0, 5_000.0))
def test_a_treasury_against_its_overnight_repo_nets(rules: TreasuryClearing, quantity: float) -> None:
    """The bond sold, to come back from a repo within the week: what is left is the week's cash."""
    alone = usd(rules, {"10Y": -quantity})
    assert usd(rules, {"10Y": -quantity, "REPO-1W": quantity}) <= 0.02 * alone
