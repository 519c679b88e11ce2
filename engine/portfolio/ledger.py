"""Upserts of the day, trades and collateral alike, and the one place that says who wins.

An entry is what a trade or a collateral movement does to an account: a change of one holding and a change of
one cash balance. A correction takes the stored effect out and puts the new one in, so the order in which
different entries arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.idmap import IdMap
from engine.base.intmap import IntMap
from engine.base.kernel import in_place

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]


class EntryOutcome(IntEnum):
    """What became of one upsert."""

    APPLIED = 0
    DUPLICATE = 1  # the same version again
    LATE = 2  # a lower version than the one held
    COVERED = 3  # its business date is not after the account's start of day
    MOVED = 4  # the entry is known under another account
    NO_RULEBOOK = 5  # no rulebook margins this product in this silo


@in_place
def who_wins(
    known: bool, held_version: int, version: int, same_account: bool, day: int, opening_day: int
) -> int:
    """The rule for late, duplicate, corrected and already covered input.

    * Booked on or before the start-of-day date: already in the start-of-day record.
    * Unknown before: applied.
    * Known under another account: refused, since accounts live on different partitions.
    * Higher version wins; the same is a duplicate; a lower one is late.
    """
    if day <= opening_day:
        return 3
    if not known:
        return 0
    if not same_account:
        return 4
    if version == held_version:
        return 1
    return 0 if version > held_version else 2


@dataclass(frozen=True, slots=True)
class Entries:
    """A batch of upserts as columns of length n.

    Attributes:
        ids: trade_id or collateral_id.
        version: 0 to 2**31 - 1.
        instrument: slot, -1 for pure cash.
        collateral: the holding is collateral (after haircut), not a position.
        quantity: signed change of the holding.
        cash: signed change of the balance, in the currency with index ``currency``.
        cancelled: takes the entry out.
        classified: it has no silo of its own, but follows the instrument's.
    """

    ids: Sequence[str]
    version: Int64s
    account: Int64s
    instrument: Int64s
    silo: Int64s
    collateral: NDArray[np.bool_]
    quantity: Float64s
    cash: Float64s
    currency: Int64s
    cancelled: NDArray[np.bool_]
    business_day: Int64s
    classified: NDArray[np.bool_]

    def only(self, keep: NDArray[np.bool_]) -> Entries:
        """The entries where ``keep`` bool[n] is True."""
        columns = [getattr(self, name)[keep] for name in list(Entries.__dataclass_fields__)[1:]]
        return Entries([self.ids[i] for i in np.flatnonzero(keep).tolist()], *columns)


@dataclass(frozen=True, slots=True)
class Effects:
    """Changes of holdings and cash, columns of length m, to be applied in order.

    Attributes:
        entry: index in its batch of the entry that brings the change, -1 for what no entry of a batch brings.
    """

    account: Int64s
    instrument: Int64s
    silo: Int64s
    collateral: NDArray[np.bool_]
    quantity: Float64s
    cash: Float64s
    currency: Int64s
    entry: Int64s


_FILLS: dict[str, Fill] = {
    "version": (np.int32, -1),
    "account": (np.int32, -1),
    "instrument": (np.int32, -1),
    "silo": (np.int8, 0),
    "collateral": (np.bool_, False),
    "quantity": (np.float64, 0.0),
    "cash": (np.float64, 0.0),
    "currency": (np.int16, 0),
    "business_day": (np.int32, 0),
    "classified": (np.bool_, False),
    "next_of_account": (np.int32, -1),
    "winner": (np.int32, -1),
}

# What an image leaves out: it is found again, or the same for all.
_NOT_IN_IMAGE = frozenset({"next_of_account", "winner"})
_KEPT_ANYWAY = 4096  # forgotten entries that are not worth the work


@in_place
def _judge(
    slots: Int64s,
    version: Int64s,
    account: Int64s,
    day: Int64s,
    opening_day: Int64s,
    held_version: Int32s,
    held_account: Int32s,
    outcome: Int8s,
    winner: Int32s,
    touched: Int64s,
    was_known: NDArray[np.bool_],
) -> int:
    """Judge in order; returns how many entries are ``touched``.

    ``winner[slot]`` becomes the batch index of the version that finally wins, ``was_known`` says whether the
    entry was there before the batch.
    """
    count = 0
    for i in range(len(slots)):
        slot = slots[i]
        known = held_account[slot] >= 0
        result = who_wins(
            known,
            held_version[slot],
            version[i],
            held_account[slot] == account[i],
            day[i],
            opening_day[account[i]],
        )
        outcome[i] = result
        if result == 0:
            if winner[slot] < 0:
                touched[count] = slot
                was_known[count] = known
                count += 1
            held_version[slot] = version[i]
            held_account[slot] = account[i]
            winner[slot] = i
    return count


@in_place
def _link(slots: Int64s, owners: Int64s, first: Int64s, following: Int32s) -> None:
    """Put entries at the head of their owners' lists."""
    for i in range(len(slots)):
        following[slots[i]] = first[owners[i]]
        first[owners[i]] = slots[i]


@dataclass(frozen=True, slots=True)
class LedgerImage:
    """Entries that may still be corrected, n of them, as copies.

    Attributes:
        text: uint8, their ids one behind the other. length: int64[n], bytes of each id.
        columns: by name, length n; ``account``, ``instrument`` and ``currency`` in the numbering of whoever holds the
            image.
    """

    text: NDArray[np.uint8]
    length: Int64s
    columns: dict[str, NDArray[Any]]


class Ledger:
    """The entries of one partition and one topic, by id.

    ``winner`` is -1 between batches.
    """

    version: Int32s
    account: Int32s
    instrument: Int32s
    silo: Int8s
    collateral: NDArray[np.bool_]
    quantity: Float64s
    cash: Float64s
    currency: NDArray[np.int16]
    business_day: Int32s
    classified: NDArray[np.bool_]
    next_of_account: Int32s
    winner: Int32s

    def __init__(self) -> None:
        self._ids = IdMap()
        self._live = 0  # entries on the list of an account
        self._owners = IntMap()
        self._first_of_owner: Int64s = np.full(64, -1, np.int64)
        for name, column in filled(_FILLS, 256).items():
            setattr(self, name, column)

    def __len__(self) -> int:
        return self._ids.count

    def upsert(self, entries: Entries, opening_day: Int64s) -> tuple[Int8s, Effects]:
        """Judge and store a batch.

        Args:
            opening_day: business day of the start-of-day record by account slot.

        Returns:
            outcomes int8[n] of :class:`EntryOutcome`, and the effects of what was applied: for every entry
            touched first the stored effect reversed (if any), then the new one (unless cancelled).
        """
        self._drop_forgotten()
        slots = self._slots(entries.ids)
        outcome = np.empty(len(slots), np.int8)
        touched = np.empty(len(slots), np.int64)
        was_known = np.empty(len(slots), np.bool_)
        changed = _judge(
            slots, entries.version, entries.account, entries.business_day, opening_day,
            self.version, self.account, outcome, self.winner, touched, was_known,
        )  # fmt: skip
        touched, was_known = touched[:changed], was_known[:changed]
        index = self.winner[touched]
        self.winner[touched] = -1
        out = self._stored(touched[was_known], -1.0, index[was_known])
        self._store(touched, index, entries)
        self._list(touched[~was_known])
        into = self._stored(touched, 1.0, index)
        return outcome, _joined(out, into)

    def image(self) -> LedgerImage:
        """What :meth:`of_image` makes the same ledger of; forgotten entries are left out."""
        used = len(self)
        keep = self.account[:used] >= 0
        columns = {name: getattr(self, name)[:used] for name in image_columns()}
        whole = bool(keep.all())  # as mostly: copying all is several times as fast as choosing
        kept = {name: column.copy() if whole else column[keep] for name, column in columns.items()}
        return LedgerImage(*self._ids.texts(keep), kept)

    @classmethod
    def of_image(cls, image: LedgerImage, account: Int64s, instrument: Int64s, currency: Int64s) -> Ledger:
        """The ledger of an image.

        Args:
            account, instrument, currency: slots and indices by the image's numbers; the last instrument is -1, so that
                -1 stays.
        """
        made, count = cls(), len(image.length)
        made._ids = IdMap.of_texts(image.text, image.length)
        if count > len(made.version):
            grow(made, _FILLS, count)
        for name, values in image.columns.items():
            getattr(made, name)[:count] = values
        made.account[:count] = account[image.columns["account"]]
        made.instrument[:count] = instrument[image.columns["instrument"]]
        made.currency[:count] = currency[image.columns["currency"]]
        made._list(np.arange(count))
        return made

    def instruments_named(self) -> Int32s:
        """Instruments (slots, -1 for cash) of all entries that may still be corrected; they may repeat."""
        used = len(self)
        return self.instrument[:used][self.account[:used] >= 0]

    def names(self, account: int) -> bool:
        """Whether an entry of the account may still be corrected."""
        owner = self._owner(account)
        return owner >= 0 and bool(self._first_of_owner[owner] >= 0)

    def _owner(self, account: int) -> int:
        """Index of the account's list, -1 if it never had one."""
        return int(self._owners.find(np.array([account], np.int64))[0])

    def _drop_forgotten(self) -> None:
        """Give back the places of entries that no account lists, once they are the larger part.

        They are covered by a start-of-day record: whatever comes under their ids is judged as if it were new.
        """
        used = len(self)
        if used - self._live <= max(self._live, _KEPT_ANYWAY):
            return
        keep = self.account[:used] >= 0
        place = np.append(np.cumsum(keep) - 1, -1)  # by former slot; -1, the end of a list, stays
        self._ids = self._ids.only(keep)
        for name, (_, fill) in _FILLS.items():
            column = getattr(self, name)
            kept = column[:used][keep]
            column[: len(kept)], column[len(kept) : used] = kept, fill
        self.next_of_account[: len(self)] = place[self.next_of_account[: len(self)]]
        self._first_of_owner = place[self._first_of_owner]

    def _list(self, fresh: Int64s) -> None:
        """Put new entries on the lists of their accounts."""
        self._live += len(fresh)
        owners = self._owners.find_or_add(self.account[fresh].astype(np.int64))
        while self._owners.count > len(self._first_of_owner):
            self._first_of_owner = np.append(self._first_of_owner, np.full_like(self._first_of_owner, -1))
        _link(fresh, owners, self._first_of_owner, self.next_of_account)

    def _slots(self, ids: Sequence[str]) -> Int64s:
        slots = self._ids.find_or_add(ids)
        if len(self) > len(self.version):
            grow(self, _FILLS, max(2 * len(self.version), len(self)))
        return slots

    def _store(self, slots: Int64s, index: Int32s, entries: Entries) -> None:
        live = ~entries.cancelled[index]
        self.instrument[slots] = entries.instrument[index]
        self.silo[slots] = entries.silo[index]
        self.collateral[slots] = entries.collateral[index]
        self.quantity[slots] = entries.quantity[index] * live
        self.cash[slots] = entries.cash[index] * live
        self.currency[slots] = entries.currency[index]
        self.business_day[slots] = entries.business_day[index]
        self.classified[slots] = entries.classified[index]

    def _stored(self, slots: Int64s, sign: float, entry: NDArray[np.integer[Any]]) -> Effects:
        return Effects(
            self.account[slots].astype(np.int64),
            self.instrument[slots].astype(np.int64),
            self.silo[slots].astype(np.int64),
            self.collateral[slots],
            sign * self.quantity[slots],
            sign * self.cash[slots],
            self.currency[slots].astype(np.int64),
            entry.astype(np.int64),
        )

    def reclassify(
        self, silo_of_instrument: Int64s, moved: NDArray[np.bool_], accounts: NDArray[np.bool_]
    ) -> tuple[Effects, Effects]:
        """Entries without a silo of their own follow instruments (``moved`` bool by slot) into their new silos.

        Args:
            accounts: bool by slot, whose entries these are; others are left alone.

        Returns:
            the effects of these entries as they were, to be taken out or put in elsewhere; and the effects of all other
            entries on the moved instruments, which stay where they are.
        """
        named = self.instrument[: len(self)]
        live = np.flatnonzero((self.account[: len(self)] >= 0) & (named >= 0))
        concerned = live[moved[named[live]] & accounts[self.account[live]]]
        follows = concerned[self.classified[concerned]]
        stays = concerned[~self.classified[concerned]]
        former = self._stored(follows, 1.0, np.full(len(follows), -1))
        stay = self._stored(stays, 1.0, np.full(len(stays), -1))
        self.silo[follows] = silo_of_instrument[self.instrument[follows]]
        return former, stay

    def after(self, account: int, business_day: int) -> Effects:
        """Effects of the account's entries booked after a day.

        The covered ones are forgotten, as if the ledger had been read after the start-of-day record: a running
        worker and a restarted one then judge what comes next alike.
        """
        owner = self._owner(account)
        slot = int(self._first_of_owner[owner]) if owner >= 0 else -1
        listed = []
        while slot >= 0:
            listed.append(slot)
            slot = int(self.next_of_account[slot])
        slots = np.array(sorted(listed), np.int64)
        covered = self.business_day[slots] <= business_day
        self.version[slots[covered]] = self.account[slots[covered]] = -1
        self.quantity[slots[covered]] = self.cash[slots[covered]] = 0.0
        if covered.any():
            self._first_of_owner[owner] = -1
            self._live -= len(slots)
            self._list(slots[~covered])
        kept = slots[~covered]
        return self._stored(kept, 1.0, np.full(len(kept), -1))


def image_columns() -> dict[str, np.dtype[Any]]:
    """Type of each column of an image, by name."""
    return {name: np.dtype(kind) for name, (kind, _) in _FILLS.items() if name not in _NOT_IN_IMAGE}


def _joined(first: Effects, second: Effects) -> Effects:
    return Effects(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in Effects.__dataclass_fields__
        )
    )
