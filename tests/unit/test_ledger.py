"""Who wins among versions of an entry, and what a batch does to the account."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pytest

from engine.portfolio.ledger import Effects, Entries, EntryOutcome, Ledger, who_wins

APPLIED, DUPLICATE, LATE = EntryOutcome.APPLIED, EntryOutcome.DUPLICATE, EntryOutcome.LATE
COVERED, MOVED = EntryOutcome.COVERED, EntryOutcome.MOVED
ALICE, BOB = 0, 1
OPENING_DAY = 100
TODAY = 101
SPY, AAPL = 3, 4


@dataclass(frozen=True)
class Entry:
    """One upsert; the cash is always -10 a unit."""

    entry_id: str
    version: int
    quantity: float
    account: int = ALICE
    instrument: int = SPY
    day: int = TODAY
    cancelled: bool = False


def batch_of(*entries: Entry) -> Entries:
    count = len(entries)
    return Entries(
        ids=[entry.entry_id for entry in entries],
        version=np.array([entry.version for entry in entries], np.int64),
        account=np.array([entry.account for entry in entries], np.int64),
        instrument=np.array([entry.instrument for entry in entries], np.int64),
        silo=np.full(count, 2, np.int64),
        collateral=np.zeros(count, np.bool_),
        quantity=np.array([entry.quantity for entry in entries]),
        cash=np.array([-10.0 * entry.quantity for entry in entries]),
        currency=np.full(count, 1, np.int64),
        cancelled=np.array([entry.cancelled for entry in entries], np.bool_),
        business_day=np.array([entry.day for entry in entries], np.int64),
        classified=np.ones(count, np.bool_),
    )


def moves(effects: Effects) -> list[tuple[int, int, float]]:
    """(account, instrument, quantity) of each effect; the cash and what no test changes is checked here."""
    assert effects.cash.tolist() == (-10.0 * effects.quantity).tolist()
    assert set(effects.silo.tolist()) <= {2}
    assert set(effects.currency.tolist()) <= {1}
    assert not effects.collateral.any()
    columns = effects.account.tolist(), effects.instrument.tolist(), effects.quantity.tolist()
    return list(zip(*columns, strict=True))


def upsert(ledger: Ledger, *entries: Entry) -> tuple[list[int], list[tuple[int, int, float]]]:
    outcome, effects = ledger.upsert(batch_of(*entries), np.array([OPENING_DAY, OPENING_DAY], np.int64))
    return outcome.tolist(), moves(effects)


@pytest.mark.parametrize(
    ("known", "held", "version", "same_account", "day", "outcome"),
    [
        (False, -1, 1, False, TODAY, APPLIED),
        (False, -1, 0, False, TODAY, APPLIED),
        (True, 2, 3, True, TODAY, APPLIED),
        (True, 2, 2, True, TODAY, DUPLICATE),
        (True, 2, 1, True, TODAY, LATE),
        (True, 2, 3, False, TODAY, MOVED),
        (True, 2, 2, False, TODAY, MOVED),
        (True, 2, 1, False, TODAY, MOVED),
        (False, -1, 1, False, OPENING_DAY, COVERED),
        (False, -1, 1, False, OPENING_DAY - 1, COVERED),
        (True, 2, 3, True, OPENING_DAY, COVERED),
        (True, 2, 3, False, OPENING_DAY, COVERED),
    ],
)
def test_who_wins(
    known: bool, held: int, version: int, same_account: bool, day: int, outcome: EntryOutcome
) -> None:
    assert who_wins(known, held, version, same_account, day, OPENING_DAY) == outcome


@pytest.mark.parametrize(
    ("second", "outcome", "effects"),
    [
        (Entry("t", 2, 7), APPLIED, [(ALICE, SPY, -5.0), (ALICE, SPY, 7.0)]),
        (Entry("t", 2, 7, instrument=AAPL), APPLIED, [(ALICE, SPY, -5.0), (ALICE, AAPL, 7.0)]),
        (Entry("t", 2, 5, cancelled=True), APPLIED, [(ALICE, SPY, -5.0), (ALICE, SPY, 0.0)]),
        (Entry("t", 1, 7), DUPLICATE, []),
        (Entry("t", 0, 7), LATE, []),
        (Entry("t", 2, 7, account=BOB), MOVED, []),
        (Entry("t", 2, 7, day=OPENING_DAY), COVERED, []),
        (Entry("u", 1, 7), APPLIED, [(ALICE, SPY, 7.0)]),
    ],
    ids=["corrected", "other-instrument", "cancelled", "duplicate", "late", "moved", "covered", "another"],
)
def test_a_later_message_against_what_is_held(
    second: Entry, outcome: EntryOutcome, effects: list[tuple[int, int, float]]
) -> None:
    ledger = Ledger()
    assert upsert(ledger, Entry("t", 1, 5)) == ([APPLIED], [(ALICE, SPY, 5.0)])
    assert upsert(ledger, second) == ([outcome], effects)


@pytest.mark.parametrize("known_before", [False, True])
def test_versions_of_one_entry_in_one_batch_leave_only_the_highest(known_before: bool) -> None:
    ledger = Ledger()
    reversal = []
    if known_before:
        upsert(ledger, Entry("t", 0, 100))
        reversal = [(ALICE, SPY, -100.0)]
    versions = [Entry("t", 1, 1), Entry("t", 3, 3), Entry("t", 2, 2), Entry("t", 3, 33), Entry("t", 4, 4)]
    outcome, effects = upsert(ledger, *versions)
    assert outcome == [APPLIED, APPLIED, LATE, DUPLICATE, APPLIED]
    assert effects == [*reversal, (ALICE, SPY, 4.0)]
    assert upsert(ledger, Entry("t", 4, 9)) == ([DUPLICATE], [])
    assert upsert(ledger, Entry("t", 5, 5)) == ([APPLIED], [(ALICE, SPY, -4.0), (ALICE, SPY, 5.0)])


def test_entries_mixed_in_one_batch_do_not_touch_one_another() -> None:
    ledger = Ledger()
    outcome, effects = upsert(
        ledger,
        Entry("t", 1, 1),
        Entry("u", 7, 10, account=BOB),
        Entry("t", 2, 2, account=BOB),
        Entry("v", 1, 100, day=OPENING_DAY),
        Entry("u", 6, 11, account=BOB),
        Entry("t", 2, 3),
    )
    assert outcome == [APPLIED, APPLIED, MOVED, COVERED, LATE, APPLIED]
    assert sorted(effects) == [(ALICE, SPY, 3.0), (BOB, SPY, 10.0)]


def test_a_cancel_that_comes_first_keeps_earlier_versions_out() -> None:
    ledger = Ledger()
    assert upsert(ledger, Entry("t", 2, 5, cancelled=True)) == ([APPLIED], [(ALICE, SPY, 0.0)])
    assert upsert(ledger, Entry("t", 1, 5)) == ([LATE], [])
    assert upsert(ledger, Entry("t", 3, 5)) == ([APPLIED], [(ALICE, SPY, 0.0), (ALICE, SPY, 5.0)])


def test_a_covered_entry_is_not_known_afterwards() -> None:
    ledger = Ledger()
    assert upsert(ledger, Entry("t", 9, 5, day=OPENING_DAY)) == ([COVERED], [])
    assert upsert(ledger, Entry("t", 1, 5, account=BOB)) == ([APPLIED], [(BOB, SPY, 5.0)])


def test_the_opening_day_is_that_of_the_account() -> None:
    outcome, _ = Ledger().upsert(
        batch_of(Entry("t", 1, 5), Entry("u", 1, 5, account=BOB)), np.array([TODAY, OPENING_DAY], np.int64)
    )
    assert outcome.tolist() == [COVERED, APPLIED]


def test_after_gives_what_was_booked_later_and_forgets_the_rest() -> None:
    ledger = Ledger()
    upsert(
        ledger,
        Entry("old", 1, 1),
        Entry("new", 1, 2, day=TODAY + 1),
        Entry("other", 1, 4, account=BOB),
        Entry("newer", 1, 8, day=TODAY + 2, instrument=AAPL),
    )
    assert moves(ledger.after(ALICE, TODAY)) == [(ALICE, SPY, 2.0), (ALICE, AAPL, 8.0)]
    assert moves(ledger.after(ALICE, TODAY - 1)) == [(ALICE, SPY, 2.0), (ALICE, AAPL, 8.0)]
    assert moves(ledger.after(BOB, TODAY - 1)) == [(BOB, SPY, 4.0)]
    assert moves(ledger.after(2, TODAY)) == []
    # Forgotten: a correction booked after the new start of day is like new.
    corrected = Entry("old", 2, 3, day=TODAY + 1)
    assert upsert(ledger, corrected) == ([APPLIED], [(ALICE, SPY, 3.0)])


def test_after_finds_everything_in_a_ledger_that_grew() -> None:
    ledger = Ledger()
    for first in range(0, 3000, 700):
        part = range(first, min(first + 700, 3000))
        upsert(ledger, *(Entry(f"t{number}", 1, number, account=number % 2) for number in part))
    assert len(ledger) == 3000
    assert [quantity for _, _, quantity in moves(ledger.after(BOB, OPENING_DAY))] == list(range(1, 3000, 2))


def test_covered_entries_give_their_place_back_and_the_others_stay_as_they_were() -> None:
    ledger = Ledger()
    upsert(ledger, *(Entry(f"old{number}", 1, 1, account=number % 2) for number in range(20_000)))
    upsert(ledger, *(Entry(f"new{number}", 5, number, day=TODAY + 1) for number in range(50)))
    ledger.after(ALICE, TODAY)
    ledger.after(BOB, TODAY)
    again = upsert(ledger, Entry("new7", 5, 7), Entry("new8", 6, 80, day=TODAY + 1), Entry("old1", 2, 9))
    assert again == (
        [DUPLICATE, APPLIED, APPLIED],
        [(ALICE, SPY, -8.0), (ALICE, SPY, 80.0), (ALICE, SPY, 9.0)],
    )
    assert len(ledger) == 51
    assert set(ledger.instruments_named().tolist()) == {SPY}
    left = [quantity for _, _, quantity in moves(ledger.after(ALICE, TODAY))]
    assert left == [80 if number == 8 else number for number in range(50)]


def test_a_flood_of_what_is_covered_already_is_not_kept() -> None:
    ledger = Ledger()
    for first in range(0, 30_000, 5000):
        old = (Entry(f"t{number}", 1, 1, day=OPENING_DAY) for number in range(first, first + 5000))
        assert set(upsert(ledger, *old)[0]) == {COVERED}
        assert len(ledger) <= 10_000
    assert upsert(ledger, Entry("t1", 1, 1)) == ([APPLIED], [(ALICE, SPY, 1.0)])


def test_only_keeps_the_rows_asked_for() -> None:
    batch = batch_of(Entry("t", 1, 5), Entry("u", 2, 6), Entry("v", 3, 7))
    kept = batch.only(np.array([True, False, True]))
    expected = batch_of(Entry("t", 1, 5), Entry("v", 3, 7))
    for field in fields(Entries):
        assert list(getattr(kept, field.name)) == list(getattr(expected, field.name)), field.name
