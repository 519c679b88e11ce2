"""When something happens that nobody thought of, the worker ends without acknowledging it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.contracts.topics import case_key, partition_of
from streams.inbound.restore import UnreadableCaseError
from streams.worker.app import MarginWorker
from streams.worker.settings import load_settings
from tests.broker.worker_harness import PARTITIONS, Harness

DEADLINE_S = 30.0


@pytest.fixture
async def harness(harness: Harness) -> Harness:
    await harness.instrument("SPY")
    await harness.account("A1")
    return harness


def in_process(harness: Harness) -> MarginWorker:
    flags = {"bootstrap": harness.bootstrap, "topic_prefix": harness.prefix, "partitions": PARTITIONS}
    return MarginWorker(
        load_settings(None, flags | {"group": harness.prefix + "group", "session_timeout_s": 6})
    )


async def test_a_batch_whose_handling_fails_is_never_acknowledged(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = in_process(harness)
    await worker.start()
    await asyncio.wait_for(worker.ready.wait(), DEADLINE_S)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a fault of the engine")

    monkeypatch.setattr(worker.engine, "apply_trades", broken)
    await harness.trade("A1", "t1", 1.0, 400.0)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(worker.failure, DEADLINE_S)
    monkeypatch.undo()
    await harness.trade("A1", "t2", 1.0, 400.0)  # what comes later must not be acknowledged either
    await worker.stop()
    tp = TopicPartition(harness.topics["trades"].name, partition_of("A1", PARTITIONS))
    async with AIOKafkaConsumer(
        bootstrap_servers=harness.bootstrap, group_id=harness.prefix + "group", enable_auto_commit=False
    ) as consumer:
        consumer.assign([tp])
        assert not await consumer.committed(tp)


async def test_a_crash_of_faust_is_the_workers_failure(harness: Harness) -> None:
    worker = in_process(harness)
    await worker.start()
    await worker._app.crash(RuntimeError("lost its mind"))
    with pytest.raises(RuntimeError, match="lost its mind"):
        await asyncio.wait_for(worker.failure, DEADLINE_S)
    await worker.stop()


async def test_an_unreadable_case_stops_the_worker_instead_of_doubling_a_call(harness: Harness) -> None:
    partition = partition_of("A1", PARTITIONS)
    await harness.send("call-cases", case_key("A1", "silo:securities"), b"scribble", partition)
    process = harness.start_worker()
    process.expected_to_end = True
    assert process.process.wait(timeout=60) == 1
    assert UnreadableCaseError.__name__ in process.err.read_text()
    assert f"partition {partition} offset 0" in process.err.read_text()
