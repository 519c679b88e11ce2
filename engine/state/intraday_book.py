"""Transactions that the intraday margin rule has not looked at yet, and where each account stands under it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, room
from engine.market.instruments import SILO_INDEX, Silo
from engine.portfolio.accounts import AccountTable
from engine.portfolio.ledger import Effects, Entries
from engine.shortfall.intraday_account import IntradayAccount
from engine.shortfall.intraday_parameters import IntradayRule
from engine.shortfall.intraday_standing import UNSEEN, Standing

Int64s = NDArray[np.int64]

SECURITIES = SILO_INDEX[Silo.SECURITIES]
_FILLS: dict[str, Fill] = {"due": (np.bool_, False)}


class Arrivals(NamedTuple):
    """When the entries of a batch happened (ns since 1970) and where they stand in the log; int64[n] each."""

    time_ns: Int64s
    offset: Int64s

    def only(self, keep: NDArray[np.bool_] | Int64s) -> Arrivals:
        """Of the entries where ``keep`` bool[n] is True, or of those with these indices."""
        return Arrivals(self.time_ns[keep], self.offset[keep])


class Noted(NamedTuple):
    """What a transaction changed in an account's securities silo. Sorts by time, then as it came.

    Attributes:
        offset, part: where it came from; a correction may have several parts.
        is_trade: else a movement of collateral.
        instrument: slot, -1 for cash alone. pledged: the holding is collateral. cash: in ``currency`` (index).
    """

    time_ns: int
    is_trade: bool
    offset: int
    part: int
    instrument: int
    pledged: bool
    quantity: float
    cash: float
    currency: int


class IntradayTotals(NamedTuple):
    """Sums over accounts.

    Attributes:
        frozen: accounts. deficits_today, today_usd: of the day under way, its highest so far.
        outstanding, outstanding_usd: of earlier days, neither satisfied nor expired.
        waiting: accounts whose transactions wait for a price.
    """

    frozen: int = 0
    deficits_today: int = 0
    today_usd: float = 0.0
    outstanding: int = 0
    outstanding_usd: float = 0.0
    waiting: int = 0


class IntradayBook:
    """See ``docs/decisions/0010-intraday-deficits.md``.

    Attributes:
        rule: None if the firm does not apply it.
        due: bool by account slot, its next evaluation is to be followed by a look at it.
    """

    due: NDArray[np.bool_]

    def __init__(self, rule: IntradayRule | None) -> None:
        self.rule = rule
        self._standings: dict[int, dict[str, Standing]] = {}  # by partition, account_id
        self._notable: dict[int, set[str]] = {}  # by partition: those with a deficit to tell of
        self._noted: dict[int, list[Noted]] = {}  # by account slot
        self._rolled: dict[int, int] = {}  # day up to which a partition's accounts were rolled
        self._put_off: dict[int, None] = {}  # account slots in the order in which they have a turn
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)

    def reserve(self, accounts: int) -> None:
        """Make room for so many account slots."""
        if accounts > len(self.due):
            grow(self, _FILLS, room(accounts, len(self.due)))

    # ---------------------------------------------------------------- partitions

    def take_partition(self, number: int) -> None:
        """Own a partition, empty."""
        self._standings[number], self._notable[number], self._rolled[number] = {}, set(), -1

    def drop_partition(self, number: int, accounts: Int64s) -> None:
        """Forget a partition and what was noted of its account slots."""
        for by_partition in (self._standings, self._notable, self._rolled):
            by_partition.pop(number, None)
        for account in self._noted.keys() & set(accounts.tolist()):
            del self._noted[account]
        for account in self._put_off.keys() & set(accounts.tolist()):
            del self._put_off[account]
        self.due[accounts] = False

    def forget(self, account: int) -> None:
        """The account has left its slot. Where it stands stays, as it does on the topic: it may come back."""
        self._noted.pop(account, None)
        self._put_off.pop(account, None)
        self.due[account] = False

    def follows(self, account: int, accounts: AccountTable) -> bool:
        """Whether something of the account waits, or a close could bring an event."""
        if self.due[account] or account in self._noted:
            return True
        standing = self.standing(int(accounts.partition[account]), accounts.records[account].account_id)
        return standing is not None and standing.is_notable

    def welcome(self, account: int, accounts: AccountTable) -> None:
        """The account's record has come: a deficit that was restored before it is followed from now on."""
        if self.rule is not None and self.follows(account, accounts):
            self.due[account] = True

    # ---------------------------------------------------------------- transactions

    def note(
        self,
        effects: Effects,
        arrivals: Arrivals,
        accounts: AccountTable,
        *,
        is_trade: bool,
        restoring: bool,
    ) -> None:
        """Remember what a batch changed in accounts that the rule may apply to.

        Args:
            restoring: leave out what the accounts' last events have seen.
        """
        if self.rule is None:
            return
        ruled = ~accounts.portfolio_margin[effects.account] & (effects.silo == SECURITIES)
        places = np.flatnonzero(ruled & ((effects.quantity != 0.0) | (effects.cash != 0.0)))
        for noted, account in self._parts(effects, places, arrivals, is_trade):
            if restoring and noted.offset <= self._seen_of(accounts, account, is_trade):
                continue
            self._noted.setdefault(account, []).append(noted)
            self.due[account] = True

    @staticmethod
    def _parts(
        effects: Effects, places: Int64s, arrivals: Arrivals, is_trade: bool
    ) -> Iterator[tuple[Noted, int]]:
        """What each entry changes of a holding and of a balance, with the account's slot: a correction takes the old
        out and puts the new in, which together are what it does."""
        changes: dict[tuple[int, ...], list[float]] = {}
        for place in places.tolist():
            key = tuple(
                int(column[place])
                for column in (
                    effects.entry, effects.account, effects.instrument, effects.collateral, effects.currency
                )
            )  # fmt: skip
            change = changes.setdefault(key, [0.0, 0.0])
            change[0] += float(effects.quantity[place])
            change[1] += float(effects.cash[place])
        for part, (key, (quantity, cash)) in enumerate(changes.items()):
            entry, account, instrument, pledged, currency = key
            if quantity != 0.0 or cash != 0.0:
                time_ns, offset = int(arrivals.time_ns[entry]), int(arrivals.offset[entry])
                yield (
                    Noted(
                        time_ns, is_trade, offset, part, instrument, bool(pledged), quantity, cash, currency
                    ),
                    account,
                )

    def unseen(
        self, accounts: AccountTable, entries: Entries, arrivals: Arrivals, *, is_trade: bool
    ) -> NDArray[np.bool_]:
        """bool[n]: entries of accounts under the rule that no worker has looked at and no start of day covers."""
        unseen = np.zeros(len(entries.account), np.bool_)
        if self.rule is None:
            return unseen
        ruled = ~accounts.portfolio_margin[entries.account] & (entries.silo == SECURITIES)
        open_days = entries.business_day > accounts.business_day[entries.account]
        for place in np.flatnonzero(ruled & open_days).tolist():
            seen = self._seen_of(accounts, int(entries.account[place]), is_trade)
            unseen[place] = int(arrivals.offset[place]) > seen
        return unseen

    def _seen_of(self, accounts: AccountTable, account: int, is_trade: bool) -> int:
        standing = self.standing(int(accounts.partition[account]), accounts.records[account].account_id)
        seen = UNSEEN if standing is None else standing.seen
        return seen.trades_offset if is_trade else seen.collateral_offset

    def noted(self, account: int) -> list[Noted]:
        """Transactions of an account that wait to be looked at, by their own times."""
        return sorted(self._noted.get(account, ()))

    def keep_noted(self, account: int, left: Sequence[Noted]) -> None:
        """Only these wait from now on, until something else happens or the day is over."""
        self._noted.pop(account, None)
        if left:
            self._noted[account] = list(left)
        self.due[account] = account in self._put_off

    def put_off(self, account: int) -> None:
        """What is left of an account is looked at by the next pass."""
        self._put_off[account] = None
        self.due[account] = True

    @property
    def behind(self) -> int:
        """Accounts whose transactions were put off."""
        return len(self._put_off)

    def take_put_off(self) -> list[int]:
        """Slots that have a turn now, those that were put off first before others."""
        slots = list(self._put_off)
        self._put_off.clear()
        return slots

    def all_noted(self, accounts: Int64s) -> dict[int, list[Noted]]:
        """By account slot: what waits of these accounts, as it came."""
        return {slot: list(self._noted[slot]) for slot in self._noted.keys() & set(accounts.tolist())}

    def put_noted(self, noted: Sequence[tuple[int, Noted]], accounts: AccountTable) -> None:
        """Transactions by account slot wait again: of accounts under the rule those that their last events have not
        seen, as in :meth:`note`."""
        if self.rule is None:
            return
        for account, each in noted:
            ruled = not accounts.portfolio_margin[account]
            if ruled and each.offset > self._seen_of(accounts, account, each.is_trade):
                self._noted.setdefault(account, []).append(each)
                self.due[account] = True

    # ---------------------------------------------------------------- standings

    def standing(self, partition: int, account_id: str) -> Standing | None:
        """Where an account stands; None before its first transaction under the rule."""
        return self._standings.get(partition, {}).get(account_id)

    def new_standing(self, account_id: str, day: int) -> Standing:
        """Of an account that had no transaction before this day."""
        return Standing(IntradayAccount(account_id), day)

    def put(self, partition: int, standing: Standing) -> None:
        """Where an account stands from now on, as a look or its last event says; its record may come later."""
        account_id = standing.account.account_id
        self._standings[partition][account_id] = standing
        if standing.is_notable:
            self._notable[partition].add(account_id)
        else:
            self._notable[partition].discard(account_id)

    def totals(self, partitions: Sequence[int], accounts: Int64s) -> IntradayTotals:
        """Sums over the standings of partitions; ``accounts``: their slots."""
        notable = [
            self._standings[number][account_id]
            for number in partitions
            for account_id in sorted(self._notable[number])
        ]
        today = [standing.amount_usd for standing in notable if standing.amount_usd > 0.0]
        outstanding = [each.amount_usd for standing in notable for each in standing.outstanding]
        return IntradayTotals(
            sum(standing.is_frozen() for standing in notable),
            len(today),
            math.fsum(today),
            len(outstanding),
            math.fsum(outstanding),
            int(self.due[accounts].sum()),
        )

    def roll(self, number: int, day: int, accounts: AccountTable) -> Int64s:
        """A business day is under way in a partition; int64[m] slots of accounts with an earlier day to close.

        Those of which there is nothing to tell are in the new day at once.
        """
        if self._rolled[number] >= day:
            return np.zeros(0, np.int64)
        self._rolled[number] = day
        waiting = {slot for slot in self._noted if int(accounts.partition[slot]) == number}
        standings = self._standings[number]
        for account_id, standing in standings.items():
            slot = accounts.slot_of.get(account_id, -1)
            if standing.day < day and standing.is_notable and slot >= 0:
                waiting.add(slot)
            elif standing.day < day and not standing.is_notable and slot not in waiting:
                standings[account_id] = replace(standing, day=day, worst=None, net_deposits_usd=0.0)
        late = np.array(sorted(waiting), np.int64)
        self.due[late] = True
        return late
