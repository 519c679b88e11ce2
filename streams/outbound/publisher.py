"""Publishing the call transitions of one partition: a fenced producer, one transaction a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.contracts.connection import Connection
from streams.outbound.calls import Outgoing

# The broker aborts a transaction of a dead worker after this, so readers wait no longer than that for it.
_TRANSACTION_TIMEOUT_MS: Final = 10_000
# A broker that does not answer within this fails the batch; the partition is then dropped and restored.
_REQUEST_TIMEOUT_MS: Final = 10_000
# A full batch is sent before the next one of its topic: with the client's 16 kB every three calls with evidence cost a
# round trip. What a pass brings fits into this, and this into the megabyte that brokers take.
_BATCH_BYTES: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction that is visible to read_committed consumers.

    Attributes:
        seconds: from begin to commit.
        newest_input_ms: per evaluation pass in it, the Kafka timestamp of the newest record it rests on.
    """

    records: int
    seconds: float
    newest_input_ms: tuple[int, ...]


class CallPublisher:
    """Owns the transactional id of one partition.

    Steps as in docs/guarantees.md: (1) :meth:`start` fences every earlier owner and ends its open transaction; (6) the
    records of a pass are queued; (7) what has queued up goes out in order in one transaction; (8) which is committed.
    After any error in 7 or 8 the outcome is unknown and the publisher is finished: the caller drops the partition and
    restores it from what was committed.
    """

    def __init__(self, connection: Connection, transactional_id: str) -> None:
        self._producer: AIOKafkaProducer = AIOKafkaProducer(
            **connection.options(),
            client_id=transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
        )
        self._queue: asyncio.Queue[tuple[Sequence[Outgoing], int]] = asyncio.Queue()

    async def start(self) -> None:
        """Fence earlier owners."""
        await self._producer.start()  # step 1

    def put(self, records: Sequence[Outgoing], newest_input_ms: int) -> None:
        """Queue the records of one evaluation pass."""
        self._queue.put_nowait((records, newest_input_ms))  # step 6

    async def run(self, committed: Callable[[Committed], None]) -> None:
        """Publish until cancelled; what has queued up meanwhile goes into one transaction.

        Raises:
            KafkaError: the batch may or may not have been committed.
        """
        while True:
            passes = [await self._queue.get()]
            while not self._queue.empty():
                passes.append(self._queue.get_nowait())
            records = [record for of_pass, _ in passes for record in of_pass]
            started = monotonic()
            await self._publish(records)
            newest = tuple(newest_ms for _, newest_ms in passes)
            committed(Committed(len(records), monotonic() - started, newest))
            for _ in passes:
                self._queue.task_done()

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        try:
            await self._publish_in_transaction(records)
        except (IllegalOperation, AssertionError) as error:
            raise self._cause(error) from error

    def _cause(self, error: Exception) -> KafkaError:
        """The error behind an operation that the client refuses.

        Its sender task notices a fence on its own; whichever call of ours comes next only hears that no
        transaction is open.
        """
        ended = self._producer._txn_manager.wait_for_transaction_end()
        cause: object = ended.exception() if ended is not None and ended.done() else None
        if isinstance(cause, KafkaError):
            return cause
        return KafkaError(f"transaction broke: {error!r}")

    async def _publish_in_transaction(self, records: Sequence[Outgoing]) -> None:
        async with self._producer.transaction():  # step 7; leaving it is step 8
            sent = [
                await self._producer.send_batch(batch, topic, partition=partition)
                for topic, partition, batch in self._batches(records)
            ]
            await asyncio.gather(*sent)

    def _batches(self, records: Sequence[Outgoing]) -> Iterator[tuple[str, int, BatchBuilder]]:
        """The records in order, as few batches a topic as they fit into.

        Handing over batches instead of records costs the event loop a tenth, and all topics of the transaction are
        announced to its coordinator at once.
        """
        filling: dict[tuple[str, int], BatchBuilder] = {}
        for record in records:
            place = (record.topic, record.partition)
            batch = filling.get(place)
            if batch is None or not _append(batch, record):
                if batch is not None:
                    yield *place, batch
                batch = filling[place] = self._producer.create_batch()
                _append(batch, record)  # an empty one takes a record of any size; the broker may refuse it
        for place, batch in filling.items():
            yield *place, batch

    async def drained(self) -> None:
        """Wait until everything queued is committed."""
        await self._queue.join()

    async def stop(self) -> None:
        """Close the connection; an open transaction is left to its timeout or to the next owner's fence."""
        await self._producer.stop()


def _append(batch: BatchBuilder, record: Outgoing) -> bool:
    """False if the batch is full."""
    headers = list(record.headers)
    taken = batch.append(key=record.key, value=record.value, timestamp=None, headers=headers)
    return taken is not None
