"""A worker that the group has forgotten and that does not come back owns nothing; its successor is not disturbed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from streams.worker.app import MarginWorker
from streams.worker.settings import load_settings
from tests.broker.worker_harness import DEADLINE_S, PARTITIONS, Harness


@pytest.fixture
async def harness(harness: Harness) -> Harness:
    await harness.instrument("SPY")
    for number in range(6):
        await harness.account(f"A{number}")
        await harness.opening(f"A{number}", 10_000.0)
    await harness.price("SPY", 400.0)
    return harness


async def lose_membership(worker: MarginWorker) -> None:
    """Its coordination hangs for good, and the broker gives its place away."""
    thread = worker._app.consumer._thread

    async def lose() -> None:
        coordinator = thread._ensure_consumer()._coordinator
        coordinator._coordination_task.cancel()
        await coordinator._maybe_leave_group()

    lost = asyncio.run_coroutine_threadsafe(lose(), thread.thread_loop)
    await asyncio.wait_for(asyncio.wrap_future(lost), DEADLINE_S)


@pytest.fixture
async def workers(harness: Harness) -> AsyncIterator[list[MarginWorker]]:
    """Two workers of one group in this process, not started."""
    flags = {"bootstrap": harness.bootstrap, "topic_prefix": harness.prefix, "partitions": PARTITIONS}
    settings = load_settings(None, flags | {"group": harness.prefix + "group", "session_timeout_s": 6})
    both = [MarginWorker(settings), MarginWorker(settings)]
    yield both
    for worker in both:
        await worker.stop()


async def test_a_worker_outside_the_group_drops_its_partitions_and_says_so(
    harness: Harness, workers: list[MarginWorker]
) -> None:
    lost, successor = workers
    await lost.start()
    await asyncio.wait_for(lost.ready.wait(), DEADLINE_S)
    assert len(lost.engine.partitions) == PARTITIONS
    await lose_membership(lost)
    deadline = time.monotonic() + DEADLINE_S
    while lost.engine.partitions or not lost.waiting_for():
        assert time.monotonic() < deadline, f"still owns {sorted(lost.engine.partitions)}"
        await asyncio.sleep(0.1)
    assert "membership" in lost.waiting_for()
    await successor.start()
    await asyncio.wait_for(successor.ready.wait(), DEADLINE_S)
    for number in range(6):
        await harness.trade(f"A{number}", f"t-{number}", 500.0, 400.0)
        await harness.calls(f"A{number}", "issued")
    assert len(successor.engine.partitions) == PARTITIONS
    assert not lost.engine.partitions
    for worker in workers:
        assert worker.metrics.registry.get_sample_value("marginmon_fenced_total") == 0
