"""The event clock of a worker: prices in runs of one source time, never back."""

from __future__ import annotations

import json

from streams.replay.file_engine import FileRecord
from streams.replay.messages import FileMessage
from streams.worker.clock import EventClock, WallClock, by_source_time


def record(offset: int, value: bytes) -> FileRecord:
    return FileRecord(FileMessage("prices", 0, b"SPY", value, 0, ""), offset)


def price(offset: int, time_ns: int) -> FileRecord:
    return record(offset, json.dumps({"instrument_id": "SPY", "source_time_ns": time_ns}).encode())


def test_records_fall_into_runs_of_one_time_in_their_order() -> None:
    records = [price(0, 5), price(1, 5), price(2, 6), price(3, 5), record(4, b"{"), record(5, b'{"a": 1}')]
    runs = [(time_ns, [r.offset for r in run]) for time_ns, run in by_source_time(records)]
    assert runs == [(5, [0, 1]), (6, [2]), (5, [3]), (0, [4, 5])]


def test_the_event_clock_never_goes_back() -> None:
    clock = EventClock()
    assert clock.now_ns() == 0
    for time_ns, expected in ((5, 5), (3, 5), (9, 9), (0, 9)):
        clock.advance(time_ns)
        assert clock.now_ns() == expected


def test_the_wall_clock_is_later_than_this_code() -> None:
    assert WallClock().now_ns() > 1_750_000_000 * 10**9
