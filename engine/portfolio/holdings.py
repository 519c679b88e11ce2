"""What accounts hold: positions and collateral in sorted blocks by account, cash by account, silo, currency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.base.blocks import TOP, no_blocks
from engine.base.columns import Fill, filled, grow, longer, room
from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILOS
from engine.portfolio.holding_kernels import (
    INSTRUMENT_SHIFT,
    SILO_BITS,
    HoldingColumns,
    accounts_with_cash_in,
    change,
    clear,
    mark_holders,
)
from engine.portfolio.ledger import Effects
from engine.portfolio.opened_silos import OpenedSilos

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ACCOUNT_FILLS: dict[str, Fill] = {
    "first": (np.int64, 0),
    "held": (np.int32, 0),
    "size_class": (np.int8, -1),
}
_INSTRUMENT_FILLS: dict[str, Fill] = {
    "holder_first": (np.int64, 0),
    "holders": (np.int32, 0),
    "holder_class": (np.int8, -1),
}
_HOLDING_FILLS: dict[str, Fill] = {
    "key": (np.int32, 0),
    "quantity": (np.float64, 0.0),
    "place": (np.int32, 0),
}
_HOLDER_FILLS: dict[str, Fill] = {"holder": (np.int32, 0)}
INSTRUMENTS_LIMIT = 1 << (31 - INSTRUMENT_SHIFT)


@dataclass(frozen=True, slots=True)
class Held:
    """Holdings as columns of length n, by account, then sorted by instrument, silo, collateral."""

    account: Int64s
    instrument: Int64s
    silo: Int64s
    collateral: Bools
    quantity: Float64s

    def only(self, keep: Bools) -> Held:
        """The holdings where ``keep`` bool[n] is True."""
        return Held(*(getattr(self, name)[keep] for name in Held.__dataclass_fields__))


class Holdings:
    """Positions, collateral holdings and cash of all accounts.

    Attributes:
        held: number of holdings per account slot. holders: number of holdings per instrument slot.
        cash: float64[account, silo, currency].
        currencies: index of each currency; USD is 0.
        opened: what start-of-day records put where, as far as the holdings do not show it.
    """

    first: Int64s
    held: Int32s
    size_class: NDArray[np.int8]
    key: Int32s
    quantity: Float64s
    place: Int32s
    holder_first: Int64s
    holders: Int32s
    holder_class: NDArray[np.int8]
    holder: Int32s

    def __init__(self) -> None:
        fills = filled(_ACCOUNT_FILLS | _INSTRUMENT_FILLS, 64) | filled(_HOLDING_FILLS | _HOLDER_FILLS, 256)
        for name, column in fills.items():
            setattr(self, name, column)
        self._blocks, self._holder_blocks = no_blocks(), no_blocks()
        self.currencies: dict[str, int] = {"USD": 0}
        self.cash: Float64s = np.zeros((64, len(SILOS), 1))
        self.opened = OpenedSilos()

    @property
    def columns(self) -> HoldingColumns:
        """The arrays for kernels; valid until the next change."""
        return HoldingColumns(
            self.first, self.held, self.size_class, self.key, self.quantity, self.place,
            self.holder_first, self.holders, self.holder_class, self.holder, self._blocks, self._holder_blocks,
        )  # fmt: skip

    def currency_index(self, currency: str) -> int:
        """Index of a currency in ``cash``, added if new."""
        index = self.currencies.setdefault(currency, len(self.currencies))
        if index == self.cash.shape[2]:
            self.cash = np.concatenate([self.cash, np.zeros((*self.cash.shape[:2], 1))], axis=2)
            self.opened.add_currency()
        return index

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many account and instrument slots.

        Raises:
            MarginError: BAD_INSTRUMENT if there are more instruments than a holding's key can name.
        """
        if accounts > len(self.first):
            size = room(accounts, len(self.first))
            grow(self, _ACCOUNT_FILLS, size)
            self.cash = longer(self.cash, size, 0.0)
            self.opened.reserve(size)
        if instruments > len(self.holders):
            if instruments > INSTRUMENTS_LIMIT:
                raise MarginError(
                    Reason.BAD_INSTRUMENT,
                    f"instrument number {instruments}",
                    f"one worker knows at most {INSTRUMENTS_LIMIT}; remove expired ones",
                )
            grow(self, _INSTRUMENT_FILLS, max(instruments, 2 * len(self.holders)))

    def apply(self, effects: Effects) -> None:
        """Change cash and quantities, in order."""
        np.add.at(self.cash, (effects.account, effects.silo, effects.currency), effects.cash)
        held = np.flatnonzero(effects.instrument >= 0)
        accounts, changes = effects.account[held], effects.quantity[held]
        keys = (((effects.instrument[held] << SILO_BITS) | effects.silo[held]) << 1) | effects.collateral[
            held
        ]
        done = 0
        while (done := change(self.columns, accounts, keys, changes, done)) < len(held):
            self._make_room(int(accounts[done]), int(effects.instrument[held[done]]))

    def _make_room(self, account: int, instrument: int) -> None:
        """One more block of twice the size for the account and for the instrument's holders."""
        needed = int(self._blocks[TOP]) + 4 * max(int(self.held[account]), 2)
        if needed > len(self.key):
            grow(self, _HOLDING_FILLS, max(needed, 2 * len(self.key)))
        needed = int(self._holder_blocks[TOP]) + 4 * max(int(self.holders[instrument]), 2)
        if needed > len(self.holder):
            grow(self, _HOLDER_FILLS, max(needed, 2 * len(self.holder)))

    def clear(self, accounts: Int64s) -> None:
        """Take all holdings and cash out of accounts."""
        clear(self.columns, accounts)
        self.cash[accounts] = 0.0
        self.opened.forget(accounts)

    def with_cash_in(self, currencies: Int64s, accounts: int) -> Int64s:
        """int64[m]: those of the first ``accounts`` slots that have a balance in one of the currencies (indices)."""
        if len(currencies) == 0:
            return np.zeros(0, np.int64)
        return accounts_with_cash_in(self.cash, currencies, accounts)

    def mark_holders(self, instruments: Int64s, bits: Int32s, marks: Int32s) -> None:
        """``marks[account] |= bits[i]`` for every holder of ``instruments[i]``."""
        mark_holders(self.columns, instruments, bits, marks)

    def of(self, accounts: Int64s) -> Held:
        """All holdings of accounts, in the order given."""
        counts = self.held[accounts].astype(np.int64)
        ends = np.cumsum(counts)
        slots = np.arange(int(counts.sum())) + np.repeat(self.first[accounts] - (ends - counts), counts)
        key = self.key[slots].astype(np.int64)
        return Held(
            np.repeat(accounts, counts),
            key >> INSTRUMENT_SHIFT,
            (key >> 1) & ((1 << SILO_BITS) - 1),
            (key & 1) == 1,
            self.quantity[slots],
        )
