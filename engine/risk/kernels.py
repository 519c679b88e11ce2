"""Numba kernels of the incremental sums.

``exposure[unit, column] = sum over holdings of weight(quantity, kind[column]) * row[instrument, column]``;
``weight`` is the only place that knows how a signed quantity enters a column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.risk.kinds import HELD, LINEAR, LONG, SHORT

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]


@kernel
def weight(quantity: float, kind: int, haircut_weight: float) -> float:
    """How a signed quantity enters a column of this kind."""
    if kind == LINEAR:
        return quantity
    if kind == LONG:
        return max(quantity, 0.0)
    if kind == SHORT:
        return max(-quantity, 0.0)
    if kind == HELD:
        return 1.0 if quantity != 0.0 else 0.0
    return quantity * haircut_weight if quantity > 0.0 else quantity


@kernel
def add_quantity_changes(
    values: Float64s,
    rows: Float64s,
    kinds: Int8s,
    units: Int64s,
    instruments: Int64s,
    haircut_weights: Float64s,
    old: Float64s,
    new: Float64s,
    dirty: Bools,
) -> None:
    """``values[unit] += (weight(new) - weight(old)) * row`` for each change, in order."""
    for i in range(len(units)):
        unit = units[i]
        if unit < 0:
            continue
        dirty[unit] = True
        row = rows[instruments[i]]
        for column in range(len(kinds)):
            kind = kinds[column]
            if kind == LINEAR:
                values[unit, column] += (new[i] - old[i]) * row[column]
            else:
                step = weight(new[i], kind, haircut_weights[i]) - weight(old[i], kind, haircut_weights[i])
                values[unit, column] += step * row[column]


@kernel
def add_row_changes(
    values: Float64s,
    changes: Float64s,
    kinds: Int8s,
    holdings: Int64s,
    offsets: Int64s,
    unit_of_holding: Int64s,
    quantity: Float64s,
    haircut_weight: Float64s,
    dirty: Bools,
) -> None:
    """``values[unit] += weight(quantity) * (row_new - row_old)`` for all holders of the moved instruments."""
    for i in range(len(offsets) - 1):
        change = changes[i]
        for j in range(offsets[i], offsets[i + 1]):
            holding = holdings[j]
            unit = unit_of_holding[holding]
            held = quantity[holding]
            if unit < 0 or held == 0.0:
                continue
            dirty[unit] = True
            for column in range(len(kinds)):
                kind = kinds[column]
                if kind == LINEAR:
                    values[unit, column] += held * change[column]
                else:
                    values[unit, column] += weight(held, kind, haircut_weight[holding]) * change[column]


@kernel
def rebuild_units(
    values: Float64s,
    rows: Float64s,
    kinds: Int8s,
    units: Int64s,
    first_of_unit: Int64s,
    next_of_unit: Int64s,
    instrument: Int64s,
    quantity: Float64s,
    haircut_weight: Float64s,
) -> None:
    """Sum the units anew from their holdings: ends float drift."""
    for i in range(len(units)):
        unit = units[i]
        values[unit, :] = 0.0
        holding = first_of_unit[unit]
        while holding >= 0:
            held = quantity[holding]
            if held != 0.0:
                row = rows[instrument[holding]]
                for column in range(len(kinds)):
                    values[unit, column] += weight(held, kinds[column], haircut_weight[holding]) * row[column]
            holding = next_of_unit[holding]


@kernel
def link_holdings(
    holdings: Int64s,
    units: Int64s,
    first_of_unit: Int64s,
    next_of_unit: Int64s,
    unit_of_holding: Int64s,
) -> None:
    """Put holdings at the head of their units' lists; unit -1 takes no part."""
    for i in range(len(holdings)):
        holding, unit = holdings[i], units[i]
        unit_of_holding[holding] = unit
        if unit >= 0:
            next_of_unit[holding] = first_of_unit[unit]
            first_of_unit[unit] = holding
