"""Cleared swaps on random books: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.instruments import Instrument
from engine.market.market import Market
from engine.rules.cleared_swaps import ClearedSwaps
from engine.rules.interface import Holding
from tests.rates_book import SILO, few_scenarios, index_swap, market_of, rate_swap, rulebook
from tests.rulebook_cases import requirements

SWAPS: list[Instrument] = [
    rate_swap("usd-2y", "USD-SOFR", "2026-12-01", "2028-12-01", 0.037),
    rate_swap("usd-10y", "USD-SOFR", "2027-03-01", "2037-03-01", 0.05),
    rate_swap("usd-seasoned", "USD-SOFR", "2025-06-16", "2032-06-16", 0.01, fixing=0.0412),
    rate_swap("eur-5y", "EUR-ESTR", "2026-12-01", "2031-12-01", 0.02),
    rate_swap("eur-term", "EUR-EURIBOR-6M", "2026-06-15", "2046-06-15", 0.03, fixing=0.022),
    rate_swap("unpriced", "USD-SOFR", "2025-06-16", "2032-06-16", 0.01),
    index_swap("ig-5y", "CDX.NA.IG", "2031-12-20", 0.01),
    index_swap("ig-10y", "CDX.NA.IG", "2036-12-20", 0.01),
    index_swap("hy-5y", "CDX.NA.HY", "2031-12-20", 0.05),
    index_swap("hy-unpriced", "CDX.NA.HY", "2029-12-20", 0.05),
]
SCENARIOS = few_scenarios(historical=30, stress=3)
MARKET = market_of(SWAPS, {"ig-5y": -0.022, "ig-10y": 0.004, "hy-5y": -0.075})
quantities = st.floats(-2_000.0, 2_000.0).map(lambda quantity: round(quantity, 2))
books = st.dictionaries(st.sampled_from([one.instrument_id for one in SWAPS]), quantities, max_size=6)


@st.composite
def rulebooks(draw: st.DrawFn) -> ClearedSwaps:
    return rulebook(
        SCENARIOS,
        measure=draw(st.sampled_from(["es", "var"])),
        confidence=draw(st.sampled_from([0.6, 0.9, 0.95, 0.99])),
        age_decay=draw(st.sampled_from([0.9, 0.97, 1.0])),
        floor_share=draw(st.floats(0.0, 1.0)),
        stress_weight=draw(st.floats(0.0, 1.0)),
        initial_share=draw(st.floats(1.0, 2.0)),
    )


def account(book: Mapping[str, float], market: Market = MARKET) -> list[Holding]:
    return [Holding(market.instruments[market.slot_of[name]], held, SILO) for name, held in book.items()]


def usd(rules: ClearedSwaps, book: Mapping[str, float]) -> float:
    """Maintenance requirement of the vectorised path."""
    return float(requirements(rules, MARKET, [account(book)])[0, 1])


@settings(deadline=None)
@given(rulebooks(), st.lists(books, min_size=1, max_size=3))
def test_vectorised_equals_twin_and_explanation_adds_up(
    rules: ClearedSwaps, accounts: list[dict[str, float]]
) -> None:
    vectorised = requirements(rules, MARKET, [account(book) for book in accounts])
    for (initial, maintenance), book in zip(vectorised, accounts, strict=True):
        explained = rules.explain(account(book), MARKET)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert explained.requirement.initial_usd == pytest.approx(initial, rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert explained.tree.amount_usd == explained.requirement.maintenance_usd


@settings(deadline=None)
@given(rulebooks(), books)
def test_opposite_positions_need_nothing(rules: ClearedSwaps, book: dict[str, float]) -> None:
    holdings = [*account(book), *account({name: -held for name, held in book.items()})]
    assert requirements(rules, MARKET, [holdings])[0].tolist() == pytest.approx([0.0, 0.0], abs=0.01)


@settings(deadline=None)
@given(rulebooks(), books, st.integers(2, 5))
def test_a_larger_book_needs_at_least_as_much_more(
    rules: ClearedSwaps, book: dict[str, float], times: int
) -> None:
    """The historical loss is homogeneous; the cost of closing rises faster than the size."""
    once = usd(rules, book)
    assert usd(rules, {name: times * held for name, held in book.items()}) >= times * once - 0.01


@settings(deadline=None)
@given(rulebooks(), books, books)
def test_expected_shortfall_of_scenarios_alike_rewards_no_split(
    rules: ClearedSwaps, one: dict[str, float], other: dict[str, float]
) -> None:
    """Two accounts in one need no more than both by themselves, where the cost of closing has one tier."""
    coherent = rulebook(
        SCENARIOS, one_tier=True, measure="es", confidence=rules.parameters.measure.confidence
    )
    both = {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {*one, *other}}
    assert usd(coherent, both) <= usd(coherent, one) + usd(coherent, other) + 0.01
