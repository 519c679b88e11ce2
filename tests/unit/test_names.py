"""Whose fall an instrument suffers from."""

from __future__ import annotations

import pytest

from engine.market.instruments import Instrument, Product
from engine.portfolio.names import RiskNames, name_of, side_of
from tests.crypto_book import market_of

LISTED = [
    Instrument("AAPL", Product.EQUITY, issuer="Apple Inc."),
    Instrument("IBM", Product.EQUITY),
    Instrument("AAPLx", Product.TOKENISED, "AAPL", tokenised_product="equity"),
    Instrument("IBM-TRS", Product.EQUITY_SWAP, "IBM"),
    Instrument("GONE-TRS", Product.EQUITY_SWAP, "GONE"),
    Instrument("BTC", Product.CRYPTO_SPOT, "BTC"),
    Instrument("BTC-26Z", Product.CRYPTO_FUTURE, "BTC", margin_schedule="x"),
    Instrument("BOND", Product.CORPORATE_BOND, expiry_ns=1, grade="investment"),
    Instrument("PING", Product.EQUITY_SWAP, "PONG"),
    Instrument("PONG", Product.EQUITY_SWAP, "PING"),
]


@pytest.mark.parametrize(
    ("instrument_id", "name"),
    [
        ("AAPL", "Apple Inc."), ("AAPLx", "Apple Inc."), ("IBM", "IBM"), ("IBM-TRS", "IBM"), ("GONE-TRS", "GONE"),
        ("BTC", "BTC"), ("BTC-26Z", "BTC"), ("BOND", ""),
    ],
)  # fmt: skip
def test_names(instrument_id: str, name: str) -> None:
    market = market_of(LISTED, {})
    assert name_of(market.instruments[market.slot_of[instrument_id]], market) == name


def test_records_that_rest_on_each_other_have_some_name() -> None:
    market = market_of(LISTED, {})
    assert name_of(market.instruments[market.slot_of["PING"]], market) in {"PING", "PONG"}


@pytest.mark.parametrize(
    ("instrument", "side"),
    [
        (Instrument("S", Product.EQUITY), 1),
        (Instrument("C", Product.EQUITY_OPTION, right="call"), 1),
        (Instrument("P", Product.EQUITY_OPTION, right="put"), -1),
        (Instrument("CDS", Product.CREDIT_DEFAULT_SWAP), -1),
        (Instrument("INV", Product.ETF, leverage=-2.0), -1),
        (Instrument("P-INV", Product.EQUITY_OPTION, right="put", leverage=-2.0), 1),
    ],
)
def test_sides(instrument: Instrument, side: int) -> None:
    assert side_of(instrument) == side


def test_a_forgotten_slot_is_as_new_and_is_not_followed_any_more() -> None:
    market, names = market_of(LISTED, {}), RiskNames()
    for slot in range(market.count):
        names.learn(slot, market)
    share, swap = market.slot_of["IBM"], market.slot_of["IBM-TRS"]
    assert names.name[share] == names.name[swap] == names.index("IBM") >= 0
    names.forget(swap, market)
    names.learn(share, market)
    assert names.name[swap] == -1
    assert names.index("") == -1
