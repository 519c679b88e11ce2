"""Spot digital assets on random portfolios: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.digital_assets_spot import DigitalAssetsSpot
from engine.rules.digital_assets_spot_parameters import Parameters
from engine.rules.interface import Holding
from tests.crypto_book import market_of
from tests.rulebook_cases import requirements, shipped

PARAMETERS = Parameters.from_mapping(shipped("digital-assets-spot"))
RULEBOOK = DigitalAssetsSpot(PARAMETERS)  # for explanations; netting sets are bound to fresh ones
LISTED = [
    Instrument(f"{asset}-{currency}", product, underlying=asset, currency=currency)
    for asset, product in (
        ("BTC", Product.CRYPTO_SPOT),
        ("SOL", Product.CRYPTO_SPOT),
        ("USDC", Product.STABLECOIN),
        ("USDT", Product.STABLECOIN),
    )
    for currency in ("USD", "EUR")
]
LISTED += [
    Instrument(
        "tUST", Product.TOKENISED, "UST", expiry_ns=400 * NANOSECONDS_PER_DAY, tokenised_product="treasury"
    ),
    Instrument("AAPLx", Product.TOKENISED, "AAPL", tokenised_product="equity"),
    Instrument("tDBR", Product.TOKENISED, "DBR", currency="EUR", expiry_ns=9, tokenised_product="treasury"),
]
EURO = Instrument("EURUSD", Product.FX_RATE, currency="EUR")
quantities = st.floats(-1e6, 1e6).map(lambda q: round(q, 4))


@st.composite
def markets(draw: st.DrawFn) -> Market:
    priced = draw(st.lists(st.sampled_from([*LISTED, EURO]), unique_by=lambda one: one.instrument_id))
    return market_of([*LISTED, EURO], {one.instrument_id: draw(st.floats(1e-3, 1e5)) for one in priced})


accounts_of_positions = st.lists(
    st.dictionaries(st.integers(0, len(LISTED) - 1), quantities, max_size=6), min_size=1, max_size=4
)


def account(positions: dict[int, float], factor: float = 1.0) -> list[Holding]:
    return [Holding(LISTED[index], factor * held, "digital_assets") for index, held in positions.items()]


@given(markets(), accounts_of_positions)
def test_vectorised_equals_twin_and_explanation_adds_up(
    market: Market, books: list[dict[int, float]]
) -> None:
    vectorised = requirements(DigitalAssetsSpot(PARAMETERS), market, [account(book) for book in books])
    for (initial, maintenance), book in zip(vectorised, books, strict=True):
        explained = RULEBOOK.explain(account(book), market)
        assert explained.requirement.initial_usd == pytest.approx(initial, rel=1e-9, abs=0.01)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert 0.0 <= maintenance <= initial * (1 + 1e-12)


@given(markets(), accounts_of_positions, st.floats(0.0, 100.0), st.floats(0.0, 1.0))
def test_order_scale_and_split(
    market: Market, books: list[dict[int, float]], factor: float, share: float
) -> None:
    for book in books:
        whole = RULEBOOK.explain(account(book), market).requirement.maintenance_usd
        backwards = account(dict(reversed(book.items())))
        pieces = account(book, share) + account(book, 1.0 - share)
        for same in (backwards, pieces):
            found = RULEBOOK.explain(same, market).requirement.maintenance_usd
            assert found == pytest.approx(whole, rel=1e-9, abs=0.01)
        scaled = RULEBOOK.explain(account(book, factor), market).requirement.maintenance_usd
        assert scaled == pytest.approx(factor * whole, rel=1e-9, abs=0.01)


@given(markets(), accounts_of_positions)
def test_assets_do_not_offset(market: Market, books: list[dict[int, float]]) -> None:
    """The account's requirement is the sum of what each asset would need alone."""
    for book in books:
        holdings = account(book)
        alone = [
            RULEBOOK.explain([one for one in holdings if one.instrument.underlying == asset], market)
            for asset in {one.instrument.underlying for one in holdings}
        ]
        together = RULEBOOK.explain(holdings, market).requirement.maintenance_usd
        expected = sum(one.requirement.maintenance_usd for one in alone)
        assert together == pytest.approx(expected, rel=1e-9, abs=0.01)
