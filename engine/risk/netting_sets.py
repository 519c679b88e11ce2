"""Exposures by netting set, summed from an account's holdings when they are needed.

For rulebooks of few columns this is cheaper than keeping sums: the holdings of an account lie side by side, the
rows of all instruments fit the processor's cache, nothing drifts, and the sums depend on nothing but holdings and
rows (``docs/decisions/0005-incremental-engine.md`` has the measurement).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns
from engine.risk.weights import add_row, weight

Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class Covered(NamedTuple):
    """Which holdings a rulebook sums, and into what.

    Attributes:
        set_of_instrument: int32 by instrument slot, -1 where the rulebook has no rows for it.
        silos: uint8[2, instrument], bit by silo where this rulebook margins the instrument, for accounts without
            and with approval for portfolio margin.
        approved: bool by account slot.
    """

    set_of_instrument: Int32s
    silos: NDArray[np.uint8]
    approved: Bools


@kernel
def sum_netting_sets(
    h: HoldingColumns,
    covered: Covered,
    rows: Float64s,
    kinds: Int8s,
    linear: int,
    sets_count: int,
    accounts: Int64s,
    values: Float64s,
    sets: Int64s,
    offsets: Int64s,
) -> int:
    """Exposures of the accounts' netting sets, grouped by account, in the order of the accounts' holdings.

    Args:
        rows: float64[instrument, k]. kinds: int8[k]; the first ``linear`` of them are LINEAR.
        sets_count: number of netting sets the rulebook has.
        values: float64[u, k], sets: int64[u], offsets: int64[a + 1], all filled here; u is at least the number
            of the accounts' holdings.

    Returns:
        number of units: the rows of ``values`` that count.
    """
    unit_of_set = np.full(sets_count, -1, np.int64)
    return _sum_netting_sets(h, covered, rows, kinds, linear, unit_of_set, accounts, values, sets, offsets)


@in_place
def _sum_netting_sets(
    h: HoldingColumns,
    covered: Covered,
    rows: Float64s,
    kinds: Int8s,
    linear: int,
    unit_of_set: Int64s,
    accounts: Int64s,
    values: Float64s,
    sets: Int64s,
    offsets: Int64s,
) -> int:
    units = 0
    offsets[0] = 0
    for i in range(len(accounts)):
        account = accounts[i]
        approved = 1 if covered.approved[account] else 0
        begun = units
        for slot in range(h.first[account], h.first[account] + h.held[account]):
            key = h.key[slot]
            instrument = key >> INSTRUMENT_SHIFT
            if key & 1 or not (covered.silos[approved, instrument] >> ((key >> 1) & 7)) & 1:
                continue
            netting_set = covered.set_of_instrument[instrument]
            unit = unit_of_set[netting_set]
            quantity = h.quantity[slot]
            if unit >= begun:
                add_row(values, unit, rows, instrument, quantity, kinds, linear)
                continue
            # Units below `begun` are other accounts': the set is new in this one.
            unit_of_set[netting_set] = units
            sets[units] = netting_set
            for column in range(linear):
                values[units, column] = quantity * rows[instrument, column]
            for column in range(linear, len(kinds)):
                values[units, column] = weight(quantity, kinds[column]) * rows[instrument, column]
            units += 1
        offsets[i + 1] = units
    return units
