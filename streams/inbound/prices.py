"""Prices: decoded on any thread, then applied as columns on the engine's; every worker takes all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import Reason
from engine.base.units import NANOSECONDS_PER_MILLISECOND
from engine.market.prices import PriceColumns, PriceOutcome
from engine.state.engine import Engine
from streams.contracts.codec import PRICES
from streams.contracts.hot import HotPrice
from streams.inbound.parking import Missing, Parking
from streams.inbound.record import Record, Taken
from streams.inbound.sorting import Batch, DecodedBatch, full_detail

_NAMES: Final = ("applied", "duplicate", "late", "superseded")  # by PriceOutcome; what follows is refused
_REFUSALS: Final = {
    PriceOutcome.NOT_FINITE: (Reason.NOT_FINITE, "a price is not finite"),
    PriceOutcome.NEGATIVE: (Reason.NEGATIVE_PRICE, "a price is negative"),
    PriceOutcome.CROSSED: (Reason.CROSSED_QUOTE, "bid above ask"),
    PriceOutcome.EMPTY: (Reason.WRONG_TYPE, "neither bid, ask nor mark"),
    PriceOutcome.ZERO: (Reason.ZERO_PRICE, "an inverse contract has no value at a price of zero"),
}


class PriceBatch(DecodedBatch[HotPrice]):
    """Decoded prices.

    A source time further ahead of this worker's clock than the limit is refused: such a price would never
    grow stale. (Read again later it may pass, which does no harm: by then its time is not ahead any more.)
    """

    def __init__(self, records: Sequence[Record], now_ns: int, skew_limit_ms: int) -> None:
        super().__init__("prices", PRICES, records)
        limit_ns = now_ns + skew_limit_ms * NANOSECONDS_PER_MILLISECOND
        times = [price.source_time_ns for price in self.messages]
        newest_ns = max(times, default=0)
        if times:
            self.taken.newest_source_ns["prices"] = newest_ns
        if newest_ns <= limit_ns:
            return
        for index in np.flatnonzero(np.array(times, np.int64) > limit_ns).tolist():
            ahead_ms = (times[index] - now_ns) // NANOSECONDS_PER_MILLISECOND
            self.refuse(index, Reason.CLOCK_SKEW, f"source_time_ns is {ahead_ms} ms ahead")


def apply_prices(engine: Engine, parking: Parking, batch: Batch[HotPrice]) -> Taken:
    """Apply prices; of those of unknown instruments the newest waits."""
    slots = engine.instrument_slots([price.instrument_id for price in batch.messages])
    for index in np.flatnonzero((slots < 0) & batch.keep).tolist():
        _park(batch, parking, index)
    kept = batch.kept()
    if len(kept) == 0:
        return batch.taken
    outcomes = engine.apply_prices(_columns(batch.chosen(batch.messages, kept), slots[kept]))
    for index, outcome in batch.count(kept, outcomes, _NAMES):
        reason, what = _REFUSALS[PriceOutcome(outcome)]
        price = batch.messages[index]
        quote = f"bid {price.bid}, ask {price.ask}, mark {price.mark}"
        batch.refuse(index, reason, f"instrument {price.instrument_id}: {what}: {quote}")
    return batch.taken


def _park(batch: Batch[HotPrice], parking: Parking, index: int) -> None:
    """Only the newest price of an unknown instrument is worth keeping."""
    price, record = batch.messages[index], batch.records[index]
    missing = Missing("instrument", price.instrument_id)
    batch.keep[index] = False
    parked = parking.park_newest(missing, "prices", record, price.sequence)
    if parked is False:
        batch.refuse(index, Reason.PARKING_FULL, full_detail(missing))
    else:
        batch.taken.counts[("prices", "parked" if parked else "superseded")] += 1


def _columns(prices: Sequence[HotPrice], slots: NDArray[np.int64]) -> PriceColumns:
    return PriceColumns(
        slots=slots,
        bid=np.array([nan if p.bid is None else p.bid for p in prices], np.float64),
        ask=np.array([nan if p.ask is None else p.ask for p in prices], np.float64),
        mark=np.array([nan if p.mark is None else p.mark for p in prices], np.float64),
        implied_volatility=np.array(
            [nan if p.implied_vol is None else p.implied_vol for p in prices], np.float64
        ),
        source_time_ns=np.array([p.source_time_ns for p in prices], np.int64),
        sequence=np.array([p.sequence for p in prices], np.int64),
    )
