"""Sums of wide rows by account and silo, kept and followed: for rulebooks of hundreds of scenarios.

A *unit* is (account, silo). Its sum follows moved rows by their changes, or is made anew from the account's
holdings, whichever touches less memory. What must be made anew because holdings changed is *stale*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer, room
from engine.base.kernel import in_place
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


class SumColumns(NamedTuple):
    """Arrays of :class:`ScenarioSums`; the first ``linear`` of ``kinds`` are LINEAR."""

    values: Float64s
    unit_of: Int32s
    stale: Bools
    kinds: Int8s
    linear: int


@in_place
def silos_held(h: HoldingColumns, covered: Bools, account: int) -> int:
    """Bit by silo: the account holds covered positions there."""
    bits = 0
    for key in h.key[h.first[account] : h.first[account] + h.held[account]]:
        if not key & 1 and covered[key >> INSTRUMENT_SHIFT]:
            bits |= 1 << ((key >> 1) & 7)
    return bits


@in_place
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


@in_place
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
            for column in range(len(kinds)):
                values[unit, column] = 0.0
    for slot in range(h.first[account], h.first[account] + h.held[account]):
        key = h.key[slot]
        instrument = key >> INSTRUMENT_SHIFT
        if not key & 1 and moved.covered[instrument]:
            unit = unit_of[row, (key >> 1) & 7]
            add_row(values, unit, moved.rows, instrument, h.quantity[slot], kinds, linear)


@in_place
def _follow_account(account: int, h: HoldingColumns, moved: MovedRows, sums: SumColumns) -> int:
    """Add the changes of moved rows to the sums of an account; bit by silo touched.

    Nothing is done, and -1 returned, where so many rows moved that :func:`sum_account` is cheaper.
    """
    key, change = h.key, moved.change
    first = h.first[account]
    last = first + h.held[account]
    count, lowest = 0, last
    for slot in range(last - 1, first - 1, -1):
        if change[key[slot] >> INSTRUMENT_SHIFT] >= 0:
            lowest = slot
            count += 1
    if count > _FOLLOW_SHARE * (last - first):
        return -1
    touched = 0
    for slot in range(lowest, last):
        row = change[key[slot] >> INSTRUMENT_SHIFT]
        if row >= 0 and not key[slot] & 1:
            silo = (key[slot] >> 1) & 7
            unit = sums.unit_of[account, silo]
            add_row(sums.values, unit, moved.changes, row, h.quantity[slot], sums.kinds, sums.linear)
            touched |= 1 << silo
        if row >= 0:
            count -= 1
            if count == 0:
                break
    return touched


@in_place
def follow(accounts: Int64s, h: HoldingColumns, moved: MovedRows, sums: SumColumns, touched: Int64s) -> None:
    """Bring the accounts' sums up to date; touched[i]: bit by silo whose sum may have changed.

    Each account must be followed in every pass in which rows of its holdings move, or be stale.
    """
    values, unit_of, stale, kinds, linear = sums
    for i in range(len(accounts)):
        account = accounts[i]
        silos = -1 if stale[account] else _follow_account(account, h, moved, sums)
        if silos < 0:
            sum_account(h, moved, kinds, linear, account, unit_of, account, values)
            stale[account] = False
            silos = _ALL_SILOS
        touched[i] = silos


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

    @property
    def columns(self) -> SumColumns:
        """The arrays as kernels take them: valid until units are assigned or room is made."""
        return SumColumns(self.values, self.unit_of, self.stale, self.column_kinds, self._linear)

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
