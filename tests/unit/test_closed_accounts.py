"""Accounts that are closed: when they leave, what is remembered of them, how they come back."""

from __future__ import annotations

import numpy as np
import pytest

from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.portfolio.ledger import EntryOutcome
from engine.portfolio.opening import Opening
from engine.shortfall.case import CallState
from engine.state.closing_state import Left
from engine.state.engine import Engine
from tests.engine_book import APPROVED, MARKS, NOW_NS, TODAY, movements, new_engine, prices, trades

RECORD = Account("A", approvals=APPROVED)
SECURITIES = SILO_INDEX["securities"]


@pytest.fixture
def engine() -> Engine:
    engine = new_engine(("A", "B"))
    engine.apply_prices(prices(engine, MARKS, 1))
    return engine


def passes(engine: Engine) -> list[Left]:
    """Two passes: the first evaluates what was booked, the second lets leave who is empty."""
    engine.evaluate(NOW_NS)
    engine.evaluate(NOW_NS)
    return engine.take_left()


def trade(engine: Engine, trade_id: str, quantity: float, day: int = TODAY) -> EntryOutcome:
    row = (trade_id, 1, "A", "SPY", quantity, 600.0, False, day)
    return EntryOutcome(engine.apply_trades(0, trades(engine, [row]))[0])


def deposit(engine: Engine, movement_id: str, amount: float) -> None:
    row = (movement_id, 1, "A", "", "USD", amount, False, TODAY, SECURITIES)
    engine.apply_collateral(0, movements(engine, [row]))


def open_empty(engine: Engine, day: int = TODAY) -> None:
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    slot = int(engine.slots_to_book(["A"])[0])
    engine.open_day(Opening(slot, day, NOW_NS, none, nothing, nothing, none, (), none, nothing, none))


def test_an_empty_account_leaves_and_its_slot_is_given_to_the_next(engine: Engine) -> None:
    slot = int(engine.account_slots(["A"])[0])
    engine.close_account(RECORD, 0)
    assert passes(engine) == [Left("A", 0, slot)]
    assert engine.account_slots(["A"])[0] == -1
    assert engine.totals().accounts["clear"] == 1
    engine.put_account(Account("C", approvals=APPROVED), 0)
    assert engine.account_slots(["C"])[0] == slot
    assert engine.accounts.count == 2


def test_an_account_stays_while_it_holds_anything(engine: Engine) -> None:
    trade(engine, "T1", 10.0)
    engine.close_account(RECORD, 0)
    assert passes(engine) == []
    trade(engine, "T2", -10.0)
    assert passes(engine) == []  # flat, but either trade may still be corrected
    open_empty(engine)
    assert [left.account_id for left in passes(engine)] == ["A"]


def test_cash_keeps_an_account(engine: Engine) -> None:
    deposit(engine, "C1", 0.01)
    engine.close_account(RECORD, 0)
    assert passes(engine) == []


def test_an_open_call_keeps_an_account_until_it_is_met(engine: Engine) -> None:
    trade(engine, "T1", 1000.0)
    engine.evaluate(NOW_NS)
    slot = int(engine.account_slots(["A"])[0])
    assert CallState.ISSUED in {case.state for case in engine.cases.of(slot)}
    engine.close_account(RECORD, 0)
    open_empty(engine)
    engine.evaluate(NOW_NS)
    assert CallState.ISSUED not in {case.state for case in engine.cases.of(slot)}
    assert [left.account_id for left in passes(engine)] == ["A"]


def test_a_trade_brings_a_closed_account_back(engine: Engine) -> None:
    engine.close_account(RECORD, 0)
    passes(engine)
    assert trade(engine, "T1", 10.0) is EntryOutcome.APPLIED
    assert passes(engine) == []
    slot = int(engine.account_slots(["A"])[0])
    assert engine.maintenance[slot, SECURITIES] == pytest.approx(10.0 * 600.0 * 0.08)
    open_empty(engine)
    assert [left.account_id for left in passes(engine)] == ["A"]


def test_what_the_start_of_day_covered_stays_covered(engine: Engine) -> None:
    trade(engine, "T1", 10.0)
    open_empty(engine)
    engine.close_account(RECORD, 0)
    assert len(passes(engine)) == 1
    assert trade(engine, "T1", 10.0) is EntryOutcome.COVERED
    assert [left.account_id for left in passes(engine)] == ["A"]


def test_numbers_of_calls_go_on_when_an_account_is_opened_again(engine: Engine) -> None:
    trade(engine, "T1", 1000.0)
    first = {m.after.scope: m.after.case_number for m in engine.evaluate_moves(NOW_NS)[1]}
    open_empty(engine)
    engine.close_account(RECORD, 0)
    assert len(passes(engine)) == 1
    engine.put_account(RECORD, 0)
    trade(engine, "T2", 1000.0, day=TODAY + 1)
    second = {m.after.scope: m.after.case_number for m in engine.evaluate_moves(NOW_NS)[1]}
    assert first
    assert second == {scope: number + 1 for scope, number in first.items()}
    open_empty(engine, day=TODAY + 1)
    assert passes(engine) == []  # it is open again


def test_a_worker_that_does_not_own_the_account_forgets_it_at_once() -> None:
    engine = new_engine(("A",), partition=0)
    engine.put_account(Account("B"), 1)
    engine.close_account(Account("B"), 1)
    assert passes(engine) == []  # nothing of it was ever published from here
    assert engine.account_slots(["B"])[0] == -1


def test_a_lost_partition_takes_what_was_remembered_along(engine: Engine) -> None:
    open_empty(engine)
    engine.close_account(RECORD, 0)
    passes(engine)
    engine.drop_partition(0)
    engine.take_partition(0)
    engine.go_live(0)
    assert trade(engine, "T1", 10.0) is EntryOutcome.APPLIED  # its log has no start of day that covers it


def test_a_record_taken_back_closes_the_account(engine: Engine) -> None:
    engine.withdraw_account("A")
    engine.withdraw_account("nobody")
    assert [left.account_id for left in passes(engine)] == ["A"]


def test_a_start_of_day_is_taken_back_only_where_nothing_rests_on_it(engine: Engine) -> None:
    trade(engine, "T1", 10.0)
    open_empty(engine)
    assert not engine.withdraw_opening("A")  # open
    engine.close_account(RECORD, 0)
    assert engine.withdraw_opening("A")
    assert engine.withdraw_opening("nobody")
    assert len(passes(engine)) == 1
    assert engine.withdraw_opening("A")
    assert trade(engine, "T1", 10.0) is EntryOutcome.APPLIED
    assert not engine.withdraw_opening("A")  # not empty


def test_closed_accounts_come_back_into_columns_that_grow_meanwhile(engine: Engine) -> None:
    engine.close_account(RECORD, 0)
    passes(engine)
    for number in range(1000):
        engine.put_account(Account(f"N{number}"), 0)
    slot = int(engine.slots_to_book(["A"])[0])
    assert slot == 1001
    assert engine.closing[: engine.accounts.count].tolist() == [False] * 1001 + [True]


def test_an_instrument_taken_back_leaves_when_nothing_names_it(engine: Engine) -> None:
    trade(engine, "T1", 10.0)
    engine.withdraw_instrument("SPY")
    engine.withdraw_instrument("unknown")
    assert engine.retire_expired(0) == []
    open_empty(engine)
    assert engine.retire_expired(0) == ["SPY"]
    assert engine.instrument_slots(["SPY"])[0] == -1
