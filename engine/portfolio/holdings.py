"""What accounts hold, as columns: positions and collateral by stable slot, cash by account, silo, currency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.base.intmap import IntMap
from engine.base.kernel import kernel
from engine.market.instruments import SILOS
from engine.portfolio.ledger import Effects

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_FILLS: dict[str, Fill] = {
    "account": (np.int64, -1),
    "instrument": (np.int64, -1),
    "silo": (np.int64, 0),
    "collateral": (np.bool_, False),
    "quantity": (np.float64, 0.0),
    "next_of_instrument": (np.int64, -1),
    "next_of_account": (np.int64, -1),
}


@kernel
def _link(first: int, last: int, owner: Int64s, head: Int64s, following: Int64s, count: Int64s) -> None:
    for slot in range(first, last):
        following[slot] = head[owner[slot]]
        head[owner[slot]] = slot
        count[owner[slot]] += 1


@kernel
def _move(quantity: Float64s, slots: Int64s, change: Float64s, old: Float64s, new: Float64s) -> None:
    """Apply changes in order, reporting the quantity before and after each."""
    for i in range(len(slots)):
        old[i] = quantity[slots[i]]
        new[i] = old[i] + change[i]
        # Sums of decimals such as 0.1 + 0.2 - 0.3 leave dust that is no position.
        if abs(new[i]) < 1e-9 * max(abs(old[i]), abs(change[i])):
            new[i] = 0.0
        quantity[slots[i]] = new[i]


@kernel
def walk(heads: Int64s, following: Int64s, owners: Int64s, total: int) -> tuple[Int64s, Int64s]:
    """Linked lists of several owners as one array: members int64[m], offsets int64[len(owners) + 1]."""
    members = np.empty(total, np.int64)
    offsets = np.zeros(len(owners) + 1, np.int64)
    at = 0
    for i in range(len(owners)):
        slot = heads[owners[i]]
        while slot >= 0:
            members[at] = slot
            at += 1
            slot = following[slot]
        offsets[i + 1] = at
    return members, offsets


class Holdings:
    """Positions, collateral holdings and cash of all accounts.

    Attributes:
        account, instrument, silo, collateral, quantity: by holding slot.
        cash: float64[account, silo, currency].
        currencies: index of each currency; USD is 0.
        holders: holdings per instrument slot, zero quantities included.
    """

    account: Int64s
    instrument: Int64s
    silo: Int64s
    collateral: NDArray[np.bool_]
    quantity: Float64s
    next_of_instrument: Int64s
    next_of_account: Int64s

    def __init__(self) -> None:
        self._map = IntMap()
        for name, column in filled(_FILLS, 256).items():
            setattr(self, name, column)
        self.first_of_instrument: Int64s = np.full(64, -1, np.int64)
        self.holders: Int64s = np.zeros(64, np.int64)
        self.first_of_account: Int64s = np.full(64, -1, np.int64)
        self.holdings_of_account: Int64s = np.zeros(64, np.int64)
        self.currencies: dict[str, int] = {"USD": 0}
        self.cash: Float64s = np.zeros((64, len(SILOS), 1))

    @property
    def count(self) -> int:
        return self._map.count

    def currency_index(self, currency: str) -> int:
        """Index of a currency in ``cash``, added if new."""
        index = self.currencies.setdefault(currency, len(self.currencies))
        if index == self.cash.shape[2]:
            self.cash = np.concatenate([self.cash, np.zeros((*self.cash.shape[:2], 1))], axis=2)
        return index

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many account and instrument slots."""
        if accounts > len(self.first_of_account):
            size = max(accounts, 2 * len(self.first_of_account))
            self.first_of_account = longer(self.first_of_account, size, -1)
            self.holdings_of_account = longer(self.holdings_of_account, size, 0)
            self.cash = longer(self.cash, size, 0.0)
        if instruments > len(self.holders):
            size = max(instruments, 2 * len(self.holders))
            self.first_of_instrument = longer(self.first_of_instrument, size, -1)
            self.holders = longer(self.holders, size, 0)

    def slots_for(self, effects: Effects) -> tuple[Int64s, Int64s]:
        """Holding slot of each effect (-1 for pure cash), and the slots that are new."""
        slots = np.full(len(effects.account), -1, np.int64)
        held = np.flatnonzero(effects.instrument >= 0)
        if len(held) == 0:
            return slots, held
        account, instrument = effects.account[held], effects.instrument[held]
        silo, collateral = effects.silo[held], effects.collateral[held]
        key = (((account << 28) | instrument) << 4) | (silo << 1) | collateral
        first = self._map.count
        slots[held] = self._map.find_or_add(key)
        last = self._map.count
        if last > len(self.quantity):
            grow(self, _FILLS, max(last, 2 * len(self.quantity)))
        fresh, index = np.unique(slots[held], return_index=True)
        index = index[fresh >= first]
        fresh = fresh[fresh >= first]
        self.account[fresh] = account[index]
        self.instrument[fresh] = instrument[index]
        self.silo[fresh] = silo[index]
        self.collateral[fresh] = collateral[index]
        _link(first, last, self.instrument, self.first_of_instrument, self.next_of_instrument, self.holders)
        _link(
            first, last, self.account, self.first_of_account, self.next_of_account, self.holdings_of_account
        )
        return slots, fresh

    def move(self, slots: Int64s, change: Float64s) -> tuple[Float64s, Float64s]:
        """Apply signed quantity changes in order; returns the quantities before and after each."""
        old = np.empty(len(slots))
        new = np.empty(len(slots))
        _move(self.quantity, slots, change, old, new)
        return old, new

    def of_accounts(self, accounts: Int64s) -> tuple[Int64s, Int64s]:
        """Holding slots of the accounts, grouped: int64[m] and offsets int64[len(accounts) + 1]."""
        total = int(self.holdings_of_account[accounts].sum())
        members: tuple[Int64s, Int64s] = walk(self.first_of_account, self.next_of_account, accounts, total)
        return members

    def of_instruments(self, instruments: Int64s) -> tuple[Int64s, Int64s]:
        """Holding slots of the holders of instruments, grouped likewise."""
        total = int(self.holders[instruments].sum())
        members: tuple[Int64s, Int64s] = walk(
            self.first_of_instrument, self.next_of_instrument, instruments, total
        )
        return members
