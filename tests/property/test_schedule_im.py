"""The schedule on random books of swaps: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.schedule_im import ScheduleIm
from engine.rules.schedule_im_parameters import Parameters
from tests.credit_book import market_of, swap_of
from tests.rulebook_cases import requirements, shipped

SILO = "uncleared_swaps"
EURO = Instrument("EURUSD", Product.FX_RATE, currency="EUR")
LISTED = [
    *(
        swap_of(f"{entity}-{maturity}-{currency}", entity, maturity, 0.01, currency)
        for entity, currency in (("ACME", "USD"), ("BOLT", "EUR"))
        for maturity in ("2026-11-20", "2028-06-20", "2030-06-20", "2036-12-20")
    ),
    Instrument("AAPL-1", Product.EQUITY_SWAP, "AAPL", 100),
    Instrument("SAP-1", Product.EQUITY_SWAP, "SAP", 10, currency="EUR"),
]
books = st.dictionaries(
    st.integers(0, len(LISTED) - 1), st.floats(-500.0, 500.0).map(lambda held: round(held, 3)), max_size=10
)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    quoted = draw(st.lists(st.sampled_from(LISTED), unique_by=lambda one: one.instrument_id))
    spreads = {
        one.instrument_id: draw(st.floats(5.0, 1500.0))
        for one in quoted
        if one.product is Product.CREDIT_DEFAULT_SWAP
    }
    marks = {
        one.instrument_id: draw(st.floats(0.5, 900.0)) for one in quoted if one.product is Product.EQUITY_SWAP
    }
    if draw(st.booleans()):
        marks["EURUSD"] = draw(st.floats(0.5, 2.0))
    return market_of([EURO, *LISTED], spreads, marks)


@st.composite
def rulebooks(draw: st.DrawFn) -> ScheduleIm:
    mapping = shipped("schedule-im")
    mapping["gross_share"]["value"] = draw(st.floats(0.0, 1.0))
    return ScheduleIm(Parameters.from_mapping(mapping))


def account(book: dict[int, float], factor: float = 1.0) -> list[Holding]:
    return [Holding(LISTED[index], factor * held, SILO) for index, held in book.items() if held]


def usd(rulebook: ScheduleIm, market: Market, holdings: list[Holding]) -> float:
    return rulebook.explain(holdings, market).requirement.maintenance_usd


@settings(deadline=None)  # the first example compiles
@given(markets(), rulebooks(), st.lists(books, min_size=1, max_size=4))
def test_vectorised_equals_twin_and_explanation_adds_up(
    market: Market, rulebook: ScheduleIm, accounts: list[dict[int, float]]
) -> None:
    vectorised = requirements(rulebook, market, [account(book) for book in accounts])
    for (initial, maintenance), book in zip(vectorised, accounts, strict=True):
        explained = rulebook.explain(account(book), market)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert initial == maintenance
        assert explained.tree.largest_residual_usd() <= 1e-6


@given(markets(), rulebooks(), books)
def test_between_the_share_that_never_nets_and_all_of_gross(
    market: Market, rulebook: ScheduleIm, book: dict[int, float]
) -> None:
    explained = rulebook.explain(account(book), market)
    gross = float(explained.tree.facts["gross_initial_margin_usd"])
    assert rulebook.parameters.gross_share * gross - 0.01 <= explained.tree.amount_usd <= gross + 0.01


@given(markets(), rulebooks(), books, st.floats(0.01, 100.0))
def test_order_and_scale(market: Market, rulebook: ScheduleIm, book: dict[int, float], factor: float) -> None:
    whole = usd(rulebook, market, account(book))
    assert usd(rulebook, market, account(dict(reversed(book.items())))) == pytest.approx(
        whole, rel=1e-9, abs=0.01
    )
    scaled = usd(rulebook, market, account(book, factor))
    assert scaled == pytest.approx(factor * whole, rel=1e-9, abs=0.01)


@given(markets(), rulebooks(), books)
def test_one_way_risk_has_no_offset(market: Market, rulebook: ScheduleIm, book: dict[int, float]) -> None:
    """Where everything is worth something to the firm, net is gross and nothing is taken off."""
    owed = [
        Holding(
            h.instrument, -abs(h.quantity) if _value(market, h.instrument) > 0.0 else abs(h.quantity), SILO
        )
        for h in account(book)
    ]
    explained = rulebook.explain(owed, market)
    gross = float(explained.tree.facts["gross_initial_margin_usd"])
    assert explained.tree.amount_usd == pytest.approx(gross, rel=1e-9, abs=0.01)


def _value(market: Market, instrument: Instrument) -> float:
    return float(market.mark[market.slot_of[instrument.instrument_id]])
