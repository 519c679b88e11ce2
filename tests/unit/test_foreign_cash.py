"""A balance in a foreign currency is worth what the rate says now, whether or not anything else is held."""

from __future__ import annotations

import pytest

from engine.market.instruments import SILO_INDEX
from tests.engine_book import INSTRUMENTS, MARKS, NOW_NS, TODAY, movements, new_engine, prices


def test_equity_follows_the_rate_of_a_cash_balance() -> None:
    engine = new_engine(("A", "B"))
    engine.apply_prices(prices(engine, MARKS, 1))
    securities = SILO_INDEX["securities"]
    deposit = [("C1", 1, "A", "", "EUR", 1000.0, False, TODAY, securities)]
    engine.apply_collateral(0, movements(engine, deposit))
    engine.evaluate(NOW_NS)
    before_usd = float(engine.equity[0, securities])
    engine.apply_prices(prices(engine, {"EURUSD": 1.25 * MARKS["EURUSD"]}, 2))
    changes = engine.evaluate(NOW_NS)
    assert engine.equity[0, securities] == pytest.approx(1.25 * before_usd, abs=1e-9)
    assert changes.accounts.tolist() == [0]


def test_cash_has_room_for_the_currencies_of_instruments_before_there_are_accounts() -> None:
    """A currency that comes later moves the cash of all accounts."""
    engine = new_engine(())
    assert set(engine.holdings.currencies) == {instrument.currency for instrument in INSTRUMENTS}
    assert engine.holdings.cash.shape[2] == len(engine.holdings.currencies) > 1
