"""Prices that are decoded and wait for the engine: of each instrument only the newest."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import compress
from operator import itemgetter
from typing import Any, TypeAlias

from aiokafka import TopicPartition

from streams.contracts.hot import HotPrice
from streams.inbound.light_records import Records, light_record
from streams.inbound.prices import PriceBatch
from streams.inbound.sorting import Batch

# Number of arrival, price, its record, and where that came from if the record does not say so itself.
_Waiting: TypeAlias = tuple[int, HotPrice, Any, TopicPartition | None]


class PriceBuffer:
    """Between the thread that decodes and the engine's; both may use it at the same time.

    While the engine is busy newer prices take the place of older ones, so what waits is bounded by the number of
    instruments, however fast prices come: the engine then sees every instrument less often, never later. The rule
    is the engine's own for one batch: the highest sequence wins, the first of equals. A price that the engine may
    refuse displaces nothing and is not displaced, so refusals are the same as without a buffer.
    """

    def __init__(self, limit: int) -> None:
        """``limit``: above so many waiting prices :attr:`full` asks for the engine to take them."""
        self._limit = limit
        self._lock = threading.Lock()
        self._newest: dict[str, _Waiting] = {}
        self._doubtful: list[_Waiting] = []
        self._arrived = 0

    @property
    def full(self) -> bool:
        """Whether more waits than a sound feed can bring: unknown instruments or doubtful prices."""
        return len(self._newest) + len(self._doubtful) > self._limit

    def put(self, batch: PriceBatch) -> None:
        """Add the prices of a batch that are not refused; counts those that another one supersedes."""
        messages: Iterable[tuple[HotPrice, Any]] = zip(batch.messages, batch.records, strict=True)
        if not batch.keep.all():
            messages = compress(messages, batch.keep.tolist())
        source = batch.records.tp if isinstance(batch.records, Records) else None
        with self._lock:
            superseded = self._put(messages, source)
            self._arrived += len(batch.messages)
        if superseded:
            batch.taken.counts[("prices", "superseded")] += superseded

    def _put(self, messages: Iterable[tuple[HotPrice, Any]], source: TopicPartition | None) -> int:
        newest, superseded = self._newest, 0
        for arrival, (price, record) in enumerate(messages, self._arrived):
            if _is_doubtful(price):
                self._doubtful.append((arrival, price, record, source))
                continue
            held = newest.get(price.instrument_id)
            superseded += held is not None
            if held is None or price.sequence > held[1].sequence:
                newest[price.instrument_id] = (arrival, price, record, source)
        return superseded

    def take(self) -> Batch[HotPrice]:
        """Take out all that waits."""
        with self._lock:
            waiting = [*self._newest.values(), *self._doubtful]
            if self._doubtful:  # of equal sequences the engine takes the first
                waiting.sort(key=itemgetter(0))
            self._newest, self._doubtful = {}, []
        records = [r if source is None else light_record(source, r) for _, _, r, source in waiting]
        return Batch("prices", [price for _, price, _, _ in waiting], records)


def _is_doubtful(price: HotPrice) -> bool:
    """Negative, crossed or empty: only the engine knows whether the instrument may have such a price."""
    bid, ask, mark = price.bid, price.ask, price.mark
    if bid is None or ask is None:
        lone = bid if ask is None else ask
        return (lone is None and mark is None) or (lone or 0.0) < 0.0 or (mark or 0.0) < 0.0
    return bid < 0.0 or bid > ask or (mark is not None and mark < 0.0)
