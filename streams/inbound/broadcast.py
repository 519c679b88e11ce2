"""Topics that every worker reads in full: reference data and prices."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.contracts.connection import Connection
from streams.inbound.light_records import Records, with_light_records
from streams.inbound.log_reader import group_less_consumer, read_to_end
from streams.inbound.progress import Reading
from streams.inbound.record import Record, Refusal, Taken

_POLL_MS: Final = 1000
# Unpacking a fetch holds the event loop: a full one of every partition would hold up heartbeats and pages.
_POLL_RECORDS: Final = 5_000
_REFUSALS_KEPT: Final = 10_000

Take = Callable[[str, Sequence[Sequence[Record]]], Awaitable[Taken]]

log = logging.getLogger(__name__)


class Broadcast:
    """Follows a set of topics from the beginning, in the given order while catching up.

    Refusals: every worker sees the same bad records, one of them should write the dead letters. That is
    the reporter, the owner of account partition 0. How far it got is committed as offsets of ``group_id``
    (nobody joins that group), so a restart does not write them again. The others remember theirs, bounded,
    in case they become the reporter.

    Partitions added to these topics later are seen at the next restart.
    """

    def __init__(
        self, connection: Connection, client_id: str, group_id: str, topics: dict[str, str], take: Take
    ) -> None:
        """
        Args:
            topics: short name by full name, in reading order.
            take: gets a short name and batches, one a partition.
        """
        self._consumer: AIOKafkaConsumer = group_less_consumer(connection, client_id, group_id)
        self._topics = topics
        self._take = take
        self._refusals: deque[Refusal] = deque(maxlen=_REFUSALS_KEPT)
        self._committed: dict[TopicPartition, int] = {}

    async def start(self, partitions: Sequence[TopicPartition], reading: Reading) -> None:
        """Read all partitions of the topics to their present ends."""
        await self._consumer.start()
        with_light_records(self._consumer)
        self._consumer.assign(partitions)
        await reading.expect(self._consumer, partitions)
        for tp in partitions:
            self._committed[tp] = await self._consumer.committed(tp) or 0
        for name in self._topics:
            own = [tp for tp in partitions if tp.topic == name]
            async for tp, records in read_to_end(self._consumer, own, reading):
                await self._taken(name, [Records(tp, records)])

    async def follow(self) -> None:
        """Take what comes, until cancelled."""
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
            batches: dict[str, list[Records]] = {}
            for tp, records in fetched.items():
                batches.setdefault(tp.topic, []).append(Records(tp, records))
            for name, of_topic in batches.items():
                await self._taken(name, of_topic)

    async def _taken(self, name: str, batches: list[Records]) -> None:
        taken = await self._take(self._topics[name], batches)
        self.note(taken.refusals)

    def note(self, refusals: Sequence[Refusal]) -> None:
        """Remember refusals of these topics until they are written."""
        for refusal in refusals:
            source = TopicPartition(refusal.record.topic, refusal.record.partition)
            if source in self._committed and refusal.record.offset >= self._committed[source]:
                self._refusals.append(refusal)

    async def report(self, write: Callable[[Sequence[Refusal]], Awaitable[None]]) -> None:
        """As the reporter: write the refusals collected and remember how far that was."""
        refusals = list(self._refusals)
        if not refusals:
            return
        await self._refresh_committed()
        await write([r for r in refusals if r.record.offset >= self._committed[self._source(r)]])
        for refusal in refusals:
            source = self._source(refusal)
            self._committed[source] = max(self._committed[source], refusal.record.offset + 1)
        self._refusals.clear()
        try:
            await self._consumer.commit(self._committed)
        except KafkaError as error:  # the dead letters are written; at worst they are written again
            log.warning("offsets of the broadcast dead letters were not committed: %s", error)

    async def _refresh_committed(self) -> None:
        """An earlier reporter may have written what this worker has only collected."""
        for tp in self._committed:
            self._committed[tp] = max(self._committed[tp], await self._consumer.committed(tp) or 0)

    @staticmethod
    def _source(refusal: Refusal) -> TopicPartition:
        return TopicPartition(refusal.record.topic, refusal.record.partition)

    async def stop(self) -> None:
        """Close the connection."""
        await self._consumer.stop()
