"""What a call's evidence must hold for anybody to recompute its figures."""

from __future__ import annotations

from tests.engine_book import MARKS, NOW_NS, TODAY, new_engine, prices, trades


def test_evidence_holds_the_rate_of_every_currency_that_its_figures_rest_on() -> None:
    engine = new_engine()
    engine.apply_prices(prices(engine, MARKS, 1))
    engine.apply_trades(0, trades(engine, [("T1", 1, "A", "SAP", 10_000.0, 150.0, False, TODAY)]))
    issued = [t for t in engine.evaluate(NOW_NS).transitions if t.evidence is not None]
    assert issued
    for transition in issued:
        assert transition.evidence is not None
        known = {price["instrument_id"]: price["mark"] for price in transition.evidence["prices"]}
        assert known["EURUSD"] == MARKS["EURUSD"]
        assert "EURUSD" in {record["instrument_id"] for record in transition.evidence["instruments"]}
