"""A balance in a foreign currency is worth what the rate says now, whether or not anything else is held."""

from __future__ import annotations

import pytest

from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.state.explanation import explanation
from tests.engine_book import INSTRUMENTS, MARKS, NOW_NS, TODAY, movements, new_engine, prices, trades


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


@pytest.mark.parametrize("units", [1_000.0, -1_000.0])
@pytest.mark.parametrize("gain_eur", [0.0, 10.0, -10.0])
def test_what_settles_daily_bears_a_haircut_on_its_gain_alone(units: float, gain_eur: float) -> None:
    """A swap of 1,000 shares in euros: its entry, 150,000 EUR, is no collateral, whichever way it stands in the
    balance; a gain is, a loss is owed in full."""
    engine = new_engine(("A",))
    engine.put_instrument(
        Instrument("SAP-SWAP", Product.EQUITY_SWAP, "SAP", currency="EUR", risk_factor="EQ:SPX")
    )
    engine.apply_prices(prices(engine, MARKS | {"SAP-SWAP": 150.0 + gain_eur}, 1))
    engine.apply_trades(0, trades(engine, [("T1", 1, "A", "SAP-SWAP", units, 150.0, False, TODAY)]))
    engine.evaluate(NOW_NS)
    silo = "security_based_swaps"
    haircut = engine.policy.collateral.fx_haircut("EUR", silo, "USD")
    assert 0.0 < haircut < 1.0
    gain_usd = units * gain_eur * MARKS["EURUSD"]
    expected_usd = gain_usd * (1.0 - haircut) if gain_usd > 0.0 else gain_usd
    assert engine.equity[0, SILO_INDEX[silo]] == pytest.approx(expected_usd, abs=1e-6)
    [told] = [part for name, part in explanation(engine, "A").equity if name == silo]
    assert told.amount_usd == pytest.approx(expected_usd, abs=1e-6)
