"""Every story in memory, and all of them together on a real Kafka and a real worker: the same events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from streams.contracts.connection import connect_to
from streams.replay.file_engine import FileEngine
from streams.replay.market_file import merged
from streams.replay.price_feed import PriceFeed
from streams.replay.replay import ReplayResult, replay
from streams.replay.steps import Step, steps
from streams.replay.to_kafka import publish
from tests.broker.test_replay_through_kafka import InStep
from tests.broker.worker_harness import PARTITIONS, Harness
from tests.file_book import write_market
from tests.stories.stories import STORIES
from tests.stories.timeline import Story, book_of, market_rows, told

DAY_NS = 24 * 3600 * 10**9
# The pass of the last time is due when nothing has come for so long; a step never waits as long for the worker.
QUIET_MS = 5000


def course_of(stories: Iterable[Story], folder: Path, partitions: int) -> Iterable[Step]:
    stories = list(stories)
    market = write_market(folder, market_rows(stories))
    book = book_of(stories)
    return steps(book, PriceFeed(book), merged([market]), partitions)


def replayed(stories: Iterable[Story], folder: Path) -> tuple[ReplayResult, FileEngine]:
    stories = list(stories)
    files = FileEngine(book_of(stories))
    return replay(files, course_of(stories, folder, 12), DAY_NS), files


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story, tmp_path: Path) -> None:
    result, files = replayed([story], tmp_path)
    events = [event.model_dump(mode="json") for event in result.calls]
    assert told(events, story) == list(story.expected)
    assert tuple(problem.reason for problem in files.problems) == story.refused
    for event in events:
        late = event["state"] in {"overdue", "liquidation_eligible"}
        assert event["frozen"] == late
        assert event["liquidation_eligible"] == (event["state"] == "liquidation_eligible")
        assert (event["response"] is not None) == (event["reason"] == "OPERATOR")
        assert (event["deadline_ns"] is None) == (event["state"] in {"clear", "met", "warning", "cancelled"})


async def test_all_stories_on_a_real_worker(ordered_harness: Harness, tmp_path: Path) -> None:
    in_memory, _ = replayed(STORIES, tmp_path)
    worker = ordered_harness.start_worker(
        clock="event", parameters=_packaged(tmp_path), **{"clock-tick-ms": QUIET_MS}
    )
    await worker.ready()
    course = course_of(STORIES, tmp_path, PARTITIONS)
    await publish(
        connect_to(ordered_harness.bootstrap),
        ordered_harness.topics,
        book_of(STORIES),
        course,
        InStep(worker),
    )
    records = await ordered_harness.until("calls", lambda found: len(found) >= len(in_memory.calls))
    seen = [_event(json.loads(record.value)) for record in records]
    expected = [_event(event.model_dump(mode="json")) for event in in_memory.calls]
    for story in STORIES:  # an answer is taken at once, so accounts may come in another order within one time
        assert _of(seen, story) == _of(expected, story)
    assert len(seen) == len(expected)
    letters = await ordered_harness.read("call-responses.dlq")
    refused = Counter(dict(record.headers)["dlq.reason"].decode() for record in letters)
    assert refused == Counter(reason for story in STORIES for reason in story.refused)


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """An event but for the offsets, which only Kafka has."""
    return {name: value for name, value in event.items() if name not in {"inputs", "response_offset"}}


def _of(events: Iterable[dict[str, Any]], story: Story) -> list[dict[str, Any]]:
    return [event for event in events if event["account_id"] == story.name]


def _packaged(folder: Path) -> Path:
    """An empty folder: the packaged parameters, staleness included."""
    empty = folder / "packaged"
    empty.mkdir()
    return empty
