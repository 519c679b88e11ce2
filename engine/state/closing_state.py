"""Accounts whose relation with the firm has ended: they stay until they are empty, then leave, and may come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.portfolio.accounts import NEVER, Account
from engine.shortfall.case import OPEN, CallCase, CallState
from engine.state.activity_state import ActivityState
from engine.state.partitions import Partition
from engine.state.policy import Policy

Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Former:
    """What is remembered of an account without a slot, so that coming back it is as if it had never left.

    Attributes:
        business_day, opening_as_of_ns: of the start of day that was in force: what it covers stays covered.
        cases: their numbers go on; none is open.
    """

    account: Account
    partition: int
    business_day: int = NEVER
    opening_as_of_ns: int = -1
    cases: tuple[CallCase, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """An account that left: its former slot is free and may have another owner by now."""

    account_id: str
    partition: int
    slot: int


class ClosingState(ActivityState):
    """Closed accounts.

    Whatever is booked on one brings it back, and it is margined like any other until it is empty: what is held does not
    depend on whether the account or the trade came first.

    Attributes:
        former: by account_id, those that left.
    """

    def __init__(self, policy: Policy, threads: int = 1) -> None:
        super().__init__(policy, threads)
        self.former: dict[str, Former] = {}
        self._may_leave: set[int] = (
            set()
        )  # closing slots in which something changed since they were looked at
        self._left: list[Left] = []

    def put_account(self, account: Account, partition: int) -> None:
        """Add or replace an account whose key lies on ``partition``; a closed one is open again."""
        self.group_thresholds.put(account)
        slot = self._come_back(account, partition)
        self.closing[slot] = False

    def close_account(self, account: Account, partition: int) -> None:
        """The relation has ended; the account leaves once it is empty. Unknown, it has left already."""
        self.group_thresholds.put(account)
        slot = self.accounts.slot_of.get(account.account_id)
        if slot is not None:
            super().put_account(account, partition)
            self._close(slot)
        else:
            known = self.former.get(account.account_id, Former(account, partition))
            self.former[account.account_id] = replace(known, account=account)

    def withdraw_account(self, account_id: str) -> None:
        """The account's record was taken back: the same as closing it; nothing if it is not known."""
        self.group_thresholds.withdraw(account_id)
        slot = self.accounts.slot_of.get(account_id)
        if slot is not None:
            self._close(slot)

    def _close(self, slot: int) -> None:
        self.closing[slot] = True
        self._may_leave.add(slot)

    def knows_account(self, account_id: str) -> bool:
        """Whether the account has a record, be it that of a closed one that has left."""
        return account_id in self.accounts.slot_of or account_id in self.former

    def slots_to_book(self, ids: Sequence[str]) -> Int64s:
        """int64[n] slots, -1 for unknown ids; those that have left come back."""
        slots = self.account_slots(ids)
        if self.former:
            for place in np.flatnonzero(slots < 0).tolist():
                former = self.former.get(ids[place])
                if former is not None:
                    slot = self._come_back(former.account, former.partition)
                    self.closing[slot] = True
                slots[place] = self.accounts.slot_of.get(ids[place], -1)
        return slots

    def withdraw_opening(self, account_id: str) -> bool:
        """The account's start-of-day record was taken back: from now on it has none.

        Returns:
            False, and nothing changes, if what it holds rests on the record: it is open, or not empty.
        """
        slot = self.accounts.slot_of.get(account_id)
        if slot is not None:
            if not self.closing[slot] or not self._is_empty(slot):
                return False
            self.accounts.business_day[slot], self.accounts.opening_as_of_ns[slot] = NEVER, -1
        former = self.former.get(account_id)
        if former is not None:
            self.former[account_id] = replace(former, business_day=NEVER, opening_as_of_ns=-1)
        return True

    def drop_partition(self, number: int) -> None:
        """Forget holdings, ledgers and cases of the partition's accounts; reference data stays."""
        super().drop_partition(number)
        accounts = self.accounts.of_partition(number)
        self._may_leave.update(accounts[self.closing[accounts]].tolist())
        for account_id, former in self.former.items():
            if former.partition == number:
                self.former[account_id] = Former(former.account, number)

    def take_left(self) -> list[Left]:
        """Accounts that left since the last time this was asked."""
        left, self._left = self._left, []
        return left

    def _note_evaluated(self, accounts: Int64s) -> None:
        """Those that are closed may leave at the next pass."""
        self._may_leave.update(accounts[self.closing[accounts]].tolist())

    def _retire_closed(self) -> None:
        """Take out the closed accounts that are empty and have been evaluated so; those of other workers at once."""
        for slot in sorted(self._may_leave):
            partition = self.partitions.get(int(self.accounts.partition[slot]))
            if not self.closing[slot] or (partition is not None and not self._is_done_with(slot, partition)):
                continue
            if partition is not None:
                self._left.append(Left(self.accounts.records[slot].account_id, partition.number, slot))
            self._leave(slot)
        self._may_leave.clear()

    def _is_done_with(self, slot: int, partition: Partition) -> bool:
        return partition.live and not self.dirty[slot] and self._is_empty(slot)

    def _is_empty(self, slot: int) -> bool:
        """Nothing is held or open, and no entry since the start of day could still be corrected."""
        partition = self.partitions[int(self.accounts.partition[slot])]
        return (
            not self.holdings.held[slot]
            and not self.holdings.cash[slot].any()
            and not any(case.state in OPEN | {CallState.WARNING} for case in self.cases.of(slot))
            and not partition.trades.names(slot)
            and not partition.collateral.names(slot)
            and not self.intraday.follows(slot, self.accounts)
        )

    def _leave(self, slot: int) -> None:
        one = np.array([slot], np.int64)
        account = self.accounts.records[slot]
        self.former[account.account_id] = Former(
            account, int(self.accounts.partition[slot]), int(self.accounts.business_day[slot]),
            int(self.accounts.opening_as_of_ns[slot]), self.cases.of(slot),
        )  # fmt: skip
        self.cases.forget(one)
        self.intraday.forget(slot)
        self.holdings.clear(one)
        self.unified.release(one)
        self.equity[slot] = self.initial[slot] = self.maintenance[slot] = 0.0
        self.trusted[slot], self.unsupported[slot], self.dirty[slot] = True, False, 0
        self.closing[slot] = False
        self.accounts.remove(slot)

    def _come_back(self, account: Account, partition: int) -> int:
        """Put the account, with what is remembered of it; returns its slot."""
        former = self.former.pop(account.account_id, None)
        super().put_account(account, partition)
        slot = self.accounts.slot_of[account.account_id]
        if former is not None:
            self.accounts.business_day[slot] = former.business_day
            self.accounts.opening_as_of_ns[slot] = former.opening_as_of_ns
            for case in former.cases:
                self.cases.restore(slot, case, 0)
        return slot
