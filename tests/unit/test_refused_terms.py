"""Positions that cannot be margined are named, live: the rest of the account is margined and marked incomplete."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.state.engine import Engine
from streams.parameters import load_policy
from tests.engine_book import APPROVED, INSTRUMENTS, MARKS, NOW_NS, TODAY, prices

SECURITIES = SILO_INDEX["securities"]
POLICY = load_policy()
GOOD = next(each for each in INSTRUMENTS if each.instrument_id == "AAPL-C")
ODD = replace(GOOD, instrument_id="ODD")
NO_STRIKE = replace(ODD, strike=0.0)
ADJUSTED = replace(ODD, deliverable="unknown")
EXPIRED = replace(ODD, expiry_ns=NOW_NS - 3_600 * 10**9)
STOCK = Instrument("ODD", Product.EQUITY, risk_factor="EQ:AAPL")


class Firm:
    """Account A: 100 AAPL, one call written, and ten of ODD as ``odd`` has it."""

    def __init__(self, approvals: frozenset[str], odd: Instrument | None, marks: dict[str, float]) -> None:
        self.engine = engine = Engine(POLICY)
        self.refusal: MarginError | None = None
        engine.put_account(Account("A", approvals=approvals), 0)
        for instrument in INSTRUMENTS:
            engine.put_instrument(instrument)
        held = {"AAPL": 100.0, "AAPL-C": -1.0}
        if odd is not None:
            self.put(odd)
            held["ODD"] = 10.0
        self.sequence = 0
        engine.advance_time(NOW_NS)
        self.price(MARKS | marks)
        engine.take_partition(0)
        none = np.zeros(0, np.int64)
        engine.open_day(
            Opening(
                0, TODAY - 1, 1, engine.position_slots(list(held)), np.array(list(held.values())),
                np.zeros(len(held)), np.full(len(held), -1, np.int64), ((SECURITIES, "USD", 50_000.0),),
                none, np.zeros(0), none,
            )
        )  # fmt: skip
        engine.go_live(0)
        engine.evaluate(NOW_NS)

    def put(self, instrument: Instrument) -> None:
        try:
            self.engine.put_instrument(instrument)
            self.refusal = None
        except MarginError as error:
            self.refusal = error

    def price(self, marks: dict[str, float]) -> None:
        self.sequence += 1
        usable = {i: mark for i, mark in marks.items() if self.engine.instrument_slots([i])[0] >= 0}
        self.engine.apply_prices(prices(self.engine, usable, self.sequence))

    def figures(self) -> tuple[float, float, tuple[str, ...]]:
        """Equity and maintenance of the securities silo, and what is missing."""
        self.engine.evaluate(NOW_NS)
        assert self.engine.shadow_check(["A"]) < 0.01
        self.engine.explain("A")
        statement = self.engine.statement("A", NOW_NS)
        (silo,) = (each for each in statement.silos if each.silo == "securities")
        return silo.equity_usd, silo.maintenance_usd, statement.quality.incomplete


@pytest.mark.parametrize("approvals", [frozenset[str](), APPROVED], ids=["reg-t", "finra-4210g"])
@pytest.mark.parametrize(
    ("odd", "reason"),
    [(NO_STRIKE, Reason.BAD_INSTRUMENT), (ADJUSTED, Reason.UNKNOWN_DELIVERABLE)],
    ids=["no strike", "deliverable unknown"],
)
def test_without_usable_terms_a_position_is_named_and_the_rest_is_margined(
    approvals: frozenset[str], odd: Instrument, reason: Reason
) -> None:
    firm = Firm(approvals, odd, {})
    assert firm.refusal is not None
    assert firm.refusal.reason is reason
    equity, maintenance, missing = firm.figures()
    without = Firm(approvals, None, {}).figures()
    assert (equity, maintenance) == without[:2]
    assert missing == (f"{reason}: {firm.refusal.thing}: {firm.refusal.detail}",)
    assert not firm.engine.trusted[0, SECURITIES]  # no call rests on it
    firm.price({"AAPL": 210.0})  # what it rests on moves
    assert firm.figures()[2] == missing


@pytest.mark.parametrize("approvals", [frozenset[str](), APPROVED], ids=["reg-t", "finra-4210g"])
def test_once_its_terms_are_known_it_is_as_if_they_had_always_been(approvals: frozenset[str]) -> None:
    firm = Firm(approvals, NO_STRIKE, {})
    firm.put(ODD)
    firm.price({"ODD": 12.0})
    assert firm.figures() == Firm(approvals, ODD, {"ODD": 12.0}).figures()
    assert firm.engine.trusted[0, SECURITIES]


@pytest.mark.parametrize("approvals", [frozenset[str](), APPROVED], ids=["reg-t", "finra-4210g"])
def test_a_corporate_action_takes_the_terms_away_until_they_are_known_again(
    approvals: frozenset[str],
) -> None:
    firm = Firm(approvals, ODD, {"ODD": 12.0})
    assert firm.figures()[2] == ()
    firm.put(ADJUSTED)
    equity, maintenance, missing = firm.figures()
    assert (equity, maintenance) == Firm(approvals, None, {}).figures()[:2]
    assert [each.partition(":")[0] for each in missing] == ["UNKNOWN_DELIVERABLE"]
    firm.put(replace(ODD, strike=100.0, multiplier=200.0))
    firm.price({"ODD": 90.0})
    after = Firm(approvals, replace(ODD, strike=100.0, multiplier=200.0), {"ODD": 90.0})
    assert firm.figures() == after.figures()


def test_a_bad_correction_leaves_the_former_terms() -> None:
    firm = Firm(frozenset(), ODD, {"ODD": 12.0})
    before = firm.figures()
    firm.put(NO_STRIKE)
    assert firm.refusal is not None
    assert firm.figures() == before


@pytest.mark.parametrize("approvals", [frozenset[str](), APPROVED], ids=["reg-t", "finra-4210g"])
@pytest.mark.parametrize(
    ("odd", "mark", "reason"),
    [(EXPIRED, 12.0, "EXPIRED"), (STOCK, 0.0, "ZERO_PRICE")],
    ids=["expired", "price of zero"],
)
def test_expired_and_priced_at_zero_are_named_once(
    approvals: frozenset[str], odd: Instrument, mark: float, reason: str
) -> None:
    _, maintenance, missing = Firm(approvals, odd, {"ODD": mark}).figures()
    assert len(missing) == 1
    assert missing[0].startswith(f"{reason}: position ODD: ")
    assert maintenance > 0.0


def test_an_option_quoted_at_zero_with_its_volatility_is_meant_so() -> None:
    firm = Firm(APPROVED, None, {})
    firm.engine.apply_prices(prices(firm.engine, {"AAPL-C": 0.0}, 8))
    assert [each.partition(":")[0] for each in firm.figures()[2]] == ["ZERO_PRICE"]
    quoted = replace(prices(firm.engine, {"AAPL-C": 0.0}, 9), implied_volatility=np.array([0.2]))
    firm.engine.apply_prices(quoted)
    assert firm.figures()[2] == ()
