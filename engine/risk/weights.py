"""How a signed quantity enters an exposure column: the only place that knows, for all kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place
from engine.risk.kinds import LINEAR, LONG, SHORT

Float64s = NDArray[np.float64]
Int8s = NDArray[np.int8]


@in_place
def weight(quantity: float, kind: int) -> float:
    """Weight of a holding (quantity not 0) in a column of this kind."""
    if kind == LINEAR:
        return quantity
    if kind == LONG:
        return max(quantity, 0.0)
    if kind == SHORT:
        return max(-quantity, 0.0)
    return 1.0


@in_place
def add_row(
    values: Float64s, unit: int, rows: Float64s, row: int, quantity: float, kinds: Int8s, linear: int
) -> None:
    """``values[unit] += weight(quantity) * rows[row]``; the first ``linear`` columns are LINEAR."""
    for column in range(linear):
        values[unit, column] += quantity * rows[row, column]
    for column in range(linear, len(kinds)):
        values[unit, column] += weight(quantity, kinds[column]) * rows[row, column]


def leading_linear(kinds: Int8s) -> int:
    """How many columns from the first on are LINEAR."""
    others = np.flatnonzero(kinds != LINEAR)
    return int(others[0]) if len(others) else len(kinds)
