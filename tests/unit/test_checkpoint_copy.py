"""A partition's copy becomes a checkpoint only once nothing that it covers is in the air."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from engine.state.partition_image import ImageMismatchError
from streams.inbound.checkpoint import Checkpoint
from streams.worker.engine_thread import EngineThread
from streams.worker.keeper import Keeper
from streams.worker.metrics import WorkerMetrics
from streams.worker.settings import WorkerSettings
from tests.partition_log import PARTITION, PARTITIONS, Follower


class Publisher:
    """Has something to commit until it is told that it is done."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    async def drained(self) -> None:
        await self.done.wait()


@pytest.fixture
async def keeper(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keeper]:
    """A live partition on which nothing waits."""

    async def rest(_: Keeper) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Keeper, "_keep", rest)
    thread = EngineThread()
    services: Any = SimpleNamespace(
        settings=WorkerSettings(bootstrap="localhost:9", partitions=PARTITIONS), engine_thread=thread,
        intake=Follower().intake, metrics=WorkerMetrics(), checkpoints=None,
    )  # fmt: skip
    made = Keeper(PARTITION, services)
    made.live.set()
    publisher: Any = Publisher()
    publisher.done.set()
    made._publisher = publisher
    yield made
    await made.release()
    thread.stop()


async def copying(keeper: Keeper) -> asyncio.Task[Checkpoint | None]:
    """A copy that has been made of the engine, and whatever follows from that at once."""
    task = asyncio.create_task(keeper.copy())
    await asyncio.sleep(0)  # it queues its work for the engine's thread
    await keeper._services.engine_thread.run(lambda: None)  # behind it
    for _ in range(20):
        await asyncio.sleep(0)
    return task


async def test_nothing_in_the_air(keeper: Keeper) -> None:
    checkpoint = await keeper.copy()
    assert checkpoint is not None
    assert checkpoint.partition == PARTITION
    assert checkpoint.topics["trades"] == "margin.trades"


async def test_it_waits_for_dead_letters_of_what_was_taken(keeper: Keeper) -> None:
    with keeper.taking():
        task = await copying(keeper)
        assert not task.done()
    assert await task is not None


async def test_dead_letters_that_were_not_written_keep_it_from_being_one(keeper: Keeper) -> None:
    async def fail() -> None:
        with keeper.taking():
            begun.append(await copying(keeper))
            raise OSError("no broker")

    begun: list[asyncio.Task[Checkpoint | None]] = []
    with pytest.raises(OSError, match="no broker"):
        await fail()
    assert await begun[0] is None


async def test_it_waits_for_what_was_decided_to_be_committed(keeper: Keeper) -> None:
    publisher: Any = keeper._publisher
    publisher.done.clear()
    task = await copying(keeper)
    assert not task.done()
    publisher.done.set()
    assert await task is not None


async def test_a_partition_dropped_meanwhile_leaves_none(keeper: Keeper) -> None:
    publisher: Any = keeper._publisher
    publisher.done.clear()
    task = await copying(keeper)
    keeper._dropped.set()
    assert await task is None


async def test_a_partition_taken_again_meanwhile_leaves_none(keeper: Keeper) -> None:
    with keeper.taking():
        task = await copying(keeper)
        other: Any = Publisher()
        other.done.set()
        keeper._publisher = other
    assert await task is None


async def test_a_partition_that_is_not_live_leaves_none(keeper: Keeper) -> None:
    keeper.live.clear()
    assert await keeper.copy() is None


async def test_a_checkpoint_that_breaks_while_it_is_taken_leaves_the_partition_empty(keeper: Keeper) -> None:
    checkpoint = await keeper.copy()
    assert checkpoint is not None
    intake = keeper._services.intake
    broken: Any = SimpleNamespace(image=checkpoint.state.image, parts=None, parked=[], through={})
    intake.drop_partition(PARTITION)
    intake.take_partition(PARTITION)
    with pytest.raises(ImageMismatchError, match="could not be taken"):
        await keeper._take_state(broken)
    assert not intake.engine.partitions[PARTITION].live
    assert len(intake.engine.partitions[PARTITION].trades) == 0
    assert intake.high_water("trades", PARTITION) == -1
