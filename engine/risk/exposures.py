"""The incremental aggregator that serves every rulebook.

A *unit* is (account, netting set). The aggregator keeps ``values[unit] = sum of weight(quantity) * row`` over
the unit's holdings while quantities and rows change, and knows which units are dirty since they were charged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.base.intmap import IntMap
from engine.portfolio.holdings import Holdings, walk
from engine.risk.kernels import add_quantity_changes, add_row_changes, link_holdings, rebuild_units

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]

_UNIT_FILLS: dict[str, Fill] = {
    "account": (np.int64, -1),
    "netting_set": (np.int64, -1),
    "first_of_unit": (np.int64, -1),
    "next_of_account": (np.int64, -1),
    "dirty": (np.bool_, False),
}
_HOLDING_FILLS: dict[str, Fill] = {
    "unit_of_holding": (np.int64, -1),
    "next_of_unit": (np.int64, -1),
    "haircut_weight": (np.float64, 1.0),
}
_SETS_LIMIT = 1 << 30


class Exposures:
    """Exposures of one rulebook.

    Attributes:
        column_kinds: int8[k].
        values: float64[unit, k].
        rows: float64[instrument, k], the row each holding of the instrument is in ``values`` with.
        account, netting_set: by unit. dirty: by unit.
        unit_of_holding, haircut_weight: by holding; unit -1 takes no part.
    """

    account: Int64s
    netting_set: Int64s
    first_of_unit: Int64s
    next_of_account: Int64s
    dirty: NDArray[np.bool_]
    unit_of_holding: Int64s
    next_of_unit: Int64s
    haircut_weight: Float64s

    def __init__(self, column_kinds: Int8s) -> None:
        self.column_kinds = column_kinds
        self._units = IntMap()
        for name, column in (filled(_UNIT_FILLS, 64) | filled(_HOLDING_FILLS, 256)).items():
            setattr(self, name, column)
        self.values: Float64s = np.zeros((64, len(column_kinds)))
        self.rows: Float64s = np.zeros((64, len(column_kinds)))
        self.first_of_account: Int64s = np.full(64, -1, np.int64)
        self.units_of_account: Int64s = np.zeros(64, np.int64)
        self._anchor = 0

    @property
    def count(self) -> int:
        """Number of units."""
        return self._units.count

    def reserve(self, accounts: int, instruments: int, holdings: int) -> None:
        """Make room for so many slots of each."""
        if accounts > len(self.first_of_account):
            size = max(accounts, 2 * len(self.first_of_account))
            self.first_of_account = longer(self.first_of_account, size, -1)
            self.units_of_account = longer(self.units_of_account, size, 0)
        if instruments > len(self.rows):
            self.rows = longer(self.rows, max(instruments, 2 * len(self.rows)), 0.0)
        if holdings > len(self.unit_of_holding):
            grow(self, _HOLDING_FILLS, max(holdings, 2 * len(self.unit_of_holding)))

    def place(self, holdings: Int64s, accounts: Int64s, netting_sets: Int64s, weights: Float64s) -> None:
        """Give holdings their units.

        Args:
            holdings: int64[n] slots; their quantities must not be in ``values`` yet.
            accounts: int64[n].
            netting_sets: int64[n]; -1 where the holding takes no part.
            weights: float64[n], 1 - haircut, used by columns of kind HAIRCUT.
        """
        self.haircut_weight[holdings] = weights
        taking_part = netting_sets >= 0
        units = np.full(len(holdings), -1, np.int64)
        keys = accounts[taking_part] * _SETS_LIMIT + netting_sets[taking_part]
        first = self._units.count
        units[taking_part] = self._units.find_or_add(keys)
        self._add_units(first, units, accounts, netting_sets)
        link_holdings(holdings, units, self.first_of_unit, self.next_of_unit, self.unit_of_holding)

    def _add_units(self, first: int, units: Int64s, accounts: Int64s, netting_sets: Int64s) -> None:
        last = self._units.count
        if last > len(self.account):
            size = max(last, 2 * len(self.account))
            grow(self, _UNIT_FILLS, size)
            self.values = longer(self.values, size, 0.0)
        fresh, index = np.unique(units, return_index=True)
        for unit, source in zip(fresh[fresh >= first].tolist(), index[fresh >= first].tolist(), strict=True):
            account = int(accounts[source])
            self.account[unit] = account
            self.netting_set[unit] = netting_sets[source]
            self.next_of_account[unit] = self.first_of_account[account]
            self.first_of_account[account] = unit
            self.units_of_account[account] += 1

    def forget_accounts(self, accounts: Int64s) -> None:
        """Unlink all holdings of the accounts from their units, which become empty and dirty."""
        units, _ = self.units_of(accounts)
        for unit in units.tolist():
            holding = int(self.first_of_unit[unit])
            while holding >= 0:
                self.unit_of_holding[holding] = -1
                holding, self.next_of_unit[holding] = int(self.next_of_unit[holding]), -1
            self.first_of_unit[unit] = -1
        self.values[units] = 0.0
        self.dirty[units] = True

    def change_quantities(self, holdings: Int64s, instruments: Int64s, old: Float64s, new: Float64s) -> None:
        """Quantities moved from ``old`` to ``new``, in order; rows as they stand."""
        add_quantity_changes(
            self.values, self.rows, self.column_kinds, self.unit_of_holding[holdings], instruments,
            self.haircut_weight[holdings], old, new, self.dirty,
        )  # fmt: skip

    def change_rows(self, instruments: Int64s, rows: Float64s, holdings: Holdings) -> None:
        """Instruments (unique slots int64[n]) get new rows float64[n, k]; their holders follow.

        Few holders: add the change of the row to each holder's unit. As many holders as half of all holdings:
        sum every unit anew, which costs the same and ends all drift.
        """
        changes = rows - self.rows[instruments]
        moved = np.flatnonzero(np.any(changes != 0.0, axis=1))
        self.rows[instruments] = rows
        instruments, changes = instruments[moved], changes[moved]
        holders = int(holdings.holders[instruments].sum())
        if holders == 0:
            return
        if 2 * holders >= holdings.count:
            self._mark_holders(instruments, holdings)
            self.rebuild(np.arange(self.count), holdings)
            return
        members, offsets = holdings.of_instruments(instruments)
        add_row_changes(
            self.values, changes, self.column_kinds, members, offsets, self.unit_of_holding,
            holdings.quantity, self.haircut_weight, self.dirty,
        )  # fmt: skip

    def _mark_holders(self, instruments: Int64s, holdings: Holdings) -> None:
        members, _ = holdings.of_instruments(instruments)
        units = self.unit_of_holding[members]
        self.dirty[units[units >= 0]] = True

    def rebuild(self, units: Int64s, holdings: Holdings) -> None:
        """Sum units anew from their holdings."""
        rebuild_units(
            self.values, self.rows, self.column_kinds, units, self.first_of_unit, self.next_of_unit,
            holdings.instrument, holdings.quantity, self.haircut_weight,
        )  # fmt: skip

    def rebuild_accounts(self, accounts: Int64s, holdings: Holdings) -> None:
        """Sum the units of accounts anew; they are dirty."""
        units, _ = self.units_of(accounts)
        self.rebuild(units, holdings)
        self.dirty[units] = True

    def reanchor(self, number: int, holdings: Holdings) -> None:
        """Rebuild the next ``number`` units in rotation, so that each is anchored within a bounded time."""
        if self.count == 0:
            return
        units = (self._anchor + np.arange(min(number, self.count))) % self.count
        self._anchor = int((self._anchor + len(units)) % self.count)
        self.rebuild(units, holdings)

    def take_dirty(self) -> Int64s:
        """int64[m] dirty units in slot order; they count as clean from now on."""
        units = np.flatnonzero(self.dirty[: self.count])
        self.dirty[units] = False
        return units

    def units_of(self, accounts: Int64s) -> tuple[Int64s, Int64s]:
        """Units of the accounts, grouped: int64[u] and offsets int64[len(accounts) + 1]."""
        total = int(self.units_of_account[accounts].sum())
        members: tuple[Int64s, Int64s] = walk(self.first_of_account, self.next_of_account, accounts, total)
        return members
