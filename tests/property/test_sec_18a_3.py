"""SEC 18a-3 on random books of credit default swaps: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.sec_18a_3 import Sec18a3
from engine.rules.sec_18a_3_parameters import Parameters
from tests.credit_book import SILO, market_of, swap_of
from tests.rulebook_cases import requirements, shipped

EURO = Instrument("EURUSD", Product.FX_RATE, currency="EUR")
LISTED = [
    swap_of(f"{entity}-{maturity}-{coupon}-{currency}", entity, maturity, coupon, currency)
    for entity, currency in (("ACME", "USD"), ("BOLT", "USD"), ("BOLT", "EUR"))
    for maturity in ("2027-06-20", "2028-12-20", "2030-06-20", "2031-06-20", "2031-12-20", "2036-12-20")
    for coupon in (0.01, 0.05)
]
quantities = st.floats(-500.0, 500.0).map(lambda quantity: round(quantity, 3))
books = st.dictionaries(st.integers(0, len(LISTED) - 1), quantities, max_size=12)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Spreads in every category, away from the bounds: a bound must not hang on the last digit of a solver."""
    categories = st.sampled_from([10, 60, 150, 250, 350, 450, 600, 720, 1500])
    quoted = draw(st.lists(st.sampled_from(LISTED), unique_by=lambda one: one.instrument_id))
    spreads = {one.instrument_id: draw(categories) + draw(st.floats(-5.0, 5.0)) for one in quoted}
    euro = {"EURUSD": draw(st.floats(0.5, 2.0))} if draw(st.booleans()) else {}
    return market_of([EURO, *LISTED], spreads, euro)


@st.composite
def rulebooks(draw: st.DrawFn) -> Sec18a3:
    mapping = shipped("sec-18a-3")
    mapping["long_share"]["value"] = draw(st.floats(0.0, 1.0))
    mapping["adjacent_categories"] |= {
        "maturity": draw(st.integers(0, 3)),
        "spread": draw(st.integers(0, 3)),
    }
    return Sec18a3(Parameters.from_mapping(mapping))


def account(book: dict[int, float], factor: float = 1.0) -> list[Holding]:
    return [Holding(LISTED[index], factor * held, SILO) for index, held in book.items()]


@given(markets(), rulebooks(), st.lists(books, min_size=1, max_size=4))
def test_vectorised_equals_twin_and_explanation_adds_up(
    market: Market, rulebook: Sec18a3, accounts: list[dict[int, float]]
) -> None:
    vectorised = requirements(rulebook, market, [account(book) for book in accounts])
    for (initial, maintenance), book in zip(vectorised, accounts, strict=True):
        explained = rulebook.explain(account(book), market)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert initial == maintenance
        assert explained.tree.largest_residual_usd() <= 1e-6


def usd(rulebook: Sec18a3, market: Market, holdings: list[Holding]) -> float:
    return rulebook.explain(holdings, market).requirement.maintenance_usd


@given(markets(), rulebooks(), books)
def test_between_the_greater_side_and_both_sides(
    market: Market, rulebook: Sec18a3, book: dict[int, float]
) -> None:
    """Offsets never take more than the smaller side: pairing cannot make risk vanish."""
    sides = [
        usd(rulebook, market, [one for one in account(book) if (one.quantity > 0.0) is bought])
        for bought in (True, False)
    ]
    net = _net_sides(rulebook, market, book)
    assert max(net) - 0.01 <= usd(rulebook, market, account(book)) <= sum(net) + 0.01
    assert sum(net) <= sum(sides) + 0.01


def _net_sides(rulebook: Sec18a3, market: Market, book: dict[int, float]) -> tuple[float, float]:
    """Deductions of what is left bought and sold within the cells."""
    deductions = [
        part for entity in rulebook.explain(account(book), market).tree.parts for part in entity.parts
    ]
    bought = sum(part.amount_usd for part in deductions if part.name.startswith("protection bought"))
    sold = sum(part.amount_usd for part in deductions if part.name.startswith("protection sold"))
    return bought, sold


@given(markets(), rulebooks(), books, st.floats(0.0, 100.0), st.floats(0.0, 1.0))
def test_order_scale_and_split(
    market: Market, rulebook: Sec18a3, book: dict[int, float], factor: float, share: float
) -> None:
    whole = usd(rulebook, market, account(book))
    backwards = account(dict(reversed(book.items())))
    pieces = account(book, share) + account(book, 1.0 - share)
    for same in (backwards, pieces):
        assert usd(rulebook, market, same) == pytest.approx(whole, rel=1e-9, abs=0.01)
    scaled = usd(rulebook, market, account(book, factor))
    assert scaled == pytest.approx(factor * whole, rel=1e-9, abs=0.01)


@given(markets(), rulebooks(), books)
def test_entities_do_not_offset(market: Market, rulebook: Sec18a3, book: dict[int, float]) -> None:
    alone = sum(
        usd(rulebook, market, [one for one in account(book) if one.instrument.reference_entity == entity])
        for entity in ("ACME", "BOLT")
    )
    assert usd(rulebook, market, account(book)) == pytest.approx(alone, rel=1e-9, abs=0.01)
