"""Sums of wide rows by account and silo, kept and followed: for rulebooks of hundreds of scenarios.

A *unit* is (account, silo). Its sum follows moved rows by their changes, or is made anew from the account's
holdings, whichever touches less memory. What must be made anew because holdings changed is *stale*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer, room
from engine.base.kernel import kernel
from engine.market.instruments import SILOS
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns
from engine.portfolio.holdings import Holdings
from engine.risk.weights import add_row, leading_linear

Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

# A sum follows by changes while at most this share of the account's holdings moved: then it reads the changes
# once, where making it anew reads the rows of all holdings. Measured, see docs/decisions/0005.
_FOLLOW_SHARE = 0.8
_ALL_SILOS = (1 << len(SILOS)) - 1


class MovedRows(NamedTuple):
    """Rows of one pass.

    Attributes:
        rows: float64[instrument, k] as they are now.
        change: int32 by instrument, index into ``changes``; -1 for rows that did not move.
        changes: float64[m, k].
        covered: bool by instrument: has rows here.
    """

    rows: Float64s
    change: Int32s
    changes: Float64s
    covered: Bools


@kernel
def silos_held(h: HoldingColumns, covered: Bools, account: int) -> int:
    """Bit by silo: the account holds covered positions there."""
    bits = 0
    for key in h.key[h.first[account] : h.first[account] + h.held[account]]:
        if not key & 1 and covered[key >> INSTRUMENT_SHIFT]:
            bits |= 1 << ((key >> 1) & 7)
    return bits


@kernel
def _assign(
    h: HoldingColumns,
    covered: Bools,
    accounts: Int64s,
    unit_of: Int32s,
    free: Int32s,
    state: Int64s,
    capacity: int,
    start: int,
) -> int:
    """Give accounts the units that their holdings need; returns how far it came before memory ran out.

    ``state``: number of units ever used, number of entries on the stack ``free``.
    """
    for i in range(start, len(accounts)):
        account = accounts[i]
        bits = silos_held(h, covered, account)
        for silo in range(unit_of.shape[1]):
            unit, needed = unit_of[account, silo], (bits >> silo) & 1
            if unit >= 0 and not needed:
                free[state[1]] = unit
                state[1] += 1
                unit_of[account, silo] = -1
            elif unit < 0 and needed:
                if state[1] > 0:
                    state[1] -= 1
                    unit_of[account, silo] = free[state[1]]
                elif state[0] < capacity:
                    unit_of[account, silo] = state[0]
                    state[0] += 1
                else:
                    return i
    return len(accounts)


@kernel
def _moved_count(h: HoldingColumns, change: Int32s, account: int) -> int:
    count = 0
    for slot in range(h.first[account], h.first[account] + h.held[account]):
        count += change[h.key[slot] >> INSTRUMENT_SHIFT] >= 0
    return count


@kernel
def sum_account(
    h: HoldingColumns,
    moved: MovedRows,
    kinds: Int8s,
    linear: int,
    account: int,
    unit_of: Int32s,
    row: int,
    values: Float64s,
) -> None:
    """Sum the units ``unit_of[row]`` of an account anew."""
    for silo in range(unit_of.shape[1]):
        unit = unit_of[row, silo]
        if unit >= 0:
            values[unit, :] = 0.0
    for slot in range(h.first[account], h.first[account] + h.held[account]):
        key = h.key[slot]
        instrument = key >> INSTRUMENT_SHIFT
        if not key & 1 and moved.covered[instrument]:
            unit = unit_of[row, (key >> 1) & 7]
            add_row(values, unit, moved.rows, instrument, h.quantity[slot], kinds, linear)


@kernel
def _add_changes(
    h: HoldingColumns,
    moved: MovedRows,
    kinds: Int8s,
    linear: int,
    account: int,
    unit_of: Int32s,
    values: Float64s,
) -> int:
    """Add the changes of moved rows to an account's units; bit by silo touched."""
    touched = 0
    for slot in range(h.first[account], h.first[account] + h.held[account]):
        key = h.key[slot]
        change = moved.change[key >> INSTRUMENT_SHIFT]
        if not key & 1 and change >= 0:
            silo = (key >> 1) & 7
            add_row(values, unit_of[account, silo], moved.changes, change, h.quantity[slot], kinds, linear)
            touched |= 1 << silo
    return touched


@kernel
def _follow(
    h: HoldingColumns,
    moved: MovedRows,
    kinds: Int8s,
    linear: int,
    accounts: Int64s,
    unit_of: Int32s,
    stale: Bools,
    values: Float64s,
    units: Int64s,
    silos: Int64s,
) -> int:
    """Bring the accounts' sums up to date; lists the units that changed, and their silos. Returns their number."""
    number = 0
    for i in range(len(accounts)):
        account = accounts[i]
        count = _moved_count(h, moved.change, account)
        if stale[account] or count > _FOLLOW_SHARE * h.held[account]:
            sum_account(h, moved, kinds, linear, account, unit_of, account, values)
            stale[account] = False
            touched = _ALL_SILOS
        else:
            touched = _add_changes(h, moved, kinds, linear, account, unit_of, values)
        for silo in range(unit_of.shape[1]):
            unit = unit_of[account, silo]
            if unit >= 0 and (touched >> silo) & 1:
                units[number] = unit
                silos[number] = silo
                number += 1
    return number


@kernel
def _units_of(unit_of: Int32s, accounts: Int64s, units: Int64s, silos: Int64s, offsets: Int64s) -> None:
    number = 0
    offsets[0] = 0
    for i in range(len(accounts)):
        for silo in range(unit_of.shape[1]):
            unit = unit_of[accounts[i], silo]
            if unit >= 0:
                units[number] = unit
                silos[number] = silo
                number += 1
        offsets[i + 1] = number


class ScenarioSums:
    """Sums of one wide rulebook.

    Attributes:
        values: float64[unit, k].
        unit_of: int32[account, silo], -1 for none.
        stale: bool by account, must be summed anew.
    """

    def __init__(self, column_kinds: Int8s) -> None:
        self.column_kinds = column_kinds
        self.values: Float64s = np.zeros((64, len(column_kinds)))
        self.unit_of: Int32s = np.full((64, len(SILOS)), -1, np.int32)
        self.stale: Bools = np.zeros(64, np.bool_)
        self._linear = leading_linear(column_kinds)
        self._free: Int32s = np.zeros(64, np.int32)
        self._state: Int64s = np.zeros(2, np.int64)  # units ever used, units on the free stack
        self._anchor = 0

    def reserve(self, accounts: int) -> None:
        """Make room for so many account slots."""
        if accounts > len(self.stale):
            size = room(accounts, len(self.stale))
            self.unit_of = longer(self.unit_of, size, -1)
            self.stale = longer(self.stale, size, False)

    def assign(self, accounts: Int64s, holdings: Holdings, covered: Bools) -> None:
        """Give accounts exactly the units that their holdings need; units left over serve others."""
        done = 0
        while True:
            done = _assign(
                holdings.columns,
                covered,
                accounts,
                self.unit_of,
                self._free,
                self._state,
                len(self.values),
                done,
            )
            if done == len(accounts):
                return
            size = 2 * len(self.values)
            self.values = longer(self.values, size, 0.0)
            self._free = longer(self._free, size, 0)

    def release(self, accounts: Int64s) -> None:
        """Take the units of accounts away."""
        units = self.unit_of[accounts]
        units = units[units >= 0]
        used = int(self._state[1])
        self._free[used : used + len(units)] = units
        self._state[1] += len(units)
        self.unit_of[accounts] = -1
        self.stale[accounts] = True

    def follow(self, accounts: Int64s, holdings: Holdings, moved: MovedRows) -> tuple[Int64s, Int64s]:
        """Bring the accounts' sums up to date; int64[u] units that changed and their silos.

        Each account must be followed in every pass in which rows of its holdings move, or be stale.
        """
        units, silos = self._room(accounts)
        number = _follow(
            holdings.columns, moved, self.column_kinds, self._linear, accounts, self.unit_of, self.stale,
            self.values, units, silos,
        )  # fmt: skip
        return units[:number], silos[:number]

    def units_of(self, accounts: Int64s) -> tuple[Int64s, Int64s, Int64s]:
        """Units of accounts, grouped: int64[u], their silos int64[u], offsets int64[len(accounts) + 1]."""
        units, silos = self._room(accounts)
        offsets = np.empty(len(accounts) + 1, np.int64)
        _units_of(self.unit_of, accounts, units, silos, offsets)
        return units[: offsets[-1]], silos[: offsets[-1]], offsets

    def _room(self, accounts: Int64s) -> tuple[Int64s, Int64s]:
        size = len(accounts) * self.unit_of.shape[1]
        return np.empty(size, np.int64), np.empty(size, np.int64)

    def of_account(
        self, account: int, holdings: Holdings, rows: Float64s, covered: Bools
    ) -> tuple[Float64s, Int64s]:
        """One account's sums made anew, beside the kept ones: float64[u, k] and silos int64[u]."""
        h = holdings.columns
        bits = silos_held(h, covered, account)
        silos = np.array([silo for silo in range(len(SILOS)) if bits >> silo & 1], np.int64)
        units = np.full((1, len(SILOS)), -1, np.int32)
        units[0, silos] = np.arange(len(silos))
        values = np.zeros((len(silos), len(self.column_kinds)))
        moved = MovedRows(rows, np.zeros(0, np.int32), np.zeros((0, rows.shape[1])), covered)
        sum_account(h, moved, self.column_kinds, self._linear, account, units, 0, values)
        return values, silos

    def anchor(self, number: int, accounts: int) -> Int64s:
        """int64[m]: the next accounts in rotation whose sums are to be made anew, which ends float drift."""
        number = min(number, accounts)
        chosen: Int64s = (self._anchor + np.arange(number)) % max(accounts, 1)
        self._anchor = int((self._anchor + number) % max(accounts, 1))
        self.stale[chosen] = True
        return chosen
