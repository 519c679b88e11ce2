"""The verifier recomputes requirements of interest rate swaps from the quotes in the evidence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.state.engine import Engine
from engine.state.evidence import evidence_of
from streams.contracts.reference import AccountRecord
from streams.parameters import load_policy, read_rulebook
from streams.verify.figures import Figures
from tests.engine_book import APPROVED, DAY_NS, prices, trades
from tests.rates_book import EURO, NOW, PAR_RATES, quote_id, quotes_of, rate_swap
from tests.rulebook_cases import nanoseconds

NOW_NS = nanoseconds(NOW)
SWAPS = [
    rate_swap("usd", "USD-SOFR", "2027-03-01", "2037-03-01", 0.05),
    rate_swap("eur", "EUR-EURIBOR-6M", "2026-06-15", "2046-06-15", 0.03, fixing=0.022),
]


@pytest.mark.parametrize(
    ("silo", "rulebook_id"), [("uncleared_swaps", "isda-simm"), ("cleared_swaps", "cleared-swaps")]
)
def test_a_requirement_of_swaps_is_recomputed_from_evidence(silo: str, rulebook_id: str) -> None:
    engine = Engine(load_policy())
    engine.put_account(Account("A", approvals=APPROVED), 0)
    quotes = [quote for curve_id in PAR_RATES for quote in quotes_of(curve_id)]
    for instrument in [EURO, *quotes, *SWAPS]:
        engine.put_instrument(instrument)
    engine.take_partition(0)
    engine.go_live(0)
    rates = {
        quote_id(curve_id, tenor): rate
        for curve_id, curve in PAR_RATES.items()
        for tenor, rate in curve.items()
    }
    assert not engine.apply_prices(prices(engine, {"EURUSD": 1.16} | rates, 1, NOW_NS)).any()
    rows = [
        (f"T{swap.instrument_id}", 1, "A", swap.instrument_id, 12.0, 0.0, False, NOW_NS // DAY_NS)
        for swap in SWAPS
    ]
    columns = trades(engine, rows)
    columns.silo[:] = SILO_INDEX[silo]
    engine.apply_trades(0, columns)
    engine.evaluate(NOW_NS)
    slot = engine.account_slots(["A"])[0]
    evidence = evidence_of(engine, int(slot), engine.holdings.of(np.array([slot])))
    known = {"rate": evidence["rate"], rulebook_id: read_rulebook(rulebook_id)}
    record = json.loads(json.dumps(evidence | {"parameters": known}))
    event, account = {"scope": f"silo:{silo}"}, AccountRecord(account_id="A", approvals=tuple(APPROVED))
    figure = Figures(None).requirement_usd(event, record, account)
    assert figure == pytest.approx(engine.maintenance[slot, SILO_INDEX[silo]], rel=1e-9)
    assert figure is not None
    assert figure > 1_000.0
    record["parameters"][rulebook_id] |= {"scenario_file": "another.csv"}
    if rulebook_id == "cleared-swaps":
        assert Figures(None).requirement_usd(event, record, account) is None
