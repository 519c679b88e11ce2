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
    for name, (dtype, value) in fills.items():
        old = getattr(owner, name)
        bigger = np.full((capacity, *old.shape[1:]), value, dtype)
        bigger[: len(old)] = old
        setattr(owner, name, bigger)
