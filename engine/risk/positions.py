"""Positions of accounts by netting set, for rulebooks that pair positions instead of adding their rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns
from engine.risk.netting_sets import Covered

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


@kernel
def gather_positions(
    h: HoldingColumns,
    covered: Covered,
    accounts: Int64s,
    instruments: Int64s,
    quantities: Float64s,
    first: Int64s,
    sets: Int64s,
    offsets: Int64s,
) -> int:
    """List the positions of the accounts' netting sets, each set's together.

    Args:
        instruments, quantities: int64[p], float64[p]; first: int64[u + 1]; sets: int64[u]; offsets: int64[a + 1]; all
            filled here, u and p are at most the number of the accounts' holdings. Unit j owns positions
            ``first[j]:first[j + 1]``, by instrument slot; account i owns units ``offsets[i]:offsets[i + 1]``, by
            netting set.

    Returns:
        number of units.
    """
    units = positions = 0
    offsets[0] = first[0] = 0
    for i in range(len(accounts)):
        account = accounts[i]
        approved = 1 if covered.approved[account] else 0
        begun = positions
        for slot in range(h.first[account], h.first[account] + h.held[account]):
            key = h.key[slot]
            instrument = key >> INSTRUMENT_SHIFT
            if not key & 1 and (covered.silos[approved, instrument] >> ((key >> 1) & 7)) & 1:
                instruments[positions] = instrument
                quantities[positions] = h.quantity[slot]
                positions += 1
        own_sets = covered.set_of_instrument[instruments[begun:positions]]
        order = np.argsort(own_sets, kind="mergesort")  # stable: by instrument within a set
        instruments[begun:positions] = instruments[begun:positions][order]
        quantities[begun:positions] = quantities[begun:positions][order]
        for place in range(begun, positions):
            netting_set = own_sets[order[place - begun]]
            if place == begun or netting_set != sets[units - 1]:
                sets[units] = netting_set
                units += 1
            first[units] = place + 1
        offsets[i + 1] = units
    return units
