"""The Faust application: group membership, batches of the account topics, commits. Nothing else of Faust is used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

import faust

from streams.inbound.intake import GROUP_TOPICS
from streams.inbound.transport import BatchSchema, broker_urls, credentials, stage_batches
from streams.worker.settings import WorkerSettings
from streams.worker.turns import Turns

# Records of one poll over all partitions; with the bounds below it limits what waits in memory.
_POLL_RECORDS: Final = 5_000
_BUFFERED_BATCHES: Final = 4
# Batches of one topic that may wait for the engine together; with the buffer it bounds what waits in memory.
_BATCHES_AT_ONCE: Final = 12
# Offsets only say where dead letters go on and how far a restart has to skip, so they may lag by this.
_COMMIT_INTERVAL_S: Final = 1.0

Stage = Callable[[str, list[Any]], Any]
TakeBatch = Callable[[str, int, Any], Awaitable[bool]]
Assigned = Callable[[set[int], int], Awaitable[None]]

log = logging.getLogger(__name__)


def faust_app(
    settings: WorkerSettings, folder: str, stage: Stage, take_batch: TakeBatch, assigned: Assigned
) -> faust.App:
    """An app with one agent for each topic that the group reads.

    Args:
        folder: where Faust may make its (empty) data folder.
        stage: (topic, records) -> the batch, decoded; called on the thread of the Kafka client, while earlier
            batches wait for their turn. It must not raise.
        take_batch: (topic, partition, staged) -> whether the batch was taken. It must not raise; a batch
            that was not taken is not acknowledged.
        assigned: called with the partitions owned from now on and the group's generation.
    """
    app = faust.App(
        settings.group,
        broker=broker_urls(settings.bootstrap),
        broker_credentials=credentials(settings),
        store="memory://",
        datadir=folder,
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_buffer_maxsize=_BUFFERED_BATCHES,
        stream_wait_empty=False,  # a batch that is not acknowledged must not hold up a rebalance or the end
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance or None,
        broker_client_id="marginmon",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_commit_interval=_COMMIT_INTERVAL_S,
        broker_max_poll_records=_POLL_RECORDS,
    )
    names = {settings.topics[name].name: name for name in GROUP_TOPICS}
    stage_batches(app, lambda topic, records: stage(names[topic], records))
    told = ToldGeneration()
    for name in sorted(GROUP_TOPICS):
        _add_agent(app, settings, name, take_batch, told)
    trades = settings.topics["trades"].name

    async def on_assigned(_: Any, partitions: set[Any], **__: Any) -> None:
        # All these topics have the same partitions and the range assignor keeps them together.
        numbers = {tp.partition for tp in partitions if tp.topic == trades}
        generation = app.consumer_generation_id
        await assigned(numbers, generation)
        await told.tell(generation)

    app.on_partitions_assigned.connect(cast(Any, on_assigned), weak=False)
    return app


class ToldGeneration:
    """The latest generation of the group whose assignment the worker has been told of.

    Faust may deliver what it fetched for a new assignment before it says what was assigned. Taken then, a batch would
    go to whoever owned the partition before, be given up together with him, and never be fetched again.
    """

    def __init__(self) -> None:
        self._latest = -1
        self._changed = asyncio.Condition()

    async def tell(self, generation: int) -> None:
        """The worker has been told."""
        async with self._changed:
            self._latest = generation
            self._changed.notify_all()

    async def wait(self, generation: int) -> None:
        """Wait until the worker has been told of this generation or a later one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._latest >= generation)


def _add_agent(
    app: faust.App, settings: WorkerSettings, name: str, take_batch: TakeBatch, told: ToldGeneration
) -> None:
    topic = app.topic(settings.topics[name].name, schema=BatchSchema())

    async def take(stream: Any) -> None:
        manual = stream.noack()  # otherwise Faust commits what a failing handler left undone
        turns = Turns(_BATCHES_AT_ONCE)

        def is_of_now(event: Any) -> bool:
            """What was fetched before a rebalance comes again, to whoever owns it now. It is asked when its turn comes:
            were it taken although an earlier batch of before the rebalance was not, it would overtake that one, and the
            offset committed behind it would lose that one for good."""
            return bool(event.message.generation_id == app.consumer_generation_id)

        async def take_event(event: Any) -> None:
            await told.wait(event.message.generation_id)
            if not is_of_now(event):
                return
            if await take_batch(name, event.message.partition, event.value) and is_of_now(event):
                await manual.ack(event)

        try:
            async for event in manual.events():
                await turns.start(event.message.partition, partial(take_event, event))
        finally:
            await turns.stop()

    app.agent(topic, name=f"marginmon-{name}")(take)
