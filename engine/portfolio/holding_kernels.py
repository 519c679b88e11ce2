"""Numba kernels of the holdings: find, add, change and remove in sorted blocks.

An account's holdings lie in one block, sorted by key, so their order and every sum over them do not depend on
the order in which they came. ``holder`` lists, by instrument, the accounts that hold it; ``place`` of a holding
is its index in that list. A holding of quantity 0 does not exist.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.blocks import block_size, give_block, has_block, take_block
from engine.base.kernel import in_place, kernel

Float64s = NDArray[np.float64]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

SILO_BITS = 3
INSTRUMENT_SHIFT = SILO_BITS + 1
# Sums of decimals such as 0.1 + 0.2 - 0.3 leave dust that is no position.
_DUST = 1e-9


class HoldingColumns(NamedTuple):
    """Arrays as the kernels take them.

    Attributes:
        first, held, size_class: by account, its block in ``key``, ``quantity``, ``place``.
        holder_first, holders, holder_class: by instrument, its block in ``holder``.
        blocks, holder_blocks: states of the two index spaces.
    """

    first: Int64s
    held: Int32s
    size_class: Int8s
    key: Int32s
    quantity: Float64s
    place: Int32s
    holder_first: Int64s
    holders: Int32s
    holder_class: Int8s
    holder: Int32s
    blocks: Int64s
    holder_blocks: Int64s


@in_place
def first_at_least(h: HoldingColumns, account: int, key: int) -> int:
    """Slot of the account's first holding with this key or a higher one; one past its last if none."""
    low, high = h.first[account], h.first[account] + h.held[account]
    while low < high:
        middle = (low + high) // 2
        if h.key[middle] < key:
            low = middle + 1
        else:
            high = middle
    return int(low)


@in_place
def _has_room(h: HoldingColumns, account: int, instrument: int) -> bool:
    """Whether one more holding can be added without more memory."""
    held, holders = h.held[account], h.holders[instrument]
    fits = held < block_size(h.size_class[account]) or has_block(h.blocks, h.key, h.size_class[account] + 1)
    return fits and (
        holders < block_size(h.holder_class[instrument])
        or has_block(h.holder_blocks, h.holder, h.holder_class[instrument] + 1)
    )


@in_place
def _resize(h: HoldingColumns, account: int, size_class: int) -> None:
    """Move an account's holdings to a block of another size; class -1 gives the block back."""
    old, old_class = h.first[account], h.size_class[account]
    if size_class >= 0:
        new = take_block(h.blocks, h.key, size_class)
        for i in range(h.held[account]):
            h.key[new + i] = h.key[old + i]
            h.quantity[new + i] = h.quantity[old + i]
            h.place[new + i] = h.place[old + i]
        h.first[account] = new
    if old_class >= 0:
        give_block(h.blocks, h.key, old_class, old)
    h.size_class[account] = size_class


@in_place
def _add_holder(h: HoldingColumns, instrument: int, account: int) -> int:
    """Put an account at the end of the instrument's holders; its index there."""
    count = h.holders[instrument]
    if count == block_size(h.holder_class[instrument]):
        old, old_class = h.holder_first[instrument], h.holder_class[instrument]
        new = take_block(h.holder_blocks, h.holder, old_class + 1)
        for i in range(count):
            h.holder[new + i] = h.holder[old + i]
        if old_class >= 0:
            give_block(h.holder_blocks, h.holder, old_class, old)
        h.holder_first[instrument] = new
        h.holder_class[instrument] = old_class + 1
    h.holder[h.holder_first[instrument] + count] = account
    h.holders[instrument] = count + 1
    return int(count)


@in_place
def _remove_holder(h: HoldingColumns, instrument: int, place: int) -> None:
    """Take a holder out; the last one of the list gets its index."""
    first, last = h.holder_first[instrument], h.holders[instrument] - 1
    moved = h.holder[first + last]
    h.holder[first + place] = moved
    slot = first_at_least(h, moved, instrument << INSTRUMENT_SHIFT)
    while h.place[slot] != last:  # an account can hold an instrument in several silos
        slot += 1
    h.place[slot] = place
    h.holders[instrument] = last
    if last == 0:
        give_block(h.holder_blocks, h.holder, h.holder_class[instrument], first)
        h.holder_class[instrument] = -1


@in_place
def _insert(h: HoldingColumns, account: int, slot: int, key: int, quantity: float) -> None:
    """Add a holding that goes before ``slot``."""
    index, count = slot - h.first[account], h.held[account]
    if count == block_size(h.size_class[account]):
        _resize(h, account, h.size_class[account] + 1)
    first = h.first[account]
    for i in range(first + count, first + index, -1):
        h.key[i] = h.key[i - 1]
        h.quantity[i] = h.quantity[i - 1]
        h.place[i] = h.place[i - 1]
    instrument = key >> INSTRUMENT_SHIFT
    h.key[first + index] = key
    h.quantity[first + index] = quantity
    h.place[first + index] = _add_holder(h, instrument, account)
    h.held[account] = count + 1


@in_place
def _remove(h: HoldingColumns, account: int, slot: int) -> None:
    """Take a holding out; a block that is mostly empty is exchanged for a smaller one."""
    _remove_holder(h, h.key[slot] >> INSTRUMENT_SHIFT, h.place[slot])
    last = h.first[account] + h.held[account] - 1
    for i in range(slot, last):
        h.key[i] = h.key[i + 1]
        h.quantity[i] = h.quantity[i + 1]
        h.place[i] = h.place[i + 1]
    h.held[account] -= 1
    size_class = h.size_class[account]
    if h.held[account] == 0:
        _resize(h, account, -1)
        return
    sparse = size_class >= 2 and 8 * h.held[account] <= block_size(size_class)
    if sparse and has_block(h.blocks, h.key, size_class - 2):
        _resize(h, account, size_class - 2)


@in_place
def change(h: HoldingColumns, accounts: Int64s, keys: Int64s, changes: Float64s, start: int) -> int:
    """Apply signed changes in order from ``start`` on; returns how far it came before memory ran out."""
    for j in range(start, len(accounts)):
        account, key, step = accounts[j], keys[j], changes[j]
        if step == 0.0:
            continue
        slot = first_at_least(h, account, key)
        if slot == h.first[account] + h.held[account] or h.key[slot] != key:
            if not _has_room(h, account, key >> INSTRUMENT_SHIFT):
                return j
            _insert(h, account, slot, key, step)
            continue
        old = h.quantity[slot]
        new = old + step
        if abs(new) < _DUST * max(abs(old), abs(step)):
            _remove(h, account, slot)
        else:
            h.quantity[slot] = new
    return len(accounts)


@in_place
def clear(h: HoldingColumns, accounts: Int64s) -> None:
    """Take all holdings out of accounts."""
    for account in accounts:
        while h.held[account] > 0:
            _remove(h, account, h.first[account] + h.held[account] - 1)


@in_place
def mark_holders(h: HoldingColumns, instruments: Int64s, bits: Int32s, marks: Int32s) -> None:
    """``marks[account] |= bits[i]`` for every holder of ``instruments[i]``."""
    for i in range(len(instruments)):
        first = h.holder_first[instruments[i]]
        for holder in h.holder[first : first + h.holders[instruments[i]]]:
            marks[holder] |= bits[i]


@kernel
def accounts_with_cash_in(cash: Float64s, currencies: Int64s, accounts: int) -> Int64s:
    """int64[m]: accounts below ``accounts`` with a balance in one of the currencies; cash[account, silo, currency]."""
    found = np.empty(accounts, np.int64)
    number = 0
    for account in range(accounts):
        has = False
        for silo in range(cash.shape[1]):
            for currency in currencies:
                has |= cash[account, silo, currency] != 0.0
        if has:
            found[number] = account
            number += 1
    return found[:number]
