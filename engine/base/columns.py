"""Columns by slot that grow by doubling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Fill = tuple[Any, float]  # dtype, value of an unused row


def filled(fills: dict[str, Fill], capacity: int) -> dict[str, NDArray[Any]]:
    """One fresh column per entry, each full of its neutral value."""
    return {name: np.full(capacity, value, dtype) for name, (dtype, value) in fills.items()}


def grow(owner: object, fills: dict[str, Fill], capacity: int) -> None:
    """Replace the owner's columns by longer copies; new rows hold the neutral value."""
    for name, (_, value) in fills.items():
        setattr(owner, name, longer(getattr(owner, name), capacity, value))


def longer(column: NDArray[Any], capacity: int, value: float) -> NDArray[Any]:
    """A copy of so many rows; the new ones are full of the value."""
    grown = np.full((capacity, *column.shape[1:]), value, column.dtype)
    grown[: len(column)] = column
    return grown
