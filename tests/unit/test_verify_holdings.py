"""What the verifier makes an account hold, from its records."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from engine.market.instruments import FUTURES_STYLE, Product
from streams.contracts.activity import PositionsRecord
from streams.contracts.reference import InstrumentRecord
from streams.verify.holdings import Accounts, Offsets
from streams.verify.inputs import Inputs, Taken

CASH_USD = 1_000.0


def cash_usd(product: Product) -> float:
    """Of an account whose start of day holds -2 contracts of 100 units, settled at 3.5 USD, and cash."""
    opening = {
        "account_id": "A", "business_date": "2026-11-27", "as_of_ns": 1,
        "positions": [{"instrument_id": "X", "quantity": -2.0, "reference_price": 3.5}],
        "cash": [{"silo": "futures", "amount": CASH_USD}],
    }  # fmt: skip
    record = SimpleNamespace(offset=0, partition=0, timestamp=1, value=json.dumps(opening).encode(), key=b"A")
    instrument = InstrumentRecord.model_construct(
        instrument_id="X", product=product.value, currency="USD", multiplier=100.0, settlement=""
    )
    taken = Taken("A", PositionsRecord, record)
    inputs = Inputs(
        activity={"positions": [taken], "trades": [], "collateral": []}, instruments={"X": instrument}
    )
    held = Accounts(inputs, {product.value: "futures"}).at("A", Offsets(0, 0, 0))
    assert held.positions == {("futures", "X"): -2.0}
    return held.cash["futures", "USD"]


@pytest.mark.parametrize("product", Product)
def test_what_settles_daily_brings_cash_with_the_start_of_day(product: Product) -> None:
    brought = 700.0 if product in FUTURES_STYLE else 0.0
    assert cash_usd(product) == pytest.approx(CASH_USD + brought)
