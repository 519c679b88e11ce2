"""What one evaluation pass takes on the demo's book of 1,000 accounts."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.market.prices import PriceColumns
from tests.bench.day import opened_intake, simulation
from tests.bench.row import Row
from tests.bench.timing import median_ms

_MOVE: Final = 1e-4


class Mover:
    """An engine on the demo's book whose prices can be moved up and down."""

    def __init__(self) -> None:
        firm = simulation()
        self.engine = opened_intake(firm.opening()).engine
        market = self.engine.market
        held = Counter(name for account in firm.accounts for name in account.positions)
        self.most_held, self.holders = held.most_common(1)[0]
        self.everything = np.flatnonzero(market.priced[: market.count])
        self._marks = market.mark[: market.count].copy()
        self._now_ns = market.valuation_time_ns
        self._number = 0

    def prices(self, slots: NDArray[np.int64]) -> PriceColumns:
        """A new mark for each of these instruments."""
        self._number += 1
        n, missing = len(slots), np.full(len(slots), np.nan)
        factor = 1.0 + _MOVE * (1 if self._number % 2 else -1)
        return PriceColumns(
            slots, missing, missing, self._marks[slots] * factor, missing,
            np.full(n, self._now_ns), self.engine.market.sequence[slots] + 1,
        )  # fmt: skip

    def take(self, prices: Any) -> None:
        """Prices in, changes out, at an unchanged time."""
        self.engine.apply_prices(prices)
        self.engine.evaluate(self._now_ns)


def measure() -> list[Row]:
    """One instrument moves, all move."""
    mover = Mover()
    one = mover.engine.instrument_slots([mover.most_held])
    one_ms = median_ms(lambda: mover.prices(one), mover.take)
    all_ms = median_ms(lambda: mover.prices(mover.everything), mover.take)
    whole = f"all {len(mover.everything)} instruments move"
    figure = "evaluation pass, 1,000 accounts"
    moved = f"{mover.most_held} moves ({mover.holders} holders)"
    return [
        Row(f"{figure}: {moved}", one_ms, "ms", None, False, whole, one_ms / all_ms),
        Row(f"{figure}: {whole}", all_ms, "ms"),
    ]
