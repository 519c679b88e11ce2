"""What one evaluation pass takes on the demo's book, and what summing everything anew takes instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Final

import numpy as np

from engine.market.prices import PriceColumns
from engine.risk.kinds import LINEAR
from engine.state.engine import Engine
from tests.bench.day import opened_intake, simulation
from tests.bench.row import Row

PASSES: Final = 40
_MOVE: Final = 1e-4


class Mover:
    """An engine on the demo's book whose prices can be moved up and down."""

    def __init__(self) -> None:
        self.engine: Engine = opened_intake(simulation().opening()).engine
        market, holdings = self.engine.market, self.engine.holdings
        self.everything = np.flatnonzero(market.priced[: market.count])
        margined = self.engine.unified.exposures.unit_of_holding[: holdings.count] >= 0
        self.holders = np.bincount(holdings.instrument[: holdings.count][margined])
        self.most_held = int(np.argmax(self.holders))
        self._marks = market.mark[: market.count].copy()
        self._now_ns = market.valuation_time_ns
        self._number = 0

    def move(self, slots: np.ndarray) -> None:
        """A new mark for each of these instruments."""
        self._number += 1
        n, missing = len(slots), np.full(len(slots), np.nan)
        factor = 1.0 + _MOVE * (1 if self._number % 2 else -1)
        self.engine.apply_prices(
            PriceColumns(
                slots, missing, missing, self._marks[slots] * factor, missing,
                np.full(n, self._now_ns), self.engine.market.sequence[slots] + 1,
            )
        )  # fmt: skip

    def evaluate(self) -> int:
        """One pass at an unchanged time; number of accounts evaluated."""
        return len(self.engine.evaluate(self._now_ns).accounts)


def _median_ms(prepare: Callable[[], None], work: Callable[[], object]) -> float:
    times = []
    for _ in range(PASSES):
        prepare()
        started = time.perf_counter()
        work()
        times.append(1000.0 * (time.perf_counter() - started))
    return median(times[1:])


def measure() -> list[Row]:
    """One instrument moves, all move, and the sum of one exposure by itself."""
    mover = Mover()
    one = np.array([mover.most_held])
    name = mover.engine.market.instruments[mover.most_held].instrument_id
    holders = int(mover.holders[mover.most_held])
    one_ms = _median_ms(lambda: mover.move(one), mover.evaluate)
    all_ms = _median_ms(lambda: mover.move(mover.everything), mover.evaluate)
    whole = f"all {len(mover.everything)} instruments move"
    figure = "evaluation pass, 1,000 accounts"
    return [
        Row(f"{figure}: {name} moves ({holders} holders)", one_ms, "ms", None, False, whole, one_ms / all_ms),
        Row(f"{figure}: {whole}", all_ms, "ms"),
        *_sums(mover, one, holders),
    ]


def _sums(mover: Mover, one: np.ndarray, holders: int) -> list[Row]:
    """The linear sums of the unified rulebook: changed by one row, against positions x rows once more."""
    holdings, exposures = mover.engine.holdings, mover.engine.unified.exposures
    slots = np.flatnonzero(exposures.unit_of_holding[: holdings.count] >= 0)
    units, instruments = exposures.unit_of_holding[slots], holdings.instrument[slots]
    linear = np.flatnonzero(exposures.column_kinds == LINEAR)
    rows = exposures.rows[: mover.engine.market.count].copy()
    positions = np.zeros((exposures.count, len(rows)))
    np.add.at(positions, (units, instruments), holdings.quantity[slots])
    matrix = np.ascontiguousarray(rows[:, linear])
    full_ms = _median_ms(lambda: None, lambda: positions @ matrix)
    changed = {"rows": rows[one]}

    def another_row() -> None:
        changed["rows"] = changed["rows"] * (1.0 + _MOVE)

    step_ms = _median_ms(another_row, lambda: exposures.change_rows(one, changed["rows"], holdings))
    fresh = f"numpy positions x rows, {exposures.count} x {len(rows)} x {len(linear)}"
    figure = f"unified sums follow one instrument ({holders} holders)"
    return [Row(figure, step_ms, "ms", None, False, fresh, step_ms / full_ms), Row(fresh, full_ms, "ms")]
