"""Plain twin of the aggregator: one unit, python floats, as the definition reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from engine.risk.kinds import LINEAR, LONG, SHORT


def weight(quantity: float, kind: int) -> float:
    """How a signed quantity enters a column of this kind."""
    if kind == LINEAR:
        return quantity
    if kind == LONG:
        return quantity if quantity > 0 else 0.0
    if kind == SHORT:
        return -quantity if quantity < 0 else 0.0
    return 0.0 if quantity == 0 else 1.0


def exposure(holdings: Iterable[tuple[float, Sequence[float]]], kinds: Sequence[int]) -> list[float]:
    """Exposure of one unit.

    Args:
        holdings: (signed quantity, row of k USD figures) of each.
        kinds: k column kinds.
    """
    terms = [
        [weight(quantity, kind) * figure for kind, figure in zip(kinds, row, strict=True)]
        for quantity, row in holdings
    ]
    return [math.fsum(column) for column in zip(*terms, strict=True)] if terms else [0.0] * len(kinds)
