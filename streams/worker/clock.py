"""What time it is for a worker: the wall clock's time, or that of the data."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol

import msgspec

from streams.inbound.light_records import whole
from streams.inbound.record import Record


class Clock(Protocol):
    """Nanoseconds since 1970 UTC."""

    def now_ns(self) -> int: ...


class WallClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()


class EventClock:
    """The latest source time of a price; 0 before the first. It never goes back.

    For replayed days: as long as ``margin.prices`` has one partition, the passes of a worker then stand at the
    same times and see the same prices as those of ``marginmon replay``.
    """

    def __init__(self) -> None:
        self._time_ns = 0

    def now_ns(self) -> int:
        return self._time_ns

    def advance(self, time_ns: int) -> None:
        """Prices of this time have come."""
        self._time_ns = max(self._time_ns, time_ns)


class _Timed(msgspec.Struct):
    source_time_ns: int


_decode = msgspec.json.Decoder(_Timed).decode


def by_source_time(records: Sequence[Record]) -> Iterator[tuple[int, list[Record]]]:
    """Runs of price records with the same source time, in order; one that cannot be read has time 0."""
    for time_ns, run in groupby(whole(records), key=_source_time_ns):
        yield time_ns, list(run)


def _source_time_ns(record: Record) -> int:
    try:
        return _decode(record.value or b"").source_time_ns
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
