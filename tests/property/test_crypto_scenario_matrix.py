"""Scenario-matrix margin on random books: vectorised == twin, and how the figure must behave."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument, Product
from engine.rules.crypto_scenario_matrix import CryptoScenarioMatrix
from engine.rules.crypto_scenario_matrix_parameters import Parameters
from engine.rules.interface import Holding
from tests.crypto_book import market_of
from tests.rulebook_cases import requirements, shipped

PARAMETERS = Parameters.from_mapping(shipped("crypto-scenario-matrix"))
READINGS = (PARAMETERS, replace(PARAMETERS, gain_in_coins=True))
LISTED = [
    Instrument("BTC", Product.CRYPTO_SPOT),
    Instrument("ETH", Product.CRYPTO_SPOT),
    Instrument("BTC-PERP", Product.PERPETUAL, "BTC", 0.1, margin_schedule="x", funding_rate=0.0003),
    Instrument("ETH-PERP", Product.PERPETUAL, "ETH", margin_schedule="x", funding_rate=-0.001, funding_interval_h=1.0),
    Instrument("BTC-FUT", Product.CRYPTO_FUTURE, "BTC", margin_schedule="x"),
    Instrument("BTCUSD", Product.FX_RATE, currency="BTC"),
    *(
        Instrument(
            f"BTC-INVERSE-{product.value}", product, "BTC", 100.0, "BTC", settlement="inverse", margin_schedule="x",
            funding_rate=0.0002 if product is Product.PERPETUAL else 0.0,
        )
        for product in (Product.PERPETUAL, Product.CRYPTO_FUTURE)
    ),
    *(
        Instrument(
            f"BTC-{days}-{right}-{strike}", Product.CRYPTO_OPTION, "BTC-FUT" if days > 30 else "BTC",
            expiry_ns=days * NANOSECONDS_PER_DAY, strike=strike, right=right, exercise="european",
            combined_commodity="BTC", margin_schedule="x",
        )
        for days in (7, 90) for right in ("call", "put") for strike in (50_000.0, 60_000.0, 80_000.0)
    ),
]  # fmt: skip
ratios = st.floats(0.2, 2.0)
quantities = st.floats(-100.0, 100.0).map(lambda quantity: round(quantity, 3))
books = st.lists(
    st.builds(
        Holding,
        st.sampled_from([i for i in LISTED if i.product is not Product.FX_RATE]),
        quantities,
        st.just("futures"),
    ),
    max_size=8,
    unique_by=lambda holding: holding.instrument.instrument_id,
)
NAMES = [instrument.instrument_id for instrument in LISTED]


def marks(ratio: float, priced: set[str]) -> dict[str, float]:
    levels = {
        "BTC": 60_000.0, "ETH": 3_000.0, "BTC-PERP": 60_100.0, "ETH-PERP": 3_001.0, "BTC-FUT": 61_000.0,
        "BTCUSD": 60_000.0, "BTC-INVERSE-perpetual": 60_200.0, "BTC-INVERSE-crypto_future": 61_500.0,
    }  # fmt: skip
    values = {name: ratio * levels.get(name, 2_000.0) for name in NAMES if name in priced}
    return {name: value for name, value in values.items() if name not in levels} | {
        name: ratio * level for name, level in levels.items() if name in priced
    }


@settings(deadline=None)  # the first example compiles
@given(
    st.sampled_from(READINGS),
    st.lists(books, min_size=1, max_size=3),
    ratios,
    st.sets(st.sampled_from(NAMES), min_size=8),
)
def test_vectorised_equals_twin_and_explanation_adds_up(
    parameters: Parameters, accounts: list[list[Holding]], ratio: float, priced: set[str]
) -> None:
    market = market_of(LISTED, marks(ratio, priced))
    figures = requirements(CryptoScenarioMatrix(parameters), market, accounts)
    for (initial, maintenance), account in zip(figures, accounts, strict=True):
        explained = CryptoScenarioMatrix(parameters).explain(account, market)
        assert explained.requirement.initial_usd == pytest.approx(initial, rel=1e-9, abs=0.01)
        assert explained.requirement.maintenance_usd == pytest.approx(maintenance, rel=1e-9, abs=0.01)
        assert explained.tree.largest_residual_usd() <= 1e-6
        assert 0.0 <= maintenance <= initial + 1e-9


@settings(deadline=None)
@given(books, st.floats(0.1, 10.0))
def test_scale_and_netting(account: list[Holding], factor: float) -> None:
    """A book n times as large costs n times as much; its opposite beside it leaves nothing; two coins add up."""
    market = market_of(LISTED, marks(1.0, set(NAMES)))
    scaled = [Holding(h.instrument, factor * h.quantity, h.silo) for h in account]
    flat = [Holding(h.instrument, 0.0, h.silo) for h in account]
    by_coin = [[h for h in account if h.instrument.instrument_id.startswith(coin)] for coin in ("BTC", "ETH")]
    whole, large, none, *coins = requirements(
        CryptoScenarioMatrix(PARAMETERS), market, [account, scaled, flat, *by_coin]
    ).tolist()
    assert large == pytest.approx([factor * figure for figure in whole], rel=1e-9, abs=0.01)
    assert none == [0.0, 0.0]
    assert whole == pytest.approx(
        [math.fsum(figures) for figures in zip(*coins, strict=True)], rel=1e-9, abs=0.01
    )
